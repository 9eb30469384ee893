import { closeSync, linkSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { decodeAssignment } from "../../core/assignment/decode.ts";
import { encodeAssignment } from "../../core/assignment/encode.ts";
import { planBringing, planCommands, resultOf } from "../../core/assignment/commands.ts";
import { compareTrees } from "../../core/content/compare.ts";
import type { Changes } from "../../core/content/compare.ts";
import { hexHashOf } from "../../core/content/hash.ts";
import { decodeManifest, encodeManifest, treeHash } from "../../core/content/manifest.ts";
import type { Manifest } from "../../core/content/manifest.ts";
import { ObjectStore } from "../../core/content/objects.ts";
import { keepTimes } from "../../core/content/scan.ts";
import { Versions } from "../../core/content/versions.ts";
import { planCollect } from "../../core/control/jobs/plan.ts";
import { realDisk } from "../../core/runtime/disk.ts";
import { fullHeader } from "../core/assignment/sample.ts";
import { changedManifest, madeUpManifest } from "../core/content/made-up-manifest.ts";
import { format, machine, table } from "./measuring.ts";
import { OwnDisk } from "./own-disk.ts";

/*
 * A tree of a million entries: what control and a node do with its manifest, with an update that changes one file in a
 * hundred and with one that brings everything; and a store of a million objects.
 *
 *   node test/bench/million.ts [entries]
 */

const [entryCount = 1_000_000] = process.argv.slice(2).map(Number);
const rows: string[][] = [];

/** Does it and writes down how long it took, and the most memory that this process had in that time. */
function row<Result>(what: string, work: () => Result): Result {
  writeFileSync("/proc/self/clear_refs", "5");
  const startedAt = performance.now();
  const result = work();
  const ms = performance.now() - startedAt;
  const most = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  rows.push([what, format(ms), format(Number(most) / 1024)]);
  return result;
}

function commandsFor(base: Manifest, changes: Changes) {
  const { files, copies } = planBringing(base, changes);
  const ordered = files.map((entry) => ({ entry, part: 0 }));
  return planCommands(changes, copies, ordered);
}

function manifests(): void {
  const manifest = row("make up a tree, for comparison", () => madeUpManifest(entryCount));
  const bytes = row("encode its manifest", () => Buffer.concat([...encodeManifest(manifest)]));
  row("tree hash", () => treeHash(manifest));
  const read = row("decode, with every check", () => decodeManifest(bytes));
  const next = changedManifest(manifest);
  const changes = row("compare: one file in a hundred has changed", () => compareTrees(read, next));
  row("keep the times of the others", () => keepTimes(next, read));
  const some = row("the commands for that", () => commandsFor(read, changes));
  row("the tree they make", () => resultOf(read, some));
  const all = row("the commands for everything, from nothing", () => commandsFor([], compareTrees([], manifest)));
  row("the tree they make", () => resultOf([], all));
  const buffer = row("encode an assignment of them", () => encodeAssignment(fullHeader, all));
  row("decode it, with every check", () => decodeAssignment(buffer));
}

/** Names of objects, which share a few files: to make and to delete a million files takes this disk long. */
function fillStore(store: string, count: number): string[] {
  const mostLinks = 50_000;
  const hashes = Array.from({ length: count }, (_, index) => hexHashOf(Buffer.from(`object ${index}`)));
  for (let prefix = 0; prefix < 256; prefix += 1)
    mkdirSync(join(store, prefix.toString(16).padStart(2, "0")), { recursive: true });
  let shared = "";
  for (const [index, hash] of hashes.entries()) {
    const path = join(store, hash.slice(0, 2), hash);
    if (index % mostLinks === 0) writeFileSync((shared = path), "content");
    else linkSync(shared, path);
  }
  return hashes;
}

function manifestOf(hashes: readonly string[]): Manifest {
  const like = madeUpManifest(2)[1];
  if (like?.type !== "file") throw new Error("the second entry is a file");
  return hashes.map((hash, index) => ({ ...like, path: `file-${String(index).padStart(8, "0")}`, hash }));
}

function objects(directory: string): void {
  const store = join(directory, "objects");
  const hashes = fillStore(store, entryCount * 0.9);
  const taken = new ObjectStore(realDisk, store, "bench");
  const file = join(directory, "file");
  const opened = openSync(file, "w");
  row(`take another ${format(entryCount / 10)} small files into a store`, () => {
    for (let index = 0; index < entryCount / 10; index += 1) {
      writeSync(opened, String(index).padStart(16), 0);
      hashes.push(taken.takeIn(file).hash);
    }
  });
  closeSync(opened);
  row("settle them", () => taken.settle());
  row(`look all its ${format(entryCount)} objects up`, () => {
    for (const hash of hashes) if (!taken.has(hash)) throw new Error(`${hash} is lost`);
  });
  const versions = new Versions(realDisk, join(directory, "sites", "demo"));
  const ten = Array.from({ length: 10 }, (_, index) => index + 1);
  for (const version of ten) versions.write(version, manifestOf(hashes));
  const library = { disk: realDisk, directory };
  row("collect: ten versions need all of them", () => planCollect(library, "demo", []));
  versions.write(11, manifestOf(hashes.slice(entryCount / 100)));
  row("collect: these go, and one object in a hundred", () => planCollect(library, "demo", ten));
}

manifests();
{
  using disk = new OwnDisk(10);
  objects(disk.path);
}
console.log(`${machine()}, ${format(entryCount)} entries\n`);
console.log(table(["", "ms", "memory at most, MiB"], rows));
