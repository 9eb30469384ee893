import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { hexHashOf } from "../../../core/content/hash.ts";
import { ObjectStore } from "../../../core/content/objects.ts";
import { keepTimes, scan } from "../../../core/content/scan.ts";
import type { Scan, ScanOptions } from "../../../core/content/scan.ts";
import { createSelection, takeEverything } from "../../../core/content/selection.ts";
import { realDisk } from "../../../core/runtime/disk.ts";
import type { Disk } from "../../../sdk/index.ts";
import { writeFile } from "../../../sdk/testkit/disk-subject.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";
import { plantTree } from "../../../sdk/testkit/tree-model.ts";
import type { Leaf, Tree } from "../../../sdk/testkit/tree-model.ts";
import { manifestOf, overlay, overlayFile } from "../agent/site-trial.ts";

const file = (content: string, mode = 0o644): Leaf => ({ type: "file", mode, mtimeMs: 1_700_000_000_000, content });
const directory = (mode = 0o755): Leaf => ({ type: "directory", mode });
const longAgo = Date.UTC(2026, 0, 1) + 10_000_000;

function planted(tree: Tree): SimDisk {
  const disk = new SimDisk();
  for (const path of ["/staging", "/objects"]) disk.makeDirectory(path, 0o755);
  plantTree(disk, "/staging", tree);
  return disk;
}

function scanned(disk: Disk, options: Partial<ScanOptions> = {}): Scan {
  const objects = new ObjectStore(disk, "/objects", "job");
  const found = scan(disk, "/staging", {
    selection: createSelection(takeEverything),
    objects,
    startedAt: longAgo,
    ...options,
  });
  objects.settle();
  return found;
}

const paths = ({ manifest }: Scan) => manifest.map(({ path }) => path);

describe("a scan", () => {
  it("lists everything with modes, times, targets and hashes, and takes every content in", () => {
    const tree: Tree = {
      "index.html": file("<h1>"),
      empty: file(""),
      "run.sh": file("#!", 0o755),
      d: directory(0o750),
      "d/e": directory(0o700),
      "d/e/x": file("<h1>", 0o600),
      link: { type: "symlink", target: "d/e" },
      "d/up": { type: "symlink", target: "../index.html" },
    };
    const disk = planted(tree);
    const found = scanned(disk);
    expect(found.manifest).toEqual(manifestOf(tree));
    expect(found.readBytes).toBe(10);
    for (const content of ["<h1>", "", "#!"])
      expect(new ObjectStore(disk, "/objects", "x").has(hexHashOf(Buffer.from(content)))).toBe(true);
  });

  it("takes whatever name a file system can hold", () => {
    const names = ["line\nend", "\udcff\udc80", "😀", "é", "a".repeat(255), " ", "-rf", "*", "a\\b", "CON", "é\udcfe"];
    const tree = Object.fromEntries(names.map((name) => [name, file(name.length.toString())]));
    expect(scanned(planted(tree)).manifest).toEqual(manifestOf(tree));
  });

  it("keeps permissions and drops set-uid, set-gid and sticky bits", () => {
    const disk = planted({ a: file("x") });
    disk.chmod("/staging/a", 0o6755);
    expect(scanned(disk).manifest).toMatchObject([{ mode: 0o755 }]);
  });

  it.for([
    ["include", { include: ["public"] }, ["public", "public/a.html", "public/css", "public/css/b.css"]],
    ["include of a glob", { include: ["**/*.css"] }, ["public", "public/css", "public/css/b.css"]],
    ["exclude of a directory", { exclude: ["public/css"] }, ["empty", "notes.txt", "public", "public/a.html"]],
    [
      "exclude of a name at any depth",
      { exclude: ["*.css"] },
      ["empty", "notes.txt", "public", "public/a.html", "public/css"],
    ],
    [
      "exclude from the root only",
      { exclude: ["/notes.txt", "/b.css"] },
      ["empty", "public", "public/a.html", "public/css", "public/css/b.css"],
    ],
    ["types", { types: ["html", ".CSS"] }, ["public", "public/a.html", "public/css", "public/css/b.css"]],
    [
      "exclude before include",
      { include: ["public"], exclude: ["a.html"] },
      ["public", "public/css", "public/css/b.css"],
    ],
    [
      "a directory with a slash behind it",
      { include: ["public/"] },
      ["public", "public/a.html", "public/css", "public/css/b.css"],
    ],
  ] as const)("obeys %s", ([, rules, expected]) => {
    const tree: Tree = {
      "notes.txt": file("n"),
      empty: directory(),
      public: directory(),
      "public/a.html": file("a"),
      "public/css": directory(),
      "public/css/b.css": file("b"),
    };
    const selection = createSelection({ ...takeEverything, ...rules });
    expect(paths(scanned(planted(tree), { selection }))).toEqual(expected);
  });

  it.for(["../x", "/etc/passwd", "d/../../x", "."])("says no or yes to a link to %s by where it leads", (target) => {
    const disk = planted({ d: directory(), l: { type: "symlink", target } });
    if (target === ".") expect(paths(scanned(disk))).toEqual(["d", "l"]);
    else expect(() => scanned(disk)).toThrowError(expect.objectContaining({ code: "DIST_ERR_PATH_INVALID" }));
  });

  it("does not follow links, also those to directories outside", () => {
    const disk = planted({ d: directory(), "d/secret": file("s"), l: { type: "symlink", target: "d" } });
    expect(paths(scanned(disk))).toEqual(["d", "d/secret", "l"]);
  });

  it("refuses what the policy refuses, and names it so that it can be shown", () => {
    const refuse = (path: string) => (path.includes("\n") ? "it is odd" : undefined);
    expect(() => scanned(planted({ "a\nb": file("x") }), { refuse })).toThrowError(
      "path 'a\\x0ab' is refused: it is odd",
    );
  });

  it("says what is wrong with a staging directory that is missing, no directory, or cannot be read", () => {
    const disk = planted({ a: file("x"), closed: directory(0o000) });
    const objects = new ObjectStore(disk, "/objects", "job");
    const from = (path: string) => () =>
      scan(disk, path, { selection: createSelection(takeEverything), objects, startedAt: longAgo });
    expect(from("/nowhere")).toThrowError("'/nowhere' does not exist");
    for (const path of ["/staging/a", "/staging"])
      expect(from(path)).toThrowError(expect.objectContaining({ code: "DIST_ERR_CONTENT_STAGING" }));
    disk.chmod("/staging/closed", 0o755);
    disk.chmod("/staging/a", 0o000);
    expect(from("/staging")).toThrowError(expect.objectContaining({ code: "DIST_ERR_CONTENT_STAGING" }));
  });
});

/** A disk on which something happens to `/staging/a` at every read of it, or only the first times. */
function changing(disk: SimDisk, change: () => void, times = Infinity): Disk {
  let left = times;
  return overlay(disk, {
    open(path, how) {
      const opened = disk.open(path, how);
      if (!path.startsWith("/staging")) return opened;
      return overlayFile(opened, {
        read(into, position) {
          const count = opened.read(into, position);
          left -= 1;
          if (left >= 0) change();
          return count;
        },
      });
    },
  });
}

describe("a file that changes while it is scanned", () => {
  const grow = (disk: SimDisk) => () => {
    const opened = disk.open("/staging/a", "append");
    opened.write(Buffer.from("more"));
    opened.close();
  };

  it("is noticed if it never holds still, and leaves nothing in the store", () => {
    const disk = planted({ a: file("x") });
    const objects = new ObjectStore(disk, "/objects", "job");
    const options = { selection: createSelection(takeEverything), objects, startedAt: longAgo };
    expect(() =>
      scan(changing(disk, grow(disk)), "/staging", {
        ...options,
        objects: new ObjectStore(changing(disk, grow(disk)), "/objects", "job"),
      }),
    ).toThrowError(expect.objectContaining({ code: "DIST_ERR_CONTENT_CHANGING", retryable: true }));
    objects.discard();
    expect(disk.list("/objects")).toEqual([]);
  });

  it("is read again, and taken as it then is", () => {
    const disk = planted({ a: file("x") });
    const found = scanned(changing(disk, grow(disk), 1));
    expect(found.manifest).toMatchObject([{ sizeBytes: 5, hash: hexHashOf(Buffer.from("xmore")) }]);
  });

  it("is noticed though its size and time are as before, by the time of the change", () => {
    const disk = planted({ a: file("x") });
    const touch = () => disk.setMtime("/staging/a", 1_700_000_000_000);
    expect(() => scanned(changing(disk, touch))).toThrowError("changes while it is read");
  });

  it.for<readonly [string, (disk: SimDisk) => void]>([
    ["goes", (disk) => disk.unlink("/staging/a")],
    ["becomes a directory", (disk) => (disk.unlink("/staging/a"), disk.makeDirectory("/staging/a"))],
    ["becomes a link", (disk) => (disk.unlink("/staging/a"), disk.symlink("/etc/passwd", "/staging/a"))],
  ])("is noticed if it %s between being seen and being opened", ([, become]) => {
    const disk = planted({ a: file("x") });
    let isDone = false;
    const view = overlay(disk, {
      stat(path) {
        const stat = disk.stat(path);
        if (path === "/staging/a" && !isDone) become(disk);
        if (path === "/staging/a") isDone = true;
        return stat;
      },
    });
    expect(() => scanned(view)).toThrowError(expect.objectContaining({ code: "DIST_ERR_CONTENT_CHANGING" }));
  });

  it("is noticed if it was a link and goes before that is read", () => {
    const disk = planted({ l: { type: "symlink", target: "x" } });
    const view = overlay(disk, {
      readLink(path) {
        disk.unlink(path);
        return disk.readLink(path);
      },
    });
    expect(() => scanned(view)).toThrowError(expect.objectContaining({ code: "DIST_ERR_CONTENT_CHANGING" }));
  });
});

describe("a scan after a scan", () => {
  const opened = (disk: SimDisk) => {
    const names: string[] = [];
    const view = overlay(disk, {
      open(path, how) {
        if (path.startsWith("/staging")) names.push(path);
        return disk.open(path, how);
      },
    });
    return { names, view };
  };

  it("opens no file that looks as it did", () => {
    const disk = planted({ a: file("x"), b: file("y") });
    const first = scanned(disk);
    const { names, view } = opened(disk);
    const second = scanned(view, { memory: first });
    expect(names).toEqual([]);
    expect(second.manifest).toEqual(first.manifest);
    expect(second.readBytes).toBe(0);
  });

  it("opens a file with another size, time, inode, or of which only the change time differs", () => {
    const disk = planted({ a: file("x"), b: file("y"), c: file("z"), d: file("w") });
    const memory = scanned(disk);
    disk.setMtime("/staging/a", 5);
    disk.unlink("/staging/b");
    writeFile(disk, "/staging/b", "y");
    disk.chmod("/staging/c", 0o600);
    const { names, view } = opened(disk);
    scanned(view, { memory });
    expect(names).toEqual(["/staging/a", "/staging/b", "/staging/c"]);
  });

  it("opens a file again that changed just before the scan: another change may have left no trace", () => {
    const disk = planted({ a: file("x") });
    const changedAt = disk.stat("/staging/a")?.ctimeMs ?? 0;
    for (const [startedAt, expected] of [
      [changedAt, ["/staging/a"]],
      [changedAt + 2_000, ["/staging/a"]],
      [changedAt + 2_001, []],
    ] as const) {
      const memory = scanned(disk, { startedAt });
      const { names, view } = opened(disk);
      scanned(view, { memory, startedAt });
      expect(names, `started at ${startedAt - changedAt}`).toEqual(expected);
    }
  });

  it("finds what it saw whatever came, went or is not taken any more", () => {
    const seen = { a: file("x"), d: directory(), "d.html": file("y"), "d/e": file("z"), e: directory(), z: file("w") };
    const disk = planted(seen);
    const memory = scanned(disk);
    for (const name of ["/staging/a", "/staging/z"]) disk.unlink(name);
    writeFile(disk, "/staging/b", "new");
    disk.makeDirectory("/staging/a");
    const { names, view } = opened(disk);
    const selection = createSelection({ ...takeEverything, exclude: ["/e"] });
    const second = scanned(view, { memory, selection });
    expect(paths(second)).toEqual(["a", "b", "d", "d/e", "d.html"]);
    expect(names).toEqual(["/staging/b"]);
    const third = opened(disk);
    scanned(third.view, { memory: second, selection });
    expect(third.names).toEqual([]);
  });

  it("keeps the times of files whose content is as before", () => {
    const before = manifestOf({ a: file("x"), b: file("y") });
    const touched = before.map((entry) => ({
      ...entry,
      mtimeMs: 5,
      ...(entry.path === "b" ? { hash: "0".repeat(64) } : {}),
    }));
    const kept = keepTimes(touched as typeof before, before);
    expect(kept.map((entry) => (entry.type === "file" ? entry.mtimeMs : 0))).toEqual([1_700_000_000_000, 5]);
  });
});

describe("on a real disk", () => {
  it("pipes and sockets are passed over and named, and everything else is found", async () => {
    const root = mkdtempSync(join(tmpdir(), "distributary-scan-"));
    onTestFinished(() => rmSync(root, { recursive: true }));
    const staging = join(root, "staging");
    execFileSync("mkdir", [staging, join(root, "objects")]);
    execFileSync("mkfifo", [join(staging, "pipe")]);
    const server = createServer().listen(join(staging, "socket"));
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    writeFileSync(join(staging, "page"), "hello");
    utimesSync(join(staging, "page"), 1_700_000_000, 1_700_000_000);
    writeFileSync(Buffer.concat([Buffer.from(`${staging}/`), Buffer.of(0xff, 0x0a, 0xc3)]), "odd");
    symlinkSync("page", join(staging, "link"));
    const objects = new ObjectStore(realDisk, join(root, "objects"), "job");
    const found = scan(realDisk, staging, {
      selection: createSelection(takeEverything),
      objects,
      startedAt: Date.now(),
    });
    objects.settle();
    expect(found.passedOver).toEqual(["pipe", "socket"]);
    expect(paths(found)).toEqual(["link", "page", "\udcff\n\udcc3"]);
    expect(found.manifest[1]).toMatchObject({
      mtimeMs: 1_700_000_000_000,
      sizeBytes: 5,
      hash: hexHashOf(Buffer.from("hello")),
    });
  });
});
