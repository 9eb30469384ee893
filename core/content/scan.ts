import { join } from "node:path";
import { failure, printable, refusePath, refuseTarget } from "distributary/sdk";
import type { Disk, Entry, FileStat, HeldDirectory } from "distributary/sdk";
import { checkTree } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import type { ObjectStore } from "./objects.ts";
import type { Selection } from "./selection.ts";

/** What a file looked like when its hash was taken: path → size, mtime, ctime, inode, hash. */
export type ScanMemory = ReadonlyMap<string, Remembered>;
export type Remembered = readonly [sizeBytes: number, mtimeMs: number, ctimeMs: number, inode: number, hash: string];

export interface ScanOptions {
  readonly selection: Selection;
  readonly objects: ObjectStore;
  /** From the scan before. */
  readonly memory: ScanMemory;
  /** Why a path is refused beyond what no tree can hold; undefined if it is welcome. */
  readonly refuse?: (path: string) => string | undefined;
  /** When the scan began: a file changed less than two seconds before it is read again the next time. */
  readonly startedAt: number;
  readonly progress?: (fileCount: number, readBytes: number) => void;
}

export interface Scan {
  readonly manifest: Manifest;
  readonly memory: ScanMemory;
  readonly readBytes: number;
  /** What is neither file, directory nor symbolic link, and so was passed over. */
  readonly passedOver: readonly string[];
}

/** What the system answers when something went, or became something else, after it was looked at. */
const becameElse = new Set(["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "EINVAL", "DIST_ERR_CONTENT_CHANGING"]);

/** A change within the clock's grain may leave size and times as they were. */
const racyMs = 2_000;

/**
 * Lists a staging directory and takes what is new or changed into the object store, reading each file once.
 * Throws DIST_ERR_CONTENT_STAGING if it is missing or cannot be read, DIST_ERR_CONTENT_CHANGING if it does not hold
 * still, DIST_ERR_PATH_INVALID for a name or link that cannot be published.
 */
export function scan(disk: Disk, staging: string, options: ScanOptions): Scan {
  const walk = new Walk(disk, staging, options);
  walk.enter(staging, "");
  checkTree(walk.entries);
  return { manifest: walk.entries, memory: walk.memory, readBytes: walk.readBytes, passedOver: walk.passedOver };
}

class Walk {
  readonly entries: Entry[] = [];
  readonly memory = new Map<string, Remembered>();
  readonly passedOver: string[] = [];
  readBytes = 0;
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
   * each directory is held while its names are looked up, so none can become a link that leads out.
   */
  enter(place: string, prefix: string): void {
    using directory = this.#hold(place, prefix);
    for (const name of this.#list(directory.path, prefix)) {
      const path = prefix + name;
      const at = `${directory.path}/${name}`;
      const stat = this.#disk.stat(at);
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
    const before = this.entries.length;
    this.entries.push({ type: "directory", path, mode: stat.mode & 0o777 });
    this.enter(at, `${path}/`);
    if (this.entries.length === before + 1 && !selection.keepsEmpty(path)) this.entries.pop();
  }

  #file(path: string, at: string, stat: FileStat): void {
    this.#check(path);
    const known = this.#options.memory.get(path);
    const same = known !== undefined && looksLike(known, stat) && this.#options.objects.has(known[4]);
    const taken = same ? { hash: known[4], stat } : this.#takeIn(path, at);
    const { sizeBytes, mtimeMs, ctimeMs, inode, mode } = taken.stat;
    if (ctimeMs < this.#options.startedAt - racyMs)
      this.memory.set(path, [sizeBytes, mtimeMs, ctimeMs, inode, taken.hash]);
    this.entries.push({ type: "file", path, mode: mode & 0o777, sizeBytes, mtimeMs, hash: taken.hash });
    this.#fileCount += 1;
    if (!same) this.readBytes += sizeBytes;
    if (this.#fileCount % 256 === 0) this.#options.progress?.(this.#fileCount, this.readBytes);
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
    this.entries.push({ type: "symlink", path, target });
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

function looksLike([sizeBytes, mtimeMs, ctimeMs, inode]: Remembered, stat: FileStat): boolean {
  return sizeBytes === stat.sizeBytes && mtimeMs === stat.mtimeMs && ctimeMs === stat.ctimeMs && inode === stat.inode;
}

/**
 * The same tree, but files whose content is that of `before` keep the time they had there: a build that touches every
 * file changes nothing, and caches on the servers stay valid.
 */
export function keepTimes(manifest: Manifest, before: Manifest): Manifest {
  const known = new Map(before.map((entry) => [entry.path, entry]));
  return manifest.map((entry) => {
    const old = known.get(entry.path);
    if (entry.type !== "file" || old?.type !== "file" || old.hash !== entry.hash) return entry;
    return { ...entry, mtimeMs: old.mtimeMs };
  });
}
