import { comparePaths, failure, nameBytes, nameFromBytes, printable, refusePath, refuseTarget } from "distributary/sdk";
import type { Entry } from "distributary/sdk";
import { createHasher, hashBytes, hexHashOf, toHex } from "./hash.ts";

/**
 * A state of a site's tree: its entries in the order of `comparePaths`, each path once, parents before children.
 *
 * As bytes: an 8-byte mark with the format's version, then one record an entry: type (1 byte), mode (2), length of the
 * path (2), path; for a file also size (8), mtime (8) and hash (32), for a symbolic link the length (2) of its target
 * and the target. Numbers are big-endian. There is one way to write a tree, so the hash of the bytes names it: the
 * *tree hash*.
 */
export type Manifest = readonly Entry[];

const mark = Buffer.from("dsttree1");
const typeBytes = { file: 1, directory: 2, symlink: 3 } as const;
const largestChunk = 1 << 20;

/** The bytes of a manifest, in chunks. */
export function* encodeManifest(manifest: Iterable<Entry>): Iterable<Uint8Array> {
  let chunk = Buffer.allocUnsafe(largestChunk);
  let length = mark.copy(chunk);
  for (const entry of manifest) {
    if (length + 16_384 > chunk.length) {
      yield chunk.subarray(0, length);
      chunk = Buffer.allocUnsafe(largestChunk);
      length = 0;
    }
    length = writeEntry(chunk, length, entry);
  }
  yield chunk.subarray(0, length);
}

function writeEntry(chunk: Buffer, start: number, entry: Entry): number {
  let at = chunk.writeUInt8(typeBytes[entry.type], start);
  at = chunk.writeUInt16BE(entry.type === "symlink" ? 0o777 : entry.mode, at);
  at = writeName(chunk, at, entry.path);
  if (entry.type === "symlink") return writeName(chunk, at, entry.target);
  if (entry.type === "directory") return at;
  at = writeNumber(chunk, at, entry.sizeBytes);
  at = writeNumber(chunk, at, entry.mtimeMs);
  return at + chunk.write(entry.hash, at, hashBytes, "hex");
}

function writeName(chunk: Buffer, start: number, name: string): number {
  const length = name.isWellFormed()
    ? chunk.write(name, start + 2, "utf8")
    : Buffer.from(nameBytes(name)).copy(chunk, start + 2);
  chunk.writeUInt16BE(length, start);
  return start + 2 + length;
}

/** Two halves are faster than a BigInt. */
function writeNumber(chunk: Buffer, at: number, value: number): number {
  const high = Math.floor(value / 2 ** 32);
  return chunk.writeUInt32BE(value - high * 2 ** 32, chunk.writeInt32BE(high, at));
}

/**
 * Reads what `encodeManifest` wrote. Throws DIST_ERR_CONTENT_MANIFEST on anything else: a wrong order, a path that is
 * refused, an entry whose parent is missing, a link that leaves the tree, bytes too many or too few.
 */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const entries = readRecords(bytes, readEntry);
  checkTree(entries);
  return entries;
}

/** The same in less time for bytes whose tree hash is known. Throws DIST_ERR_CONTENT_MANIFEST if it is another. */
export function decodeKnownManifest(bytes: Uint8Array, tree: string): Manifest {
  const found = hexHashOf(bytes);
  if (found !== tree) throw refused(`it is that of tree ${found}, not of ${tree}`);
  return readRecords(bytes, readEntry);
}

/**
 * The hashes of a manifest's files; of the rest only the lengths are looked at. Throws DIST_ERR_CONTENT_MANIFEST if
 * they do not fit.
 */
export function fileHashes(bytes: Uint8Array): string[] {
  return readRecords(bytes, readHash).filter((hash) => hash !== undefined);
}

/** What `read` makes of each record; it answers with that and where the next one begins. */
function readRecords<Value>(bytes: Uint8Array, read: (buffer: Buffer, at: number) => [Value, number]): Value[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!buffer.subarray(0, mark.length).equals(mark)) throw refused("it does not begin like one");
  const values: Value[] = [];
  try {
    for (let at = mark.length; at < buffer.length;) {
      const [value, next] = read(buffer, at);
      if (next > buffer.length) throw new Error("it ends within an entry");
      values.push(value);
      at = next;
    }
  } catch (error) {
    throw refused((error as Error).message, error);
  }
  return values;
}

function readHash(buffer: Buffer, start: number): [string | undefined, number] {
  const type = buffer.readUInt8(start);
  const at = afterName(buffer, start + 3);
  if (type === typeBytes.directory) return [undefined, at];
  if (type === typeBytes.symlink) return [undefined, afterName(buffer, at)];
  if (type !== typeBytes.file) throw new Error(`type ${type} at byte ${start}`);
  return [buffer.toString("hex", at + 16, at + 16 + hashBytes), at + 16 + hashBytes];
}

function readEntry(buffer: Buffer, start: number): [Entry, number] {
  const type = buffer.readUInt8(start);
  const mode = buffer.readUInt16BE(start + 1);
  const [path, at] = readName(buffer, start + 3);
  if (type === typeBytes.directory) return [{ type: "directory", path, mode }, at];
  if (type === typeBytes.symlink) {
    if (mode !== 0o777) throw new Error(`mode ${mode.toString(8)} of a symbolic link`);
    const [target, next] = readName(buffer, at);
    return [{ type: "symlink", path, target }, next];
  }
  if (type !== typeBytes.file) throw new Error(`type ${type} at byte ${start}`);
  const sizeBytes = readNumber(buffer, at);
  const mtimeMs = readNumber(buffer, at + 8);
  const end = at + 16 + hashBytes;
  return [{ type: "file", path, mode, sizeBytes, mtimeMs, hash: buffer.toString("hex", at + 16, end) }, end];
}

function readName(buffer: Buffer, at: number): [string, number] {
  const end = afterName(buffer, at);
  if (end > buffer.length) throw new Error("it ends within a name");
  return [nameFromBytes(buffer.subarray(at + 2, end)), end];
}

function afterName(buffer: Buffer, at: number): number {
  return at + 2 + buffer.readUInt16BE(at);
}

function readNumber(buffer: Buffer, at: number): number {
  const value = buffer.readInt32BE(at) * 2 ** 32 + buffer.readUInt32BE(at + 4);
  if (!Number.isSafeInteger(value)) throw new Error(`number ${value} at byte ${at}`);
  return value;
}

/** Throws DIST_ERR_CONTENT_MANIFEST unless the entries make one tree, in order. */
export function checkTree(entries: readonly Entry[]): void {
  for (const entry of entries) checkEntry(entry);
  checkOrder(entries);
}

/** Throws DIST_ERR_CONTENT_MANIFEST for an entry that no tree can have. */
export function checkEntry(entry: Entry): void {
  const refusal = refusePath(entry.path);
  if (refusal !== undefined) throw refused(`path '${printable(entry.path)}': ${refusal}`);
  if (entry.type !== "symlink" && (entry.mode & ~0o777) !== 0)
    throw refused(`'${entry.path}' has mode ${entry.mode.toString(8)}`);
  if (entry.type === "file" && entry.sizeBytes < 0) throw refused(`'${entry.path}' has size ${entry.sizeBytes}`);
  const reason = entry.type === "symlink" ? refuseTarget(entry.path, entry.target) : undefined;
  if (reason !== undefined) throw refused(`'${entry.path}': ${reason}`);
}

/** Throws DIST_ERR_CONTENT_MANIFEST unless each path comes once, in order, and behind the directory that holds it. */
export function checkOrder(entries: readonly Entry[]): void {
  const parents: string[] = [];
  let before: Entry | undefined;
  for (const entry of entries) {
    if (before !== undefined && comparePaths(before.path, entry.path) >= 0)
      throw refused(`'${entry.path}' is out of order`);
    while (parents.length > 0 && !isBelow(entry.path, parents.at(-1) ?? "")) parents.pop();
    const parent = entry.path.slice(0, Math.max(0, entry.path.lastIndexOf("/")));
    if (parent !== (parents.at(-1) ?? "")) throw refused(`'${entry.path}' has no directory above it`);
    if (entry.type === "directory") parents.push(entry.path);
    before = entry;
  }
}

function isBelow(path: string, directory: string): boolean {
  return path.charCodeAt(directory.length) === slash && path.startsWith(directory);
}

const slash = "/".charCodeAt(0);

function refused(problem: string, cause?: unknown) {
  return failure("DIST_ERR_CONTENT_MANIFEST", { problem }, { cause });
}

/** The hash that names a tree, in hex. */
export function treeHash(manifest: Iterable<Entry>): string {
  const hasher = createHasher();
  for (const chunk of encodeManifest(manifest)) hasher.update(chunk);
  return toHex(hasher.digest());
}

/** The tree hash of nothing at all. */
export const emptyTree: string = treeHash([]);

/** Files and bytes in a tree. */
export function measure(manifest: Iterable<Entry>): { entryCount: number; fileCount: number; sizeBytes: number } {
  let [entryCount, fileCount, sizeBytes] = [0, 0, 0];
  for (const entry of manifest) {
    entryCount += 1;
    if (entry.type !== "file") continue;
    fileCount += 1;
    sizeBytes += entry.sizeBytes;
  }
  return { entryCount, fileCount, sizeBytes };
}
