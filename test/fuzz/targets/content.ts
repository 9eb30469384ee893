import { isDeepStrictEqual } from "node:util";
import { hexHashOf } from "../../../core/content/hash.ts";
import { decodeKnownManifest, decodeManifest, encodeManifest } from "../../../core/content/manifest.ts";
import { fileHashes, treeHash } from "../../../core/content/manifest.ts";
import type { Manifest } from "../../../core/content/manifest.ts";
import { ObjectStore } from "../../../core/content/objects.ts";
import { scan } from "../../../core/content/scan.ts";
import type { ScanOptions } from "../../../core/content/scan.ts";
import { createSelection, takeEverything } from "../../../core/content/selection.ts";
import { Versions } from "../../../core/content/versions.ts";
import type { Entry } from "../../../sdk/index.ts";
import { readFile, writeFile } from "../../../sdk/testkit/disk-subject.ts";
import { randomTree } from "../../../sdk/testkit/random-tree.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";
import { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { plantTree } from "../../../sdk/testkit/tree-model.ts";
import { manifestOf, treeOf } from "../../core/agent/site-trial.ts";
import { defineTarget, failsWith } from "../fuzz.ts";
import type { Target } from "../fuzz.ts";
import { mutateBytes, mutateOften, pick } from "../mutations.ts";
import { diskWith } from "./disk-with.ts";

const hash = "5".repeat(64);
const file = (path: string, more: object = {}): Entry => ({
  ...{ type: "file", path, mode: 0o644, sizeBytes: 3, mtimeMs: 1, hash },
  ...more,
});

/** With names that are not text, times before 1970 and sizes beyond 2^32. */
const oddTree: Manifest = [
  file("\n", { mtimeMs: -1 }),
  { type: "directory", path: "d", mode: 0o700 },
  file("d/e", { sizeBytes: 2 ** 40 }),
  { type: "symlink", path: "d/l", target: "../\udcfe" },
  file("d.html"),
  file("é"),
  file("😀"),
  file("\udcff"),
];
const bytesOf = (manifest: Iterable<Entry>) => Buffer.concat([...encodeManifest(manifest)]);
const trees = [oddTree, ...[1, 2, 3].map((seed) => manifestOf(randomTree(new SimRandom(seed))))].map(bytesOf);
const mark = Buffer.from("dsttree1");
/** The records of each tree. */
const rows = trees.map((bytes) => {
  const records: Buffer[] = [];
  for (let at = mark.length; at < bytes.length;) {
    const pathEnd = at + 5 + bytes.readUInt16BE(at + 3);
    const restBytes = [0, 48, 0, 2 + (bytes[at] === 3 ? bytes.readUInt16BE(pathEnd) : 0)][bytes[at] ?? 0] ?? 0;
    records.push(bytes.subarray(at, pathEnd + restBytes));
    at = pathEnd + restBytes;
  }
  return records;
});

/** Takes out, repeats, moves or changes a record, or puts in that of another tree. */
function mutateRecords(records: readonly Buffer[], random: SimRandom): Buffer[] {
  const copy = [...records];
  const [record = Buffer.alloc(5)] = copy.splice(random.below(copy.length), random.below(2));
  const changed: readonly (() => readonly Buffer[])[] = [
    () => [],
    () => [record, record],
    () => [record],
    () => pick(random, rows).slice(0, 3),
    () => [renamed(record, (path) => mutateBytes(path, random))],
    () => [renamed(record, (path) => Buffer.concat([path, Buffer.from("/"), path]))],
    () => [mutateBytes(record, random)],
  ];
  copy.splice(random.below(copy.length + 1), 0, ...pick(random, changed)());
  return copy;
}

function renamed(record: Buffer, change: (path: Buffer) => Buffer): Buffer {
  const end = record.length < 5 ? Infinity : 5 + record.readUInt16BE(3);
  if (end > record.length) return record;
  const path = change(record.subarray(5, end)).subarray(0, 0xffff);
  const lengthBytes = Buffer.of(path.length >> 8, path.length & 0xff);
  return Buffer.concat([record.subarray(0, 3), lengthBytes, path, record.subarray(end)]);
}

const isNoManifest = failsWith("DIST_ERR_CONTENT_MANIFEST");

/** Undefined if it is refused as it should be. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isNoManifest(error)) return undefined;
    throw error;
  }
}

const manifest = defineTarget({
  name: "manifest",
  isRefusal: isNoManifest,
  open: () => ({
    make(random): Uint8Array {
      if (random.below(2) === 0)
        return mutateOften<Uint8Array>(pick(random, trees), random, (bytes) =>
          mutateBytes(bytes, random, pick(random, trees)),
        );
      return Buffer.concat([mark, ...mutateOften(pick(random, rows), random, mutateRecords)]);
    },
    feed(bytes) {
      // These look less closely, at what should be right.
      attempt(() => decodeKnownManifest(bytes, hexHashOf(bytes)));
      const hashes = attempt(() => fileHashes(bytes));
      const read = decodeManifest(bytes);
      if (!bytesOf(read).equals(bytes)) throw new Error("there are two ways to write a tree");
      const right = read.flatMap((entry) => (entry.type === "file" ? entry.hash : []));
      if (!isDeepStrictEqual(hashes, right)) throw new Error("it has other files");
    },
  }),
});

/** What control remembers of staging: whatever stands there, a scan finds what is there. */
const scanMemory = defineTarget({
  name: "scan-memory",
  // Each is a scan.
  testCases: 10_000,
  isRefusal: () => false,
  answers: "all taken",
  open() {
    const found = scan(staged, "/staging", optionsOn(staged));
    const written = diskWith("/1.manifest", bytesOf(found.manifest));
    new Versions(written, "/").writeMemory(1, treeHash(found.manifest), found.seen);
    const memory = readFile(written, "/scan-memory");
    return {
      make: (random) => mutateOften<Uint8Array>(memory, random, mutateBytes),
      feed(bytes) {
        const there = written.afterKill();
        there.unlink("/scan-memory");
        writeFile(there, "/scan-memory", bytes);
        const remembered = new Versions(there, "/").readMemory();
        if (remembered === undefined) return;
        const disk = staged.afterKill();
        const again = scan(disk, "/staging", { ...optionsOn(disk), memory: remembered });
        if (!bytesOf(again.manifest).equals(bytesOf(found.manifest))) throw new Error("the scan found something else");
      },
    };
  },
});

const staged = new SimDisk();
for (const path of ["/staging", "/objects", "/sites", "/sites/shop"]) staged.makeDirectory(path, 0o755);
plantTree(staged, "/staging", treeOf(1));

function optionsOn(disk: SimDisk): ScanOptions {
  const objects = new ObjectStore(disk, "/objects", "job");
  const startedAt = Date.UTC(2026, 0, 2);
  return { selection: createSelection(takeEverything), objects, startedAt };
}

export const contentTargets: readonly Target[] = [manifest, scanMemory];
