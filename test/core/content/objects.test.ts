import { describe, expect, it } from "vitest";
import { hexHashOf } from "../../../core/content/hash.ts";
import { treeHash } from "../../../core/content/manifest.ts";
import type { Manifest } from "../../../core/content/manifest.ts";
import { JoinedFiles, ObjectStore } from "../../../core/content/objects.ts";
import { createSelection, extensionOf, takeEverything } from "../../../core/content/selection.ts";
import { Versions } from "../../../core/content/versions.ts";
import { readFile, writeFile } from "../../../sdk/testkit/disk-subject.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";
import { Killed } from "../../../sdk/testkit/sim/disk-faults.ts";
import { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { inHalves, manifestOf, treeOf } from "../agent/site-trial.ts";

const contents = ["", "one", "two", "one", "x".repeat(5_000)];
const hashes = contents.map((content) => hexHashOf(Buffer.from(content)));

function diskWithFiles(): SimDisk {
  const disk = new SimDisk();
  for (const path of ["/in", "/objects"]) disk.makeDirectory(path, 0o755);
  for (const [index, content] of contents.entries()) writeFile(disk, `/in/${index}`, content);
  disk.syncTree("/");
  return disk;
}

function takeAll(store: ObjectStore): void {
  for (const index of contents.keys()) store.takeIn(`/in/${index}`);
  store.settle();
}

/** Every object that is there, which must be what its name says. */
function objectsIn(disk: SimDisk): string[] {
  const found = disk
    .list("/objects")
    .filter((name) => name.length === 2)
    .flatMap((prefix) => disk.list(`/objects/${prefix}`));
  for (const hash of found) expect(hexHashOf(readFile(disk, `/objects/${hash.slice(0, 2)}/${hash}`))).toBe(hash);
  return found;
}

describe("the store of objects", () => {
  it("holds each content once, and nothing else, when it is settled", () => {
    const disk = diskWithFiles();
    const store = new ObjectStore(disk, "/objects", "job");
    for (const index of contents.keys()) expect(store.takeIn(`/in/${index}`).hash).toBe(hashes[index]);
    expect(store.has(hashes[1] ?? "")).toBe(true);
    expect(objectsIn(disk)).toEqual([]);
    store.settle();
    expect(objectsIn(disk).sort()).toEqual([...new Set(hashes)].sort());
    expect(disk.list("/objects").filter((name) => name.length !== 2)).toEqual([]);
    const operations = disk.operations;
    store.settle();
    expect(disk.operations).toBe(operations);
  });

  it("keeps nothing of what was discarded", () => {
    const disk = diskWithFiles();
    const store = new ObjectStore(disk, "/objects", "job");
    store.takeIn("/in/1");
    store.discard();
    expect(store.has(hashes[1] ?? "")).toBe(false);
    expect(disk.list("/objects")).toEqual([]);
  });

  it("lets two intakes go on at a time", () => {
    const disk = diskWithFiles();
    const [one, two] = [new ObjectStore(disk, "/objects", "one"), new ObjectStore(disk, "/objects", "two")];
    one.takeIn("/in/1");
    two.takeIn("/in/1");
    two.takeIn("/in/2");
    one.settle();
    two.settle();
    expect(objectsIn(disk)).toHaveLength(2);
  });

  it("deletes what nobody needs, and says how much became free", () => {
    const disk = diskWithFiles();
    const store = new ObjectStore(disk, "/objects", "job");
    takeAll(store);
    expect(store.collect(new Set([hashes[1] ?? ""]))).toBe(5_003);
    expect(objectsIn(disk)).toEqual([hashes[1]]);
    expect(store.has(hashes[2] ?? "")).toBe(false);
  });

  it("is durable once it is settled", () => {
    const disk = diskWithFiles();
    takeAll(new ObjectStore(disk, "/objects", "job"));
    for (let seed = 0; seed < 24; seed += 1) {
      const after = disk.afterPowerLoss(seed % 3 === 1 ? "ext4" : "strict", new SimRandom(seed));
      expect(objectsIn(after).sort()).toEqual([...new Set(hashes)].sort());
    }
  });

  it("holds only whole objects whenever it is cut off, and the same intake can be made again", () => {
    for (let count = 1; ; count += 1) {
      const disk = diskWithFiles();
      const planned = disk.operations + count;
      disk.failAt(count, "kill");
      try {
        takeAll(new ObjectStore(inHalves(disk), "/objects", "job"));
      } catch (error) {
        expect(error).toBeInstanceOf(Killed);
      }
      if (disk.operations < planned) {
        expect(count).toBeGreaterThan(20);
        return;
      }
      const losses = [0, 1, 2, 3].map((seed) =>
        disk.afterPowerLoss(seed === 1 ? "ext4" : "strict", new SimRandom(seed)),
      );
      for (const after of [disk.afterKill(), ...losses]) {
        objectsIn(after);
        takeAll(new ObjectStore(after, "/objects", "job"));
        expect(objectsIn(after).sort()).toEqual([...new Set(hashes)].sort());
      }
    }
  });

  it("reads files behind each other as one, wherever the borders lie", () => {
    const disk = diskWithFiles();
    const files = contents.map((content, index) => ({ path: `/in/${index}`, sizeBytes: content.length }));
    using joined = new JoinedFiles(disk, files);
    const whole = contents.join("");
    expect(joined.sizeBytes).toBe(whole.length);
    for (let offset = 0; offset < 14; offset += 1) {
      for (let length = 0; length < 12; length += 1) {
        expect(Buffer.from(joined.read(offset, length)).toString()).toBe(whole.slice(offset, offset + length));
      }
    }
    expect(() => joined.read(whole.length - 1, 2)).toThrow(RangeError);
    using short = new JoinedFiles(disk, [{ path: "/in/1", sizeBytes: 9 }]);
    expect(() => short.read(0, 9)).toThrowError(expect.objectContaining({ code: "DIST_ERR_CONTENT_MISSING" }));
  });
});

describe("a selection", () => {
  it.for([
    ["a/b.html", "html"],
    ["archive.tar.GZ", "gz"],
    [".htaccess", ""],
    ["Makefile", ""],
    ["dir.d/file", ""],
    ["dot.", ""],
  ] as const)("takes the type of %s to be '%s'", ([path, type]) => {
    expect(extensionOf(path)).toBe(type);
  });

  it("of everything takes hidden files too", () => {
    const { takes, enters, keepsEmpty } = createSelection(takeEverything);
    expect([takes(".well-known/x"), enters(".git"), keepsEmpty("d")]).toEqual([true, true, true]);
  });

  it("keeps no empty directory when only some types are wanted", () => {
    expect(createSelection({ ...takeEverything, types: ["html"] }).keepsEmpty("d")).toBe(false);
  });

  it("answers at once, whatever a glob or a name looks like", () => {
    const { takes } = createSelection({ ...takeEverything, exclude: ["**/*a*b", "{a,b}{c,d}/[x-z]", "(", "[", "\\"] });
    const started = performance.now();
    for (const name of ["a".repeat(200), `${"a/".repeat(100)}b`, "\udcff\n", "("]) takes(name);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe("versions", () => {
  const versions = () => {
    const disk = new SimDisk();
    return { disk, store: new Versions(disk, "/sites/shop") };
  };

  it("come back as they were written, in the order of their numbers", () => {
    const { store } = versions();
    for (const number of [10, 9, 1]) store.write(number, manifestOf(treeOf(1)));
    expect(store.list()).toEqual([1, 9, 10]);
    expect(store.read(9)).toEqual(manifestOf(treeOf(1)));
    store.write(9, manifestOf(treeOf(2)));
    expect(store.read(9)).toEqual(manifestOf(treeOf(2)));
    store.remove(10);
    store.remove(77);
    expect(store.list()).toEqual([1, 9]);
    expect(() => store.read(10)).toThrowError("there is no version 10");
  });

  it("are durable when they are written", () => {
    const { disk, store } = versions();
    store.write(1, manifestOf(treeOf(1)));
    for (let seed = 0; seed < 12; seed += 1) {
      const after = new Versions(disk.afterPowerLoss("strict", new SimRandom(seed)), "/sites/shop");
      expect(after.read(1)).toEqual(manifestOf(treeOf(1)));
    }
  });

  it("remember what a scan saw that found one of them", () => {
    const { store } = versions();
    const manifest = manifestOf(treeOf(1));
    const seen = new Float64Array(3 * manifest.length).map((_, index) => (index % 2 === 0 ? index : NaN));
    expect(store.readMemory()).toBeUndefined();
    store.write(7, manifest);
    store.writeMemory(7, treeHash(manifest), seen);
    expect(store.readMemory()).toEqual({ version: 7, tree: treeHash(manifest), manifest, seen });
    store.forgetMemory();
    expect(store.readMemory()).toBeUndefined();
  });

  it.for<readonly [string, (store: Versions, manifest: Manifest) => void]>([
    ["is not there any more", (store) => store.remove(1)],
    ["became another", (store) => store.write(1, manifestOf(treeOf(2)))],
    ["has other entries", (store, manifest) => store.writeMemory(1, treeHash(manifest), new Float64Array(3))],
  ])("forget what a scan saw if its version %s", ([, change]) => {
    const { store } = versions();
    const manifest = manifestOf(treeOf(1));
    store.write(1, manifest);
    store.writeMemory(1, treeHash(manifest), new Float64Array(3 * manifest.length));
    expect(store.readMemory()).toBeDefined();
    change(store, manifest);
    expect(store.readMemory()).toBeUndefined();
  });

  it.for([0, 1, 39, 40, 41, 48])("forget what a scan saw if only %i bytes of it are left", (size) => {
    const { disk, store } = versions();
    const manifest = manifestOf(treeOf(1));
    store.write(1, manifest);
    store.writeMemory(1, treeHash(manifest), new Float64Array(3 * manifest.length));
    const bytes = readFile(disk, "/sites/shop/scan-memory");
    disk.unlink("/sites/shop/scan-memory");
    writeFile(disk, "/sites/shop/scan-memory", bytes.subarray(0, size));
    expect(store.readMemory()).toBeUndefined();
  });
});
