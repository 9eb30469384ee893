import { describe, expect, it } from "vitest";
import { fileTree, removeTree } from "../../sdk/index.ts";
import type { Disk, FileTreeRules } from "../../sdk/index.ts";
import { readFile, writeFile } from "../../sdk/testkit/disk-subject.ts";
import { simulatedSite } from "../../sdk/testkit/interpreter-site.ts";
import { testInterpreter } from "../../sdk/testkit/interpreter.ts";
import { SimDisk } from "../../sdk/testkit/sim/disk.ts";
import { simIo } from "../../sdk/testkit/sim/io.ts";
import { changedTree, readTree } from "../../sdk/testkit/tree-model.ts";
import type { Change, Tree } from "../../sdk/testkit/tree-model.ts";

const rules: FileTreeRules = { keeps: { modes: true, symlinks: true }, pointer: "symlink" };
const mtimeMs = 1_700_000_000_123;
const file = (content: string, mode = 0o644) => ({ type: "file", mode, mtimeMs, content }) as const;
const make = (path: string, content = "new"): Change => ({ kind: "file", path, mode: 0o644, mtimeMs, content });
const failing = (code: string, text = "") =>
  expect.objectContaining({ code, message: expect.stringContaining(text) as string });

testInterpreter("a file tree with pointers that are files", () => fileTree({ ...rules, pointer: "file" }));
testInterpreter("a file tree without modes and links", () =>
  fileTree({ ...rules, keeps: { modes: false, symlinks: false } }),
);

describe("a release", () => {
  const base: Tree = { a: file("a"), b: file("b", 0o600), d: { type: "directory", mode: 0o755 }, "d/c": file("c") };

  it("shares every file that no command touches with its base", async () => {
    const site = simulatedSite({ interpreter: fileTree(rules) }, base);
    await site.build([make("a"), { kind: "copy", from: "b", path: "copy", mode: 0o600, mtimeMs }]);
    const inode = (path: string) => site.disk.stat(path)?.inode;
    for (const path of ["b", "d/c"]) {
      expect(inode(`${site.building}/${path}`)).toBe(inode(`${site.baseDirectory}/${path}`));
    }
    expect(inode(`${site.building}/copy`)).toBe(inode(`${site.baseDirectory}/b`));
    expect(inode(`${site.building}/a`)).not.toBe(inode(`${site.baseDirectory}/a`));
  });

  it("has copies where a file can have no more names", async () => {
    const site = simulatedSite({ interpreter: fileTree(rules) }, base, { mostLinks: 1 });
    await site.build([]);
    expect(site.tree()).toEqual(base);
    expect(site.disk.stat(`${site.building}/a`)?.links).toBe(1);
  });

  it("has copies where its base is on another file system, or where hard links are forbidden", async () => {
    const apart = simulatedSite({ interpreter: fileTree(rules) }, base, { devices: ["/host/site/releases/.building"] });
    await apart.build([]);
    expect(apart.tree()).toEqual(base);
    const forbidden = simulatedSite({ interpreter: fileTree(rules) }, base);
    // Directories come first: this is the first hard link.
    forbidden.disk.failAt(2, "EPERM");
    await forbidden.build([]);
    expect(forbidden.tree()).toEqual(base);
    expect(forbidden.disk.stat(`${forbidden.building}/a`)?.links).toBe(1);
    expect(forbidden.disk.stat(`${forbidden.building}/b`)?.links).toBe(2);
  });

  it("costs as many operations as it has names, and some for each change", async () => {
    const large = Object.fromEntries(Array.from({ length: 1_000 }, (_, count) => [`f${count}`, file("x")]));
    const site = simulatedSite({ interpreter: fileTree(rules) }, large);
    const before = site.disk.operations;
    await site.build([make("f500")]);
    expect(site.disk.operations - before).toBeLessThan(1_010);
    expect(site.tree()).toEqual(changedTree(large, [make("f500")]));
  });

  it("names both when two names are one to the file system", async () => {
    const fold = (name: string) => name.normalize("NFC").toLowerCase();
    const collide = async (...paths: string[]) =>
      simulatedSite({ interpreter: fileTree(rules) }, {}, { fold }).build(paths.map((path) => make(path)));
    await expect(collide("Index.html", "index.HTML")).rejects.toEqual(
      failing("DIST_ERR_PATH_COLLISION", "'index.HTML' is the same name as 'Index.html'"),
    );
    await expect(collide("\u00e9", "e\u0301")).rejects.toEqual(failing("DIST_ERR_PATH_COLLISION", "'\u00e9'"));
    const site = simulatedSite({ interpreter: fileTree(rules) }, base, { fold });
    await site.build([{ kind: "remove", path: "a" }, make("A")]);
    expect(site.tree()).toEqual(changedTree(base, [{ kind: "remove", path: "a" }, make("A")]));
  });

  it("says which command is refused, and why", async () => {
    const site = simulatedSite({ interpreter: fileTree(rules) }, base);
    await expect(site.build([make("a/x")])).rejects.toEqual(
      failing("DIST_ERR_COMMAND_REFUSED", "command 'file' for 'a/x' is refused: there is no directory"),
    );
    await expect(site.build([{ kind: "symlink", path: "l", target: "../x" }])).rejects.toEqual(
      failing("DIST_ERR_COMMAND_REFUSED", "leaves the site"),
    );
    await expect(site.build([{ kind: "symlink", path: "l", target: "d/../x" }])).rejects.toEqual(
      failing("DIST_ERR_COMMAND_REFUSED", "goes up behind a name"),
    );
    await expect(site.build([make("../x")])).rejects.toEqual(failing("DIST_ERR_PATH_INVALID", "'..'"));
    const plain = simulatedSite({ interpreter: fileTree({ ...rules, keeps: { modes: true, symlinks: false } }) }, {});
    await expect(plain.build([{ kind: "symlink", path: "l", target: "x" }])).rejects.toEqual(
      failing("DIST_ERR_COMMAND_REFUSED", "keeps no symbolic links"),
    );
  });

  it("refuses a base that is no tree", async () => {
    for (const path of ["nowhere/x", "/x", "a", "a/x", "../x"]) {
      const site = simulatedSite({ interpreter: fileTree(rules) }, base);
      const entries = () =>
        [
          { type: "directory", path: "d", mode: 0o755 },
          ...["a", path].map(
            (name) => ({ type: "file", path: name, mode: 0o644, mtimeMs, sizeBytes: 1, hash: "" }) as const,
          ),
        ] as const;
      const work = { ...site.work([]), base: { directory: site.baseDirectory, entries } };
      await expect(fileTree(rules).build(work, site.io, new AbortController().signal)).rejects.toEqual(
        failing("DIST_ERR_PATH_INVALID"),
      );
      expect(site.tree()).toEqual({});
    }
  });

  it("lets others have a turn while it is made, and is stopped then", async () => {
    const site = simulatedSite({ interpreter: fileTree(rules) }, base);
    let time = 0;
    const clock = {
      now: () => (time += 10),
      wallTime: () => 0,
      until: async (_: number, signal?: AbortSignal) => signal?.throwIfAborted(),
    };
    const controller = new AbortController();
    const work = {
      ...site.work([make("new")]),
      *content() {
        for (;;) yield new Uint8Array(1);
      },
    };
    const building = fileTree(rules).build(work, simIo({ disk: site.disk, clock }), controller.signal);
    controller.abort(new Error("stopped"));
    await expect(building).rejects.toThrow("stopped");
  });
});

describe("a pointer", () => {
  const points = (pointer: "symlink" | "file") => {
    const disk = new SimDisk();
    disk.makeDirectory("/site");
    const tree = fileTree({ ...rules, pointer });
    const io = simIo({ disk });
    return {
      disk,
      move: (to?: string) => tree.point("/site", "live", to, io),
      read: () => tree.pointed("/site", "live", io),
    };
  };

  it("is a relative link that everybody can follow", () => {
    const { disk, move } = points("symlink");
    move("releases/1");
    expect(readTree(disk, "/site")).toEqual({ live: { type: "symlink", target: "releases/1" } });
  });

  it("is a file of JSON where links cannot be replaced", () => {
    const { disk, move } = points("file");
    move("releases/1");
    expect(Buffer.from(readFile(disk, "/site/live.json")).toString()).toBe('{"release":"releases/1"}\n');
    expect(disk.list("/site")).toEqual(["live.json"]);
  });

  it("is never made of something that is none", () => {
    for (const [pointer, name] of [
      ["symlink", "live"],
      ["file", "live.json"],
    ] as const) {
      const contents: ((disk: Disk) => void)[] = [
        (disk) => disk.makeDirectory(`/site/${name}`),
        (disk) => disk.symlink("/etc", `/site/${name}`),
        (disk) => disk.symlink("releases/../../x", `/site/${name}`),
        (disk) => writeFile(disk, `/site/${name}`, "{"),
        (disk) => writeFile(disk, `/site/${name}`, "null"),
        (disk) => writeFile(disk, `/site/${name}`, '{"release":"../x"}'),
        (disk) => writeFile(disk, `/site/${name}`, `{"release":"releases/${"x".repeat(70_000)}"}`),
        (disk) => writeFile(disk, `/site/${name}`, ""),
      ];
      for (const put of contents) {
        const { disk, move, read } = points(pointer);
        put(disk);
        const before = readTree(disk, "/site");
        expect(read).toThrow(failing("DIST_ERR_POINTER_FOREIGN"));
        expect(() => move("releases/1")).toThrow(failing("DIST_ERR_POINTER_FOREIGN"));
        expect(readTree(disk, "/site")).toEqual(before);
      }
    }
  });

  it("is moved although a move before was cut off", () => {
    const { disk, move, read } = points("symlink");
    disk.symlink("releases/9", "/site/.live.next");
    move("releases/1");
    expect(read()).toBe("releases/1");
    expect(disk.list("/site")).toEqual(["live"]);
  });

  it("that is a file is tried again while somebody has it open, and only so often", () => {
    for (const fault of ["EPERM", "EBUSY"] as const) {
      const { disk, move, read } = points("file");
      move("releases/1");
      // Create, write and sync the next one; then the renames.
      for (const count of [4, 5, 6]) disk.failAt(count, fault);
      move("releases/2");
      expect(read()).toBe("releases/2");
      for (let count = 4; count < 30; count += 1) disk.failAt(count, fault);
      expect(() => move("releases/3")).toThrow(failing(fault));
      expect(read()).toBe("releases/2");
    }
  });
});

describe("removing a tree", () => {
  it("takes away closed directories and odd names, follows no link, and does not mind nothing", () => {
    const disk = new SimDisk();
    disk.makeDirectory("/kept");
    writeFile(disk, "/kept/file", "x");
    disk.makeDirectory("/tree");
    disk.makeDirectory("/tree/closed");
    writeFile(disk, "/tree/closed/\udcff\n", "x");
    disk.symlink("/kept", "/tree/closed/link");
    disk.link("/kept/file", "/tree/closed/shared");
    disk.makeDirectory("/tree/none");
    disk.chmod("/tree/closed", 0o555);
    disk.chmod("/tree/none", 0);
    disk.chmod("/tree", 0o500);
    removeTree(disk, "/tree");
    removeTree(disk, "/tree");
    disk.symlink("/kept", "/link");
    removeTree(disk, "/link");
    expect(Object.keys(readTree(disk, "/"))).toEqual(["kept", "kept/file"]);
  });
});
