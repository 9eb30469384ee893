import { describe, expect, it } from "vitest";
import { syncTree } from "../../../core/runtime/sync-tree.ts";
import { writeFile } from "../../../sdk/testkit/disk-subject.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";

/** Notes what is synced. */
class WatchedDisk extends SimDisk {
  readonly synced: string[] = [];

  override sync(path: string): void {
    super.sync(path);
    this.synced.push(path);
  }
}

describe("syncing a tree", () => {
  it("syncs each file and directory once, a directory after what is in it, and no link", () => {
    const disk = new WatchedDisk();
    disk.makeDirectory("/tree");
    disk.makeDirectory("/tree/a");
    writeFile(disk, "/tree/a/b", "b");
    writeFile(disk, "/tree/c", "c");
    disk.symlink("/nowhere", "/tree/link");
    syncTree(disk, "/tree");
    expect(disk.synced).toEqual(["/tree/a/b", "/tree/c", "/tree/a", "/tree"]);
  });

  it("stops at the first error", () => {
    for (let count = 1; count <= 3; count += 1) {
      const disk = new WatchedDisk();
      disk.makeDirectory("/tree");
      writeFile(disk, "/tree/a", "a");
      writeFile(disk, "/tree/b", "b");
      disk.failAt(count, "EIO");
      expect(() => syncTree(disk, "/tree")).toThrow(expect.objectContaining({ code: "EIO" }));
      expect(disk.synced).toHaveLength(count - 1);
    }
  });

  it("does not take nothing for a tree", () => {
    expect(() => syncTree(new WatchedDisk(), "/nothing")).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });

  it("says so if the whole file system cannot be synced", () => {
    const disk = new WatchedDisk();
    disk.makeDirectory("/only-simulated");
    for (let count = 0; count < 200; count += 1) writeFile(disk, `/only-simulated/${count}`, "x");
    let error: unknown;
    try {
      syncTree(disk, "/only-simulated");
    } catch (thrown) {
      error = thrown;
    }
    // Where GNU's `sync` is, it looks for the directory on the real disk; elsewhere all are synced one by one.
    if (error === undefined) expect(disk.synced).toHaveLength(201);
    else expect([disk.synced, error]).toEqual([[], expect.objectContaining({ code: "EIO", path: "/only-simulated" })]);
  });
});
