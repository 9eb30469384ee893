import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { recordingHost, SimDisk } from "distributary/testkit";
import { Spool } from "../../core/agent/delivery/spool.ts";
import type { Header } from "../../core/assignment/assignment.ts";
import { decodeAssignment } from "../../core/assignment/decode.ts";
import { encodeAssignment } from "../../core/assignment/encode.ts";
import { PieceFile } from "../../core/assignment/piece-file.ts";
import { readFile, replaceFile } from "../../core/content/durable-file.ts";
import { hashOf, hexHashOf } from "../../core/content/hash.ts";
import { ObjectStore } from "../../core/content/objects.ts";
import { scan } from "../../core/content/scan.ts";
import { createSelection, takeEverything } from "../../core/content/selection.ts";
import { realDisk } from "../../core/runtime/disk.ts";
import brotli from "../../plugins/brotli/index.ts";
import gzip from "../../plugins/gzip/index.ts";
import posix from "../../plugins/posix/index.ts";
import windows from "../../plugins/windows/index.ts";
import zstd from "../../plugins/zstd/index.ts";
import { refusePortable, removeTree } from "../../sdk/index.ts";
import type { Command, Disk, Entry } from "../../sdk/index.ts";
import { simIo } from "../../sdk/testkit/sim/io.ts";
import { SiteTrial, emptyDisk, seen, site } from "../core/agent/site-trial.ts";
import { commitHeader, hashA } from "../core/assignment/sample.ts";
import { temporaryDirectory } from "../core/runtime/trusted-peers.ts";

const interpreter = recordingHost(posix).interpreters.get("posix");
const onWindows = recordingHost(windows).interpreters.get("windows");
const update: Header = { ...commitHeader, type: "update", parts: [emptyPart()] };
const file = (path: string, mode = 0o644): Command => {
  return { kind: "file", path, mode, mtimeMs: 1_000, sizeBytes: 0, hash: hexHashOf(), part: 0 };
};

function emptyPart(): Header["parts"][number] {
  const nothing = { offset: 0, base: [], sizeBytes: 0, deltaBytes: 0, blocks: [] };
  return { ...nothing, engine: "whole", compressor: "none", cipher: "none" };
}

/** Every kind of command, once with each path it has. */
const commandsWith = (path: string): readonly Command[] => [
  file(path),
  { kind: "directory", path, mode: 0o755 },
  { kind: "remove", path },
  { kind: "copy", from: "a", path, mode: 0o644, mtimeMs: 0 },
  { kind: "copy", from: path, path: "a", mode: 0o644, mtimeMs: 0 },
  { kind: "symlink", path, target: "a" },
  { kind: "attributes", path, mode: 0o644 },
];

async function build(
  disk: Disk,
  commands: readonly Command[],
  base?: { directory: string; entries: readonly Entry[] },
) {
  const directory = disk === realDisk ? join(temporaryDirectory(), "release") : "/release";
  disk.makeDirectory(directory);
  const work = { site: "s", directory, commands: () => commands, content: () => [Buffer.from("new")] };
  const start = base === undefined ? {} : { base: { directory: base.directory, entries: () => base.entries } };
  await interpreter.build({ ...work, ...start }, simIo({ disk }), new AbortController().signal);
  return directory;
}

describe("SEC-24: a byte changed on a disk", () => {
  const data = Buffer.from("what control signed, in two pieces".padEnd(1_500, "."));
  const table = {
    sizeBytes: 1_500,
    pieceBytes: 1_024,
    pieceHashes: Buffer.concat([hashOf(data.subarray(0, 1_024)), hashOf(data.subarray(1_024))]),
  };

  it("of control's own data is found out before it is sent", () => {
    const path = join(temporaryDirectory(), "data");
    writeFileSync(path, data);
    const pieces = new PieceFile(realDisk, path, hashA, table);
    expect(pieces.read(0)).toHaveLength(1_024);
    writeFileSync(path, Buffer.from(data).fill(0, 1_400, 1_401));
    expect(pieces.read(0)).toHaveLength(1_024);
    expect(() => pieces.read(1)).toThrow(expect.objectContaining({ code: "DIST_ERR_TRANSFER_PIECE" }));
  });

  it("of a node's spool is found out before it is passed on, and fetched again after a restart", () => {
    const directory = temporaryDirectory();
    const assignment = { id: hashA, header: { ...commitHeader, data: table }, commands: () => [] };
    const pieces = new Spool(realDisk, directory).open(assignment);
    pieces.write(0, data.subarray(0, 1_024));
    pieces.write(1, data.subarray(1_024));
    writeFileSync(join(directory, hashA, "1"), Buffer.alloc(476));
    expect(() => pieces.read(1)).toThrow(expect.objectContaining({ code: "DIST_ERR_TRANSFER_PIECE" }));
    const again = new Spool(realDisk, directory).open(assignment);
    expect([again.has(0), again.has(1), again.arrivedBytes]).toEqual([true, false, 1_024]);
  });
});

describe("SEC-26: a path that leads out of the site, or is none", () => {
  const long = "x".repeat(256);
  const bad = ["../x", "a/../../x", "..", ".", "/etc/passwd", "//x", "a//b", "a/", "", "a\0b", long, "ü".repeat(128)];
  const huge = [`${"a/".repeat(2_100)}a`, `${"d/".repeat(256)}f`, "d/".repeat(10_000), "../".repeat(10_000)];

  it.each([...bad, ...huge].map((path) => [JSON.stringify(path.slice(0, 40)), path]))(
    "like %s is refused as it is read",
    (_, path) => {
      for (const command of commandsWith(path)) {
        const buffer = encodeAssignment(update, [command]);
        expect(() => decodeAssignment(buffer)).toThrow(expect.objectContaining({ code: "DIST_ERR_PATH_INVALID" }));
      }
    },
  );

  const foreign = [
    "..\\x",
    "C:\\x",
    "C:x",
    "\\\\host\\share",
    "\\\\?\\C:\\x",
    "a:b",
    "CON",
    "aux.txt",
    "a/NUL",
    "a.",
    "a ",
    "a\n",
    "a::$DATA",
  ];
  it.each(foreign)("like %j is refused where names must be portable, and by Windows", (path) => {
    expect(refusePortable(path)).toBeDefined();
    expect(onWindows.refuse?.(path)).toBeDefined();
  });
});

describe("SEC-27: a symbolic link in the way", () => {
  it("is not followed by what opens, changes, lists or deletes", () => {
    const root = temporaryDirectory();
    mkdirSync(join(root, "outside"));
    writeFileSync(join(root, "outside/secret"), "secret", { mode: 0o640 });
    symlinkSync(join(root, "outside/secret"), join(root, "link"));
    mkdirSync(join(root, "tree"));
    symlinkSync(join(root, "outside"), join(root, "tree/way"));
    const link = join(root, "link");
    for (const how of ["read", "create", "append"] as const) expect(() => realDisk.open(link, how), how).toThrow();
    expect(() => realDisk.chmod(link, 0o777)).toThrow();
    expect(() => realDisk.list(join(root, "tree/way"))).toThrow();
    realDisk.setMtime(link, 1_000);
    removeTree(realDisk, join(root, "tree"));
    expect(readFileSync(join(root, "outside/secret"), "utf8")).toBe("secret");
    const { mode, mtimeMs } = statSync(join(root, "outside/secret"));
    expect([mode & 0o777, mtimeMs > 1_000]).toEqual([0o640, true]);
  });

  it("of the base, or of the same assignment, is no way for a file", async () => {
    const link: Entry = { type: "symlink", path: "way", target: "there" };
    const base = { directory: "/nowhere", entries: [link] };
    const refused = { code: "DIST_ERR_COMMAND_REFUSED" };
    await expect(build(realDisk, [file("way/x")], base)).rejects.toMatchObject(refused);
    const own: Command[] = [{ kind: "symlink", path: "way", target: "." }, file("way/x")];
    await expect(build(realDisk, own)).rejects.toMatchObject(refused);
  });
});

it("SEC-28: a file that somebody gave a second name outside keeps its bytes, mode and time there", async () => {
  const root = temporaryDirectory();
  mkdirSync(join(root, "base"));
  const outside = join(root, "shadow");
  writeFileSync(outside, "root:x", { mode: 0o640 });
  const { mtimeMs } = statSync(outside);
  const entries: Entry[] = ["a", "b", "c"].map((path) => {
    linkSync(outside, join(root, "base", path));
    return {
      type: "file",
      path,
      mode: 0o640,
      sizeBytes: 6,
      mtimeMs: Math.floor(mtimeMs),
      hash: hexHashOf(Buffer.from("root:x")),
    };
  });
  const commands: Command[] = [
    file("a"),
    { kind: "attributes", path: "b", mode: 0o666, mtimeMs: 5_000 },
    { kind: "copy", from: "c", path: "d", mode: 0o666, mtimeMs: 5_000 },
  ];
  const release = await build(realDisk, commands, { directory: join(root, "base"), entries });
  const after = statSync(outside);
  expect([readFileSync(outside, "utf8"), after.mode & 0o7777, after.mtimeMs]).toEqual(["root:x", 0o640, mtimeMs]);
  for (const name of ["a", "b", "d"]) expect(statSync(join(release, name)).ino).not.toBe(after.ino);
});

describe("SEC-29: what is more than a file with permissions", () => {
  it.each([0o4755, 0o2755, 0o1777, 0o10644, -1, 0.5, 2 ** 40])("cannot be said: mode %o", (mode) => {
    const made: Command[] = [
      file("x", mode),
      { kind: "directory", path: "x", mode },
      { kind: "attributes", path: "x", mode },
      { kind: "copy", from: "a", path: "x", mode, mtimeMs: 0 },
    ];
    for (const command of made) {
      expect(() => decodeAssignment(encodeAssignment(update, [command]))).toThrow(
        expect.objectContaining({ code: "DIST_ERR_ASSIGNMENT_FORMAT" }),
      );
    }
  });

  it("is passed over in staging: pipes, sockets, set-uid bits", async () => {
    const root = temporaryDirectory();
    const staging = join(root, "staging");
    for (const directory of [staging, join(root, "objects")]) mkdirSync(directory);
    execFileSync("mkfifo", [join(staging, "pipe")]);
    const server = createServer();
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(join(staging, "socket"), resolve));
    writeFileSync(join(staging, "tool"), "#!/bin/sh\n");
    chmodSync(join(staging, "tool"), 0o4755);
    const objects = new ObjectStore(realDisk, join(root, "objects"), "test");
    const found = scan(realDisk, staging, { selection: createSelection(takeEverything), objects, startedAt: 0 });
    expect(found.manifest).toMatchObject([{ type: "file", path: "tool", mode: 0o755 }]);
    expect([...found.passedOver].sort()).toEqual(["pipe", "socket"]);
  });
});

describe("SEC-30: two names that are one on the node's file system", () => {
  const folds: Record<string, (name: string) => string> = {
    case: (name) => name.toLowerCase(),
    normalization: (name) => name.normalize("NFC"),
    "full folding": (name) => name.normalize("NFKD").toLowerCase().replaceAll("ß", "ss"),
    "dots and spaces at the end": (name) => name.replace(/[. ]+$/, ""),
    "short names": (name) => (/^(longfi~1|longfilename\.txt)$/i.test(name) ? "longfi~1" : name),
  };
  it.each([
    ["case", "File", "file"],
    ["normalization", "é", "e\u0301"],
    ["full folding", "straße", "STRASSE"],
    ["dots and spaces at the end", "a.", "a"],
    ["dots and spaces at the end", "a ", "a"],
    ["short names", "LONGFI~1", "longfilename.txt"],
  ])("(%s) are refused: %j and %j", async (fold, first, second) => {
    const disk = new SimDisk({ fold: folds[fold] ?? ((name) => name) });
    await expect(build(disk, [file(first), file(second)])).rejects.toMatchObject({ code: "DIST_ERR_PATH_COLLISION" });
  });
});

describe("SEC-31: a small block that unpacks to very much", () => {
  const compressors = {
    gzip: recordingHost(gzip).compressors.get("gzip"),
    brotli: recordingHost(brotli).compressors.get("brotli"),
    zstd: recordingHost(zstd).compressors.get("zstd"),
  };
  const damaged = expect.objectContaining({ code: "DIST_ERR_COMPRESS_DAMAGED" }) as Error;
  const zeros = new Uint8Array(64 << 20);

  it.each(Object.entries(compressors))("by %s stops at the size that was said", (_, compressor) => {
    const bomb = compressor.compress(zeros);
    expect(bomb.length).toBeLessThan(100_000);
    const before = process.memoryUsage().arrayBuffers;
    expect(() => compressor.decompress(bomb, 1_000)).toThrow(damaged);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
  });

  it("by members of gzip in a row, or one inside the other, is no more than the block", () => {
    const members = Buffer.concat(Array.from({ length: 1_000 }, () => gzipSync("bomb")));
    expect(() => compressors.gzip.decompress(members, 4)).toThrow(damaged);
    const inner = gzipSync(zeros.subarray(0, 1 << 20));
    expect(Buffer.from(compressors.gzip.decompress(gzipSync(inner), inner.length)).equals(inner)).toBe(true);
  });

  it.each([27, 30, 31, 41])("by a zstd frame with a window of 2^%i bytes is refused", (log) => {
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (log - 10) << 3, 0x01, 0x00, 0x00]);
    expect(() => compressors.zstd.decompress(frame, 100)).toThrow(damaged);
  });
});

describe("SEC-35: a disk that fails at any operation", () => {
  it.each(["ENOSPC", "EIO", "EPERM"] as const)(
    "with %s leaves what is live, whole, and takes the next publish",
    async (fault) => {
      for (let count = 1, isOver = false; !isOver; count += 1) {
        const trial = new SiteTrial(emptyDisk());
        await trial.publish(1, 1, 0);
        const before = trial.disk.operations;
        trial.disk.failAt(count, fault);
        const failed = await trial.publish(2, 3, 1).then(
          () => false,
          () => true,
        );
        isOver = trial.disk.operations - before < count;
        expect([1, 2], `operation ${count}`).toContain(seen(trial.disk));
        if (!failed) continue;
        trial.releases.recover();
        const live = seen(trial.disk);
        await trial.publish(3, 10, live);
        expect(seen(trial.disk), `operation ${count}`).toBe(3);
      }
    },
  );
});

it("SEC-36: a record of the journal that rotted is damage, not its end: nothing goes back unnoticed", async () => {
  const disk = emptyDisk();
  const trial = new SiteTrial(disk);
  await trial.publish(1, 1, 0);
  await trial.publish(2, 3, 1);
  const path = `${site}/.dst/journal`;
  const bytes = Buffer.from(readFile(disk, path) ?? []);
  const at = bytes.indexOf('"serial":3');
  bytes[at + 2] = (bytes[at + 2] ?? 0) ^ 1;
  replaceFile(disk, path, bytes);
  expect(() => new SiteTrial(disk).releases.recover()).toThrow(
    expect.objectContaining({ code: "DIST_ERR_JOURNAL_DAMAGED" }),
  );
  expect(seen(disk)).toBe(2);
});
