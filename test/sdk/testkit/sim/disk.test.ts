import { describe, expect, it } from "vitest";
import type { Disk } from "../../../../sdk/index.ts";
import { readFile, writeFile } from "../../../../sdk/testkit/disk-subject.ts";
import { SimDisk } from "../../../../sdk/testkit/sim/disk.ts";
import { Killed } from "../../../../sdk/testkit/sim/disk-faults.ts";
import { SimRandom } from "../../../../sdk/testkit/sim/random.ts";
import { readTree } from "../../../../sdk/testkit/tree-model.ts";

const read = (disk: Disk, path: string) =>
  disk.stat(path) === undefined ? undefined : Buffer.from(readFile(disk, path)).toString();
const code = (wanted: string) => expect.objectContaining({ code: wanted });

function append(disk: Disk, path: string, content: string, synced: boolean): void {
  const file = disk.open(path, "append");
  file.write(Buffer.from(content));
  if (synced) file.sync();
  file.close();
}

/** Everything that a loss of power may leave of a path, as far as 300 of them show. */
function possible(disk: SimDisk, profile: "strict" | "ext4", look: (disk: SimDisk) => unknown): unknown[] {
  const found = new Set<string>();
  for (let seed = 0; seed < 300; seed += 1) {
    found.add(JSON.stringify(look(disk.afterPowerLoss(profile, new SimRandom(seed))) ?? null));
  }
  return [...found].map((value): unknown => JSON.parse(value)).sort();
}

describe("a loss of power", () => {
  it("keeps bytes only of a synced file, and its name only of a synced directory", () => {
    const disk = new SimDisk();
    append(disk, "/a", "ab", false);
    expect(possible(disk, "strict", (after) => read(after, "/a"))).toEqual(["", "a", "ab", null]);
    disk.sync("/a");
    expect(possible(disk, "strict", (after) => read(after, "/a"))).toEqual(["ab", null]);
    disk.sync("/");
    expect(possible(disk, "strict", (after) => read(after, "/a"))).toEqual(["ab"]);
  });

  it("may lose an earlier write and keep a later one", () => {
    const disk = new SimDisk();
    append(disk, "/a", "1", true);
    disk.sync("/");
    append(disk, "/a", "2", false);
    append(disk, "/a", "3", false);
    expect(possible(disk, "strict", (after) => read(after, "/a"))).toEqual(
      ["1", "1\0", "1\u00003", "12", "123"].sort(),
    );
    expect(possible(disk, "ext4", (after) => read(after, "/a"))).toEqual(["1", "123"]);
  });

  it("keeps modes and times only with a sync of the whole file, not of its bytes", () => {
    const disk = new SimDisk();
    append(disk, "/a", "x", true);
    disk.sync("/");
    disk.chmod("/a", 0o755);
    append(disk, "/a", "y", true);
    const mode = (after: SimDisk) => after.stat("/a")?.mode;
    expect(possible(disk, "strict", mode)).toEqual([0o600, 0o755].sort());
    disk.sync("/a");
    expect(possible(disk, "strict", mode)).toEqual([0o755]);
  });

  it("undoes an unlink, a removal of a directory or a rename that was not synced", () => {
    const disk = new SimDisk();
    disk.makeDirectory("/d");
    disk.makeDirectory("/e");
    writeFile(disk, "/a", "a");
    writeFile(disk, "/b", "b");
    disk.syncTree("/");
    disk.rename("/a", "/b");
    disk.removeDirectory("/d");
    disk.unlink("/b");
    expect(possible(disk, "ext4", (after) => after.list("/"))).toEqual([
      ["a", "b", "d", "e"],
      ["b", "d", "e"],
      ["b", "e"],
      ["e"],
    ]);
    const strict = possible(disk, "strict", (after) => after.list("/")) as string[][];
    expect(strict).toContainEqual(["a", "d", "e"]);
    expect(strict).toContainEqual(["a", "b", "d", "e"]);
  });

  it("never halves a rename, within a directory or between two", () => {
    const disk = new SimDisk();
    disk.makeDirectory("/from");
    disk.makeDirectory("/to");
    writeFile(disk, "/from/a", "new");
    writeFile(disk, "/to/a", "old");
    disk.syncTree("/");
    disk.rename("/from/a", "/to/a");
    disk.sync("/to");
    const both = (after: SimDisk) => [read(after, "/from/a") ?? "", read(after, "/to/a") ?? ""];
    expect(possible(disk, "strict", both)).toEqual([
      ["", "new"],
      ["new", "old"],
    ]);
    disk.sync("/from");
    expect(possible(disk, "strict", both)).toEqual([["", "new"]]);
  });

  it("keeps all that came before a sync in ext4's order, but for the bytes of other files", () => {
    const disk = new SimDisk();
    writeFile(disk, "/a", "a");
    disk.symlink("a", "/link");
    writeFile(disk, "/b", "b");
    disk.sync("/b");
    writeFile(disk, "/c", "c");
    expect(possible(disk, "ext4", (after) => after.list("/"))).toEqual([
      ["a", "b", "c", "link"],
      ["a", "b", "link"],
    ]);
    expect(possible(disk, "ext4", (after) => read(after, "/a"))).toEqual(["", "a"]);
    expect(possible(disk, "ext4", (after) => read(after, "/b"))).toEqual(["b"]);
  });

  it("leaves a file system that is whole, whatever was done", () => {
    for (let seed = 0; seed < 300; seed += 1) {
      const random = new SimRandom(seed);
      const disk = new SimDisk();
      const path = () => ["/a", "/b", "/a/c", "/b/c", "/a/c/d", "/b/c/d"][random.below(6)] ?? "/a";
      const acts = [
        () => disk.makeDirectory(path()),
        () => writeFile(disk, path(), "x"),
        () => disk.rename(path(), path()),
        () => disk.unlink(path()),
        () => disk.removeDirectory(path()),
        () => disk.link(path(), path()),
        () => disk.sync(path()),
        () => disk.symlink("a", path()),
      ];
      for (let count = 0; count < 60; count += 1) {
        try {
          acts[random.below(acts.length)]?.();
        } catch (error) {
          expect((error as NodeJS.ErrnoException).code).toMatch(/^E[A-Z]+$/);
        }
      }
      const before = readTree(disk, "/");
      for (const profile of ["strict", "ext4"] as const) {
        const after = disk.afterPowerLoss(profile, random);
        readTree(after, "/");
        after.syncTree("/");
        expect(readTree(after.afterPowerLoss(profile, random), "/")).toEqual(readTree(after, "/"));
      }
      expect(readTree(disk.afterKill(), "/")).toEqual(before);
      disk.syncTree("/");
      expect(readTree(disk.afterPowerLoss("strict", random), "/")).toEqual(before);
    }
  });

  it("is the same for the same seed", () => {
    const disk = new SimDisk();
    for (let count = 0; count < 50; count += 1) writeFile(disk, `/${count}`, "x".repeat(count));
    const after = () => readTree(disk.afterPowerLoss("strict", new SimRandom(4)), "/");
    expect(after()).toEqual(after());
    expect(Object.keys(after()).length).toBeLessThan(50);
  });
});

describe("a fault", () => {
  it("kills before or after the operation, and nothing works afterwards", () => {
    for (const [when, names] of [
      ["before", ["one"]],
      ["after", ["one", "two"]],
    ] as const) {
      const disk = new SimDisk();
      disk.makeDirectory("/one");
      disk.failAt(1, "kill", when);
      expect(() => disk.makeDirectory("/two")).toThrow(Killed);
      expect(() => disk.list("/")).toThrow(Killed);
      expect(() => disk.makeDirectory("/three")).toThrow(Killed);
      expect(disk.afterKill().list("/")).toEqual(names);
    }
  });

  it("fails one operation with the error asked for, and the next one works", () => {
    const disk = new SimDisk();
    disk.failAt(2, "EIO");
    disk.makeDirectory("/one");
    expect(() => disk.makeDirectory("/two")).toThrow(code("EIO"));
    disk.makeDirectory("/two");
    expect(disk.operations).toBe(3);
  });

  it("of a sync loses the bytes for good, though later syncs succeed and memory still shows them", () => {
    const disk = new SimDisk();
    writeFile(disk, "/a", "content");
    disk.sync("/");
    disk.failAt(1, "EIO");
    expect(() => disk.sync("/a")).toThrow(code("EIO"));
    disk.sync("/a");
    expect(read(disk, "/a")).toBe("content");
    expect(possible(disk, "strict", (after) => read(after, "/a"))).toEqual([""]);
  });
});

describe("a simulated disk", () => {
  it("writes what fits when it is full, and has room again after an unlink", () => {
    const disk = new SimDisk({ capacityBytes: 10 });
    writeFile(disk, "/a", "12345678");
    expect(disk.space("/")).toEqual({ freeBytes: 2, totalBytes: 10 });
    expect(() => writeFile(disk, "/b", "abc")).toThrow(code("ENOSPC"));
    expect(read(disk, "/b")).toBe("ab");
    disk.unlink("/a");
    append(disk, "/b", "c", true);
    expect(disk.space("/").freeBytes).toBe(7);
  });

  it("takes two spellings for one name where it folds, and lets a rename change the spelling", () => {
    const disk = new SimDisk({ fold: (name) => name.toLowerCase() });
    writeFile(disk, "/Name", "x");
    expect(() => writeFile(disk, "/NAME", "y")).toThrow(code("EEXIST"));
    expect(read(disk, "/name")).toBe("x");
    disk.rename("/name", "/NAME");
    expect(disk.list("/")).toEqual(["NAME"]);
    expect(read(disk, "/Name")).toBe("x");
  });

  it("keeps file systems apart", () => {
    const disk = new SimDisk({ devices: ["/other"] });
    disk.makeDirectory("/other");
    disk.makeDirectory("/other/below");
    writeFile(disk, "/a", "x");
    expect(() => disk.link("/a", "/other/a")).toThrow(code("EXDEV"));
    expect(() => disk.rename("/a", "/other/below/a")).toThrow(code("EXDEV"));
    expect(disk.stat("/other/below")?.device).toBe(disk.stat("/other")?.device);
    expect(disk.stat("/a")?.device).not.toBe(disk.stat("/other")?.device);
  });

  it("gives a file no more names than it can have", () => {
    const disk = new SimDisk({ mostLinks: 2 });
    writeFile(disk, "/a", "x");
    disk.link("/a", "/b");
    expect(() => disk.link("/a", "/c")).toThrow(code("EMLINK"));
  });
});
