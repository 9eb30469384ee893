import type { Disk, FileStat, HeldDirectory, OpenFile, Random } from "../../io.ts";
import { nameBytes } from "../../path.ts";
import { DiskFaults } from "./disk-faults.ts";
import type { DiskFault } from "./disk-faults.ts";
import type { PowerProfile } from "./disk-journal.ts";
import { statOf } from "./inode.ts";
import type { Inode } from "./inode.ts";
import { locate, systemError } from "./locate.ts";
import type { Place } from "./locate.ts";
import { isSameFile, renameTouches } from "./rename.ts";
import { SimFile } from "./sim-file.ts";
import { nameOf, Volume } from "./volume.ts";

/** What a simulated disk can do, and how it fails. */
export interface SimDiskOptions {
  readonly capacityBytes?: number;
  /** Whether modes hold nobody back, as with root. */
  readonly privileged?: boolean;
  /** Names that give the same result are the same name. */
  readonly fold?: (name: string) => string;
  /** Directories that, when made, are file systems of their own. */
  readonly devices?: readonly string[];
  /** How many names a file can have. */
  readonly mostLinks?: number;
  /** For times of files. Without it they count up by a millisecond. */
  readonly wallTime?: () => number;
}

const permission = { read: 0o400, write: 0o200, search: 0o100 };
const umask = 0o022;
const longestTarget = 4095;

/**
 * A file system in memory that behaves as Linux's, and can lose what was not synced. It begins as an empty root.
 * Every call that changes or syncs something is one operation: `operations` counts them, `failAt` makes one fail,
 * `crash` gives what is there afterwards. The same calls give the same results.
 */
export class SimDisk implements Disk {
  readonly #options: SimDiskOptions;
  readonly #volume: Volume;
  readonly #faults = new DiskFaults();

  /** Without `volume` it is new. */
  constructor(options: SimDiskOptions = {}, volume = newVolume(options)) {
    this.#options = options;
    this.#volume = volume;
  }

  /** Operations so far. */
  get operations(): number {
    return this.#faults.operations;
  }

  /**
   * Makes the `count`-th operation from now fail, before or after it took effect. After `kill` every call throws.
   * A sync that fails before it took effect loses the bytes written to that file, as Linux does.
   */
  failAt(count: number, fault: DiskFault, when: "before" | "after" = "before"): void {
    this.#faults.plan(count, fault, when);
  }

  /** What is there after the program was killed: everything it did, synced or not. Leaves this disk as it is. */
  afterKill(): SimDisk {
    return new SimDisk(this.#options, this.#volume.afterKill());
  }

  /** What is there after a loss of power, by chance. Leaves this disk as it is, so that it can be asked many times. */
  afterPowerLoss(profile: PowerProfile, random: Random): SimDisk {
    return new SimDisk(this.#options, this.#volume.afterPowerLoss(profile, random));
  }

  stat(path: string): FileStat | undefined {
    this.#faults.checkAlive();
    try {
      const { inode } = this.#locate(path, "lstat");
      return inode === undefined ? undefined : statOf(inode);
    } catch (error) {
      if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
      throw error;
    }
  }

  list(path: string): string[] {
    this.#faults.checkAlive();
    const inode = this.#existing(path, "scandir");
    if (inode.type !== "directory") throw systemError("ENOTDIR", "scandir", path);
    this.#checkMode(inode, permission.read, "scandir", path);
    return [...inode.names.values().map(({ name }) => name)].sort();
  }

  /** Nobody else is on this disk, so a name stays what it is. */
  hold(path: string): HeldDirectory {
    const type = this.stat(path)?.type;
    if (type !== "directory") throw systemError(type === undefined ? "ENOENT" : "ENOTDIR", "open", path);
    return { path, [Symbol.dispose]() {} };
  }

  readLink(path: string): string {
    this.#faults.checkAlive();
    const inode = this.#existing(path, "readlink");
    if (inode.type !== "symlink") throw systemError("EINVAL", "readlink", path);
    return inode.target;
  }

  open(path: string, how: "read" | "create" | "append"): OpenFile {
    if (how === "read") {
      this.#faults.checkAlive();
      return this.#openExisting(path, how, this.#locate(path, "open"));
    }
    return this.#run("open", path, () => {
      const place = this.#locate(path, "open");
      if (how === "append" && place.inode !== undefined) return this.#openExisting(path, how, place);
      return this.#handle(path, how, this.#volume.make(this.#free(path, "open"), { type: "file", mode: 0o600 }));
    });
  }

  makeDirectory(path: string, mode = 0o700): void {
    this.#run("mkdir", path, () => {
      const traits = { type: "directory", mode: mode & 0o1777 & ~umask } as const;
      this.#volume.make(this.#free(path, "mkdir"), traits, this.#options.devices?.includes(path));
    });
  }

  link(existing: string, path: string): void {
    this.#run("link", path, () => {
      const inode = this.#existing(existing, "link");
      const place = this.#free(path, "link");
      if (inode.device !== place.directory.device) throw systemError("EXDEV", "link", path);
      if (inode.type === "directory") throw systemError("EPERM", "link", path);
      if (inode.links >= (this.#options.mostLinks ?? 65_000)) throw systemError("EMLINK", "link", path);
      this.#volume.name({ set: { ...nameOf(place), inode: inode.number } });
    });
  }

  symlink(target: string, path: string): void {
    this.#run("symlink", path, () => {
      if (target.includes("\0")) throw systemError("ERR_INVALID_ARG_VALUE", "symlink", path);
      if (target === "") throw systemError("ENOENT", "symlink", path);
      if (nameBytes(target).length > longestTarget) throw systemError("ENAMETOOLONG", "symlink", path);
      this.#volume.make(this.#free(path, "symlink"), { type: "symlink", mode: 0o777, target });
    });
  }

  rename(from: string, to: string): void {
    this.#run("rename", from, () => {
      const source = this.#locate(from, "rename");
      const target = this.#locate(to, "rename");
      if (source.inode === undefined) throw systemError("ENOENT", "rename", from);
      if (isSameFile(source, target, foldOf(this.#options))) return;
      for (const inode of renameTouches(source.inode, source, target, from)) {
        this.#checkMode(inode, permission.write, "rename", from);
      }
      this.#volume.name({ clear: nameOf(source), set: { ...nameOf(target), inode: source.inode.number } });
    });
  }

  unlink(path: string): void {
    this.#run("unlink", path, () => {
      const place = this.#locate(path, "unlink");
      if (place.inode === undefined) throw systemError("ENOENT", "unlink", path);
      this.#checkMode(place.directory, permission.write, "unlink", path);
      if (place.inode.type === "directory") throw systemError("EISDIR", "unlink", path);
      this.#volume.name({ clear: nameOf(place) });
    });
  }

  removeDirectory(path: string): void {
    this.#run("rmdir", path, () => {
      const place = this.#locate(path, "rmdir");
      if (place.inode === undefined) throw systemError("ENOENT", "rmdir", path);
      this.#checkMode(place.directory, permission.write, "rmdir", path);
      if (place.inode.type !== "directory") throw systemError("ENOTDIR", "rmdir", path);
      if (place.inode.names.size > 0) throw systemError("ENOTEMPTY", "rmdir", path);
      this.#volume.name({ clear: nameOf(place) });
    });
  }

  chmod(path: string, mode: number): void {
    this.#run("chmod", path, () => {
      const inode = this.#existing(path, "chmod");
      if (inode.type === "symlink") throw systemError("ELOOP", "chmod", path);
      this.#volume.change(inode, { mode: mode & 0o7777 });
    });
  }

  chown(path: string, uid: number, gid: number): void {
    this.#run("chown", path, () => {
      const inode = this.#existing(path, "chown");
      const isOwn = uid === inode.uid && gid === inode.gid;
      if (!isOwn && !this.#options.privileged) throw systemError("EPERM", "chown", path);
      this.#volume.change(inode, { uid, gid });
    });
  }

  setMtime(path: string, mtimeMs: number): void {
    this.#run("utime", path, () => this.#volume.change(this.#existing(path, "utime"), { mtimeMs }));
  }

  sync(path: string): void {
    this.#sync("fsync", path, [this.#syncable(path)], "all");
  }

  syncTree(path: string): void {
    this.#sync("syncfs", path, this.#volume.below(this.#syncable(path)), "all");
  }

  space(path: string): { freeBytes: number; totalBytes: number } {
    this.#faults.checkAlive();
    this.#existing(path, "statfs");
    return { freeBytes: Math.max(0, this.#capacity - this.#volume.table.usedBytes), totalBytes: this.#capacity };
  }

  get #capacity(): number {
    return this.#options.capacityBytes ?? 2 ** 50;
  }

  #run<T>(call: string, path: string, act: () => T): T {
    return this.#faults.run(call, path, act);
  }

  #locate(path: string, call: string): Place {
    return locate(this.#volume.table, path, call, this.#options.privileged ?? false);
  }

  #existing(path: string, call: string): Inode {
    const { inode } = this.#locate(path, call);
    if (inode === undefined) throw systemError("ENOENT", call, path);
    return inode;
  }

  /** A place for a new name. */
  #free(path: string, call: string): Place {
    const place = this.#locate(path, call);
    if (place.inode !== undefined) throw systemError("EEXIST", call, path);
    this.#checkMode(place.directory, permission.write, call, path);
    return place;
  }

  /** Of a directory the right to search it is needed as well. */
  #checkMode(inode: Inode, right: number, call: string, path: string): void {
    const needed = inode.type === "directory" && right === permission.write ? right | permission.search : right;
    if (!this.#options.privileged && (inode.mode & needed) !== needed) throw systemError("EACCES", call, path);
  }

  #write(path: string, inode: Inode, position: number, bytes: Uint8Array): void {
    const room = Math.max(0, this.#capacity - this.#volume.table.usedBytes);
    this.#volume.write(inode, position, bytes.subarray(0, room));
    if (room < bytes.length) throw systemError("ENOSPC", "write", path);
  }

  #openExisting(path: string, how: "read" | "append", { inode }: Place): OpenFile {
    if (inode === undefined) throw systemError("ENOENT", "open", path);
    if (inode.type === "symlink") throw systemError("ELOOP", "open", path);
    if (inode.type === "directory" && how === "append") throw systemError("EISDIR", "open", path);
    this.#checkMode(inode, how === "read" ? permission.read : permission.write, "open", path);
    return this.#handle(path, how, inode);
  }

  #handle(path: string, how: "read" | "create" | "append", inode: Inode): OpenFile {
    return new SimFile(path, how, inode, this.#volume.table, {
      checkAlive: () => this.#faults.checkAlive(),
      write: (position, bytes) => this.#run("write", path, () => this.#write(path, inode, position, bytes)),
      sync: () => this.#sync("fdatasync", path, [inode], "bytes"),
    });
  }

  #sync(call: string, path: string, inodes: readonly Inode[], what: "bytes" | "all"): void {
    this.#faults.run(
      call,
      path,
      () => this.#volume.sync(inodes, what),
      () => this.#volume.lose(inodes),
    );
  }

  #syncable(path: string): Inode {
    this.#faults.checkAlive();
    const inode = this.#existing(path, "open");
    if (inode.type === "symlink") throw systemError("ELOOP", "open", path);
    const isWritable = inode.type === "file" && (inode.mode & permission.write) !== 0;
    if (!isWritable) this.#checkMode(inode, permission.read, "open", path);
    return inode;
  }
}

function newVolume(options: SimDiskOptions): Volume {
  return new Volume({ fold: foldOf(options), owner: options.privileged ? 0 : 1000, wallTime: options.wallTime });
}

function foldOf({ fold }: SimDiskOptions): (name: string) => string {
  return fold ?? ((name) => name);
}
