import { join } from "node:path";
import { comparePaths, failure, printable, refusePath, refuseTarget } from "distributary/sdk";
import type { Disk, Entry, FileStat, HeldDirectory } from "distributary/sdk";
import { checkOrder } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import type { ObjectStore } from "./objects.ts";
import type { Selection } from "./selection.ts";

/** What the files of a tree looked like when their hashes were taken. All of them are in the object store. */
export interface ScanMemory {
  readonly manifest: Manifest;
  /** Of each entry its time of modification, of change and its inode; NaN for what is to be read again. */
  readonly seen: Float64Array;
}

export interface ScanOptions {
  readonly selection: Selection;
  readonly objects: ObjectStore;
  /** From the scan before; absent: every file is read. */
  readonly memory?: ScanMemory;
  /** Why a path is refused beyond what no tree can hold; undefined if it is welcome. */
  readonly refuse?: (path: string) => string | undefined;
  /** When the scan began: a file changed less than two seconds before it is read again the next time. */
  readonly startedAt: number;
  readonly progress?: (fileCount: number, readBytes: number) => void;
}

export interface Scan {
  /** With the times that the files have in staging. */
  readonly manifest: Manifest;
  /** For the memory of the next scan. */
  readonly seen: Float64Array;
  readonly readBytes: number;
  /** What is neither file, directory nor symbolic link, and so was passed over. */
  readonly passedOver: readonly string[];
}

/** What the system answers when something went, or became something else, after it was looked at. */
const becameElse = new Set(["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "EINVAL", "DIST_ERR_CONTENT_CHANGING"]);

/** A change within the clock's grain may leave size and times as they were. */
const racyMs = 2_000;

/** In UTF-16 units: with the directory before it, a name the system takes whatever characters are in it. */
const shortPath = 1_000;

/**
 * Lists a staging directory and takes what is new or changed into the object store, reading each file once.
 * Throws DIST_ERR_CONTENT_STAGING if it is missing or cannot be read, DIST_ERR_CONTENT_CHANGING if it does not hold
 * still, DIST_ERR_PATH_INVALID for a name or link that cannot be published.
 */
export function scan(disk: Disk, staging: string, options: ScanOptions): Scan {
  const walk = new Walk(disk, staging, options);
  walk.enter(staging, "");
  checkOrder(walk.entries);
  const { entries, seen, readBytes, passedOver } = walk;
  return { manifest: entries, seen: Float64Array.from(seen), readBytes, passedOver };
}

class Walk {
  readonly entries: Entry[] = [];
  readonly seen: number[] = [];
  readonly passedOver: string[] = [];
  readBytes = 0;
  /** Where the next path may stand in the memory. */
  #at = 0;
  #fileCount = 0;
  readonly #disk: Disk;
  readonly #staging: string;
  readonly #options: ScanOptions;

  constructor(disk: Disk, staging: string, options: ScanOptions) {
    this.#disk = disk;
    this.#staging = staging;
    this.#options = options;
  }

  /**
   * Goes through the directory at `place`; the paths of what is in it begin with `prefix`. Others may write in staging:
   * each directory is held while what is in it is opened, so none can become a link that leads out. To look at an entry
   * by its whole name is faster by a third: at worst something else is seen, which is not what is then opened.
   */
  enter(place: string, prefix: string): void {
    using directory = this.#hold(place, prefix);
    for (const name of this.#list(directory.path, prefix)) {
      const path = prefix + name;
      const at = `${directory.path}/${name}`;
      const stat = this.#disk.stat(path.length < shortPath ? `${this.#staging}/${path}` : at);
      if (stat === undefined) throw failure("DIST_ERR_CONTENT_CHANGING", { path: printable(path) });
      if (stat.type === "directory") this.#directory(path, at, stat);
      else if (!this.#options.selection.takes(path)) continue;
      else if (stat.type === "file") this.#file(path, at, stat);
      else if (stat.type === "symlink") this.#symlink(path, at);
      else this.passedOver.push(path);
    }
  }

  #hold(place: string, prefix: string): HeldDirectory {
    try {
      return this.#disk.hold(place);
    } catch (error) {
      const path = printable(join(this.#staging, prefix.slice(0, -1)));
      if (prefix !== "" && becameElse.has((error as NodeJS.ErrnoException).code ?? ""))
        throw failure("DIST_ERR_CONTENT_CHANGING", { path }, { cause: error });
      throw unreadable(path, error);
    }
  }

  #list(directory: string, prefix: string): string[] {
    try {
      return this.#disk.list(directory);
    } catch (error) {
      throw unreadable(printable(join(this.#staging, prefix.slice(0, -1))), error);
    }
  }

  #directory(path: string, at: string, stat: FileStat): void {
    const { selection } = this.#options;
    if (!selection.enters(path)) return;
    this.#check(path);
    this.#add({ type: "directory", path, mode: stat.mode & 0o777 });
    const before = this.entries.length;
    this.enter(at, `${path}/`);
    if (this.entries.length > before || selection.keepsEmpty(path)) return;
    this.entries.pop();
    this.seen.length -= 3;
  }

  /** An entry, and what of its file is remembered. */
  #add(entry: Entry, mtimeMs = NaN, ctimeMs = NaN, inode = NaN): void {
    this.entries.push(entry);
    this.seen.push(mtimeMs, ctimeMs, inode);
  }

  #file(path: string, at: string, stat: FileStat): void {
    this.#check(path);
    const known = this.#known(path, stat);
    const taken = known === undefined ? this.#takeIn(path, at) : { hash: known, stat };
    const { sizeBytes, mtimeMs, ctimeMs, inode, mode } = taken.stat;
    const entry = { type: "file", path, mode: mode & 0o777, sizeBytes, mtimeMs, hash: taken.hash } as const;
    if (ctimeMs < this.#options.startedAt - racyMs) this.#add(entry, mtimeMs, ctimeMs, inode);
    else this.#add(entry);
    this.#fileCount += 1;
    if (known === undefined) this.readBytes += sizeBytes;
    if (this.#fileCount % 256 === 0) this.#options.progress?.(this.#fileCount, this.readBytes);
  }

  /** The hash of a file that looks as it did. Paths are asked for in the order of manifests. */
  #known(path: string, { sizeBytes, mtimeMs, ctimeMs, inode }: FileStat): string | undefined {
    const { manifest, seen } = this.#options.memory ?? { manifest: [], seen: [] };
    let entry = manifest[this.#at];
    while (entry !== undefined && comparePaths(entry.path, path) < 0) entry = manifest[(this.#at += 1)];
    if (entry?.type !== "file" || entry.path !== path || entry.sizeBytes !== sizeBytes) return undefined;
    const at = 3 * this.#at;
    return seen[at] === mtimeMs && seen[at + 1] === ctimeMs && seen[at + 2] === inode ? entry.hash : undefined;
  }

  #takeIn(path: string, at: string): { hash: string; stat: FileStat } {
    try {
      return this.#options.objects.takeIn(at);
    } catch (error) {
      const file = join(this.#staging, path);
      const { code } = error as NodeJS.ErrnoException;
      if (becameElse.has(code ?? ""))
        throw failure("DIST_ERR_CONTENT_CHANGING", { path: printable(file) }, { cause: error });
      if (code !== "EACCES" && code !== "EPERM" && code !== "EIO") throw error;
      throw unreadable(printable(file), error);
    }
  }

  #symlink(path: string, at: string): void {
    const target = this.#readLink(path, at);
    this.#check(path, refuseTarget(path, target));
    this.#add({ type: "symlink", path, target });
  }

  #readLink(path: string, at: string): string {
    try {
      return this.#disk.readLink(at);
    } catch (error) {
      if (!becameElse.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
      throw failure("DIST_ERR_CONTENT_CHANGING", { path: printable(path) }, { cause: error });
    }
  }

  #check(path: string, refusal?: string): void {
    const reason = refusePath(path) ?? this.#options.refuse?.(path) ?? refusal;
    if (reason !== undefined) throw failure("DIST_ERR_PATH_INVALID", { path: printable(path), reason });
  }
}

function unreadable(path: string, error: unknown) {
  const { code, message } = error as NodeJS.ErrnoException;
  const problem = code === "ENOENT" ? "does not exist" : code === "EACCES" ? "may not be read" : message;
  return failure("DIST_ERR_CONTENT_STAGING", { path, problem }, { cause: error });
}

/**
 * The same tree, but files whose content is that of `before` keep the time they had there: a build that touches every
 * file changes nothing, and caches on the servers stay valid.
 */
export function keepTimes(manifest: Manifest, before: Manifest): Manifest {
  let at = 0;
  return manifest.map((entry) => {
    let old = before[at];
    while (old !== undefined && comparePaths(old.path, entry.path) < 0) old = before[(at += 1)];
    if (entry.type !== "file" || old?.type !== "file" || old.path !== entry.path || old.hash !== entry.hash)
      return entry;
    return old.mtimeMs === entry.mtimeMs ? entry : { ...entry, mtimeMs: old.mtimeMs };
  });
}
