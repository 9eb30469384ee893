import { execFileSync } from "node:child_process";
import { linkSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encode } from "cborg";
import { describe, expect, it } from "vitest";
import { recordingHost, SimDisk } from "distributary/testkit";
import { Spool } from "../../core/agent/delivery/spool.ts";
import type { Header } from "../../core/assignment/assignment.ts";
import { decodeAssignment } from "../../core/assignment/decode.ts";
import { hashOf, hexHashOf } from "../../core/content/hash.ts";
import { takeEverything } from "../../core/content/selection.ts";
import { Versions } from "../../core/content/versions.ts";
import { planScan } from "../../core/control/jobs/plan.ts";
import { realDisk } from "../../core/runtime/disk.ts";
import { readConfig } from "../../config/load.ts";
import type { Policy } from "../../config/policy.ts";
import posix from "../../plugins/posix/index.ts";
import type { Command, Disk, Entry } from "../../sdk/index.ts";
import { nameFromBytes } from "../../sdk/path.ts";
import { simIo } from "../../sdk/testkit/sim/io.ts";
import { overlay } from "../core/agent/site-trial.ts";
import { assemble } from "../fuzz/assignment-mutations.ts";
import { commitHeader, fullHeader, hashA } from "../core/assignment/sample.ts";
import { temporaryDirectory } from "../core/runtime/trusted-peers.ts";

const interpreter = recordingHost(posix).interpreters.get("posix");
const failing = (code: string) => expect.objectContaining({ code }) as Error;
const never = new AbortController().signal;
const nothing = { offset: 0, base: [], sizeBytes: 0, deltaBytes: 0, blocks: [], compressor: "none", cipher: "none" };
const update: Header = { ...commitHeader, type: "update", parts: [{ ...nothing, engine: "whole" }] };
const content = Buffer.from("new");
const file = (path: string, mode = 0o644): Command => {
  return { kind: "file", path, mode, mtimeMs: 1_000, sizeBytes: content.length, hash: hexHashOf(content), part: 0 };
};

/** Reads an update of these commands, which need be none that anybody would write. */
const read = (header: object, ...commands: readonly unknown[]) =>
  decodeAssignment(assemble(encode(header), Buffer.concat(commands.map((command) => encode(command)))));

async function build(disk: Disk, directory: string, commands: readonly Command[], base: readonly Entry[] = []) {
  disk.makeDirectory(directory);
  const start = { base: { directory: `${directory}.base`, entries: () => base } };
  const work = { site: "s", directory, ...start, commands: () => commands, content: () => [content] };
  await interpreter.build(work, simIo({ disk }), never);
}

describe("SEC-26: a path", () => {
  const bad = [
    "../x",
    "a/../../x",
    "..",
    "/etc/passwd",
    "a//b",
    "a/",
    "",
    "a\0b",
    "x".repeat(256),
    "d/".repeat(10_000),
  ];
  const rest = { mode: 0o644, mtimeMs: 0, sizeBytes: 0, hash: hashA, part: 0 };

  it.each(bad.map((path) => [JSON.stringify(path.slice(0, 20)), path] as const))(
    "like %s is refused as bytes too, wherever one can stand",
    (_, text) => {
      for (const path of [text, Buffer.from(text)]) {
        const commands = [
          { kind: "file", path, ...rest },
          { kind: "directory", path, mode: 0o755 },
          { kind: "remove", path },
          { kind: "symlink", path, target: "a" },
          { kind: "copy", from: path, path: "a", mode: 0o644, mtimeMs: 0 },
        ];
        for (const command of commands) expect(() => read(update, command)).toThrow(failing("DIST_ERR_PATH_INVALID"));
        const [part] = fullHeader.parts;
        const parts = [{ ...part, base: [path] }, fullHeader.parts[1]];
        expect(() => read({ ...fullHeader, parts })).toThrow(failing("DIST_ERR_PATH_INVALID"));
      }
    },
  );

  it("with `..` and `/` in overlong UTF-8 is the name of those bytes, in its place", async () => {
    const root = temporaryDirectory();
    for (const hex of ["c0aec0aec0af78", "e080aee080aee080af", "c0ae", "c0af", "f08080af", "2e2ec0af"]) {
      const bytes = Buffer.from(hex, "hex");
      const { commands } = read(update, { kind: "directory", path: bytes, mode: 0o755 });
      expect([...commands()]).toMatchObject([{ path: nameFromBytes(bytes) }]);
      await build(realDisk, join(root, hex), [...commands()]);
      expect(readdirSync(join(root, hex), { encoding: "buffer" }).map((name) => name.toString("hex"))).toEqual([hex]);
    }
    expect(readdirSync(root)).toHaveLength(6);
  });
});

describe("SEC-28: a name that somebody has taken before", () => {
  it("in a release being made is no way to a file outside of it", async () => {
    const root = temporaryDirectory();
    const outside = join(root, "shadow");
    writeFileSync(outside, "root:x", { mode: 0o640 });
    const before = statSync(outside);
    // Faster than the agent: as soon as a name is about to be made, it is another name of that file.
    const raced = overlay(realDisk, {
      open(path, how) {
        if (how === "create") linkSync(outside, path);
        return realDisk.open(path, how);
      },
    });
    await expect(build(raced, join(root, "release"), [file("a")])).rejects.toMatchObject({
      code: "DIST_ERR_PATH_COLLISION",
    });
    const { ino, mode, mtimeMs } = statSync(outside);
    expect([readFileSync(outside, "utf8"), mode, mtimeMs]).toEqual(["root:x", before.mode, before.mtimeMs]);
    expect(ino).toBe(before.ino);
  });

  it("in the spool is taken away, not written through", () => {
    const root = temporaryDirectory();
    const outside = join(root, "shadow");
    writeFileSync(outside, "root:x");
    const table = { sizeBytes: 3, pieceBytes: 1_024, pieceHashes: hashOf(content) };
    const assignment = { id: hashA, header: { ...commitHeader, data: table }, commands: () => [] };
    const pieces = new Spool(realDisk, join(root, "spool")).open(assignment);
    linkSync(outside, join(root, "spool", hashA, "0"));
    pieces.write(0, content);
    expect(readFileSync(outside, "utf8")).toBe("root:x");
    expect(Buffer.from(pieces.read(0))).toEqual(content);
  });
});

describe("SEC-29: what is more than a file with permissions", () => {
  const kinds = ["device", "fifo", "socket", "hardlink", "link", "mknod", "chown", "owner", "xattr", "acl", "exec"];

  it.each(kinds)("cannot be said: a command '%s'", (kind) => {
    const fields = { path: "a", mode: 0o644, major: 1, minor: 3, target: "b", uid: 0, gid: 0, line: "id" };
    expect(() => read(update, { kind, ...fields })).toThrow(failing("DIST_ERR_ASSIGNMENT_FORMAT"));
    expect(() => read(update, { kind, path: "a" })).toThrow(failing("DIST_ERR_ASSIGNMENT_FORMAT"));
  });

  it.each(["uid", "gid", "owner", "group", "xattrs", "acl", "flags", "rdev", "capabilities"])(
    "cannot be said: a file with '%s'",
    (field) => {
      for (const value of [0, "root", { "security.capability": "x" }]) {
        const command = { ...file("a"), [field]: value };
        expect(() => read(update, command), String(value)).toThrow(failing("DIST_ERR_ASSIGNMENT_FORMAT"));
      }
    },
  );

  it("does not come out of a release either: it is the agent's own, with no more rights than were published", async () => {
    const root = temporaryDirectory();
    await build(realDisk, join(root, "release"), [
      { kind: "directory", path: "d", mode: 0o777 },
      file("d/open", 0o777),
    ]);
    for (const path of ["d", "d/open"]) {
      const { uid, mode, nlink } = statSync(join(root, "release", path));
      expect([uid, mode & 0o7777, nlink], path).toEqual([process.getuid?.(), 0o777, path === "d" ? 2 : 1]);
    }
  });

  /** Publishes a directory as control does; the manifest, and what was passed over. */
  function published(staging: string, exclude: readonly string[] = []) {
    const directory = temporaryDirectory();
    const config = { ...takeEverything, exclude, staging, group: "web", policy: "default" };
    const policy = readConfig("policies: { p: {} }", "x.yaml").config.policies["p"] as Policy;
    const request = { job: "j", site: "www", config, policy, liveVersion: undefined, allowEmpty: true, version: 1 };
    const { passedOver } = planScan({ disk: realDisk, directory }, request, () => {});
    return { directory, passedOver, manifest: new Versions(realDisk, join(directory, "sites/www")).read(1) };
  }

  it("is passed over in staging: devices", () => {
    const wanted = ["null", "zero", "tty"];
    const { manifest, passedOver } = published(
      "/dev",
      readdirSync("/dev").filter((name) => !wanted.includes(name)),
    );
    expect([manifest, [...passedOver].sort()]).toEqual([[], [...wanted].sort()]);
  });

  it("stays behind in staging: attributes that programs give to files", () => {
    const staging = temporaryDirectory();
    writeFileSync(join(staging, "tool"), content, { mode: 0o755 });
    execFileSync("setfattr", ["--name=user.rights", "--value=all", join(staging, "tool")]);
    const { directory, manifest } = published(staging);
    expect(manifest).toEqual([
      {
        type: "file",
        path: "tool",
        mode: 0o755,
        mtimeMs: expect.any(Number) as number,
        sizeBytes: 3,
        hash: hexHashOf(content),
      },
    ]);
    const attributes = execFileSync("getfattr", ["--recursive", "--absolute-names", "--match=-", directory]);
    expect(attributes.toString()).not.toContain("user.rights");
  });
});

describe("SEC-30: two names that are one on the node's file system", () => {
  const pairs = [
    ["File", "file"],
    ["stra\u00dfe", "strasse"],
    ["e\u0301", "\u00e9"],
    ["a.", "a"],
    ["a ", "a"],
    ["a::$DATA", "a"],
    ["LONGFI~1", "longfilename.txt"],
  ] as const;
  const fold = (name: string) =>
    name
      .replace(/::\$DATA$/, "")
      .replace(/[. ]+$/, "")
      .replace(/^longfilename\.txt$/, "longfi~1")
      .normalize("NFKD")
      .toLowerCase()
      .replaceAll("\u00df", "ss");
  const makes: Record<string, (path: string) => Command[]> = {
    file: (path) => [file(path)],
    directory: (path) => [{ kind: "directory", path, mode: 0o755 }],
    "full directory": (path) => [{ kind: "directory", path, mode: 0o755 }, file(`${path}/in`)],
    link: (path) => [{ kind: "symlink", path, target: "." }],
  };
  const stage = ({ kind }: Command) => (kind === "directory" ? 0 : 1);
  const combinations = Object.keys(makes).flatMap((a) => Object.keys(makes).map((b) => [a, b] as const));

  it.each(combinations)("are refused as %s and %s, also if one is in the base", async (a, b) => {
    for (const [first, second] of [...pairs, ...pairs.map(([one, two]) => [two, one] as const)]) {
      const [left, right] = [makes[a]?.(first) ?? [], makes[b]?.(second) ?? []];
      const together = [...left, ...right].sort((one, two) => stage(one) - stage(two));
      const disk = () => new SimDisk({ fold });
      await expect(build(disk(), "/r", together), `${first} ${second}`).rejects.toThrow(
        failing("DIST_ERR_PATH_COLLISION"),
      );
      const withBase = disk();
      const entries = left.map((command) => entryOf(command));
      withBase.makeDirectory("/r.base");
      for (const entry of entries) {
        if (entry.type === "directory") withBase.makeDirectory(`/r.base/${entry.path}`);
        else if (entry.type === "file") withBase.open(`/r.base/${entry.path}`, "create").close();
      }
      await expect(build(withBase, "/r", right, entries), `${first} ${second}`).rejects.toThrow(
        failing("DIST_ERR_PATH_COLLISION"),
      );
    }
  });
});

function entryOf(command: Command): Entry {
  if (command.kind === "directory") return { type: "directory", path: command.path, mode: command.mode };
  if (command.kind === "symlink") return { type: "symlink", path: command.path, target: command.target };
  if (command.kind !== "file") throw new TypeError(command.kind);
  const { path, mode, sizeBytes, mtimeMs, hash } = command;
  return { type: "file", path, mode, sizeBytes, mtimeMs, hash };
}
