import { failure, printable } from "distributary/sdk";
import type { Disk, Entry, FileEntry, FileStat, Interpreter, Io } from "distributary/sdk";
import { createHasher, toHex } from "../content/hash.ts";
import type { Manifest } from "../content/manifest.ts";

type Keeps = Interpreter["keeps"];

/**
 * Why what lies in `directory` is not the tree of `manifest`, as far as names, types, sizes, modes and times tell;
 * undefined if it is. Reads no content. `visit` gets every entry that is as it should be.
 */
export function quickCheck(
  disk: Disk,
  directory: string,
  manifest: Manifest,
  keeps: Keeps,
  visit?: (entry: Entry, stat: FileStat) => void,
): string | undefined {
  let found = 0;
  for (const entry of manifest) {
    const stat = disk.stat(`${directory}/${entry.path}`);
    const problem = stat === undefined ? "is missing" : differs(disk, directory, entry, stat, keeps);
    if (problem !== undefined) return `'${printable(entry.path)}' ${problem}`;
    if (stat !== undefined) visit?.(entry, stat);
    found += 1;
  }
  const there = countEntries(disk, directory, manifest);
  return there === found ? undefined : `there are ${there} entries, not ${found}`;
}

/** Entries in the root and in every directory of the manifest; others would be missed by name. */
function countEntries(disk: Disk, directory: string, manifest: Manifest): number {
  let count = disk.list(directory).length;
  for (const entry of manifest) if (entry.type === "directory") count += disk.list(`${directory}/${entry.path}`).length;
  return count;
}

function differs(disk: Disk, directory: string, entry: Entry, stat: FileStat, keeps: Keeps): string | undefined {
  if (entry.type !== stat.type) return `is a ${stat.type}, not a ${entry.type}`;
  if (entry.type === "symlink") {
    return disk.readLink(`${directory}/${entry.path}`) === entry.target ? undefined : "points elsewhere";
  }
  if (keeps.modes && entry.mode !== stat.mode)
    return `has mode ${stat.mode.toString(8)}, not ${entry.mode.toString(8)}`;
  if (entry.type === "directory") return undefined;
  if (entry.sizeBytes !== stat.sizeBytes) return `has ${stat.sizeBytes} bytes, not ${entry.sizeBytes}`;
  return entry.mtimeMs === stat.mtimeMs ? undefined : "was changed since";
}

export interface BuiltRelease {
  readonly directory: string;
  readonly manifest: Manifest;
  readonly keeps: Keeps;
  /** The release it was made from: a file that is the same inode there was checked when that one was made. */
  readonly baseDirectory: string | undefined;
  /** Of a release that was made of an older one, which was checked then: absolute paths of what is new in it. */
  readonly changed: readonly string[] | undefined;
}

/** Milliseconds of work after which others get a turn. */
const longestStretch = 25;

/**
 * Checks a release that was just built, reading back every file that was not checked before.
 * Throws DIST_ERR_ASSIGNMENT_RESULT naming the first difference.
 */
export async function verifyRelease(io: Io, release: BuiltRelease, signal: AbortSignal): Promise<void> {
  const { disk, clock } = io;
  const { directory, manifest, keeps, baseDirectory, changed } = release;
  const refuse = (problem: string) => failure("DIST_ERR_ASSIGNMENT_RESULT", { problem });
  const unchecked: FileEntry[] = [];
  const isNew = changed === undefined ? undefined : new Set(changed);
  const wasChecked = (path: string, stat: FileStat) =>
    isNew === undefined ? isShared(disk, path, stat, baseDirectory) : !isNew.has(`${directory}/${path}`);
  const problem = quickCheck(disk, directory, manifest, keeps, (entry, stat) => {
    if (entry.type === "file" && !wasChecked(entry.path, stat)) unchecked.push(entry);
  });
  if (problem !== undefined) throw refuse(problem);
  let rested = clock.now();
  for (const entry of unchecked) {
    if (hashFile(disk, `${directory}/${entry.path}`) !== entry.hash)
      throw refuse(`'${printable(entry.path)}' has another content`);
    signal.throwIfAborted();
    if (clock.now() - rested < longestStretch) continue;
    await clock.until(clock.now() + 1, signal);
    rested = clock.now();
  }
}

function isShared(disk: Disk, path: string, stat: FileStat, baseDirectory: string | undefined): boolean {
  if (stat.links < 2 || baseDirectory === undefined) return false;
  const base = disk.stat(`${baseDirectory}/${path}`);
  return base !== undefined && base.device === stat.device && base.inode === stat.inode;
}

/** One for all files: nothing else runs while one is read, and making a large buffer costs more than a small file. */
const buffer = Buffer.allocUnsafe(1 << 20);

/** The hash of a file's content, in hex. */
export function hashFile(disk: Disk, path: string): string {
  const hasher = createHasher();
  const file = disk.open(path, "read");
  try {
    for (let position = 0; ;) {
      const count = file.read(buffer, position);
      hasher.update(buffer.subarray(0, count));
      if (count < buffer.length) return toHex(hasher.digest());
      position += count;
    }
  } finally {
    file.close();
  }
}
