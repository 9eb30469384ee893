import * as fs from "node:fs";
import { nameBytes, nameFromBytes } from "../../sdk/index.ts";
import type { Disk, FileStat, FileType, OpenFile } from "../../sdk/index.ts";
import { syncTree } from "./sync-tree.ts";

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_WRONLY } = fs.constants;
/** Windows has neither flag; there a link in the last component is followed. */
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
/** So that a FIFO under a file's name cannot hold the program up. */
const O_NONBLOCK = fs.constants.O_NONBLOCK ?? 0;

/** Linux's flag for a descriptor that only stands for a place; Node has no name for it. */
const O_PATH = 0o10000000;
const O_DIRECTORY = fs.constants.O_DIRECTORY ?? 0;

const canHold = process.platform === "linux" && fs.existsSync("/proc/self/fd");

const flags = {
  read: O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
  create: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
  hold: O_PATH | O_DIRECTORY | O_NOFOLLOW,
  append: O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK,
};

/**
 * The file system of this host, by Node's synchronous calls. New files have mode 0600, new directories 0700 if
 * nothing else is said, both less the umask. On Windows directories cannot be synced, so names are durable there
 * only once the file system has written its own journal.
 */
export const realDisk: Disk = {
  stat(path) {
    try {
      const stats = fs.lstatSync(native(path), { throwIfNoEntry: false });
      return stats === undefined ? undefined : fileStat(stats);
    } catch (error) {
      if (codeOf(error) === "ENOTDIR") return undefined;
      throw error;
    }
  },

  list(path) {
    if (fs.lstatSync(native(path)).isSymbolicLink()) throw systemError("ENOTDIR", "scandir", path);
    const names = fs.readdirSync(native(path));
    // Where Node met bytes that are not UTF-8, it gave this character for them.
    const isText = !names.some((name) => name.includes("\ufffd"));
    return (isText ? names : fs.readdirSync(native(path), "buffer").map(nameFromBytes)).sort();
  },

  hold(path) {
    if (!canHold) {
      if (!fs.lstatSync(native(path)).isDirectory()) throw systemError("ENOTDIR", "open", path);
      return { path, [Symbol.dispose]() {} };
    }
    const descriptor = fs.openSync(native(path), flags.hold);
    // Through the descriptor's own name; the dot makes it a directory, not the link that it is.
    return { path: `/proc/self/fd/${descriptor}/.`, [Symbol.dispose]: () => fs.closeSync(descriptor) };
  },

  readLink(path) {
    const target = fs.readlinkSync(native(path));
    return target.includes("\ufffd") ? nameFromBytes(fs.readlinkSync(native(path), "buffer")) : target;
  },

  open: (path, how) => new RealFile(fs.openSync(native(path), flags[how], 0o600)),

  makeDirectory(path, mode = 0o700) {
    fs.mkdirSync(native(path), mode);
  },
  link: (existing, path) => fs.linkSync(native(existing), native(path)),
  symlink: (target, path) => fs.symlinkSync(native(target), native(path)),
  rename: (from, to) => fs.renameSync(native(from), native(to)),
  unlink: (path) => fs.unlinkSync(native(path)),
  removeDirectory: (path) => fs.rmdirSync(native(path)),

  chmod(path, mode) {
    let descriptor: number;
    try {
      descriptor = fs.openSync(native(path), flags.read);
    } catch (error) {
      // An owner without the right to read may still change the mode. Windows opens no directory.
      if (!["EACCES", "EPERM", "EISDIR"].includes(codeOf(error) ?? "")) throw error;
      if (fs.lstatSync(native(path)).isSymbolicLink()) throw systemError("ELOOP", "chmod", path);
      fs.chmodSync(native(path), mode);
      return;
    }
    try {
      fs.fchmodSync(descriptor, mode);
    } finally {
      fs.closeSync(descriptor);
    }
  },

  chown: (path, uid, gid) => fs.lchownSync(native(path), uid, gid),

  setMtime(path, mtimeMs) {
    // Node gives the system a binary fraction of seconds, which may lie a little below the millisecond:
    // half a microsecond more keeps what is read back, rounded down, the same. A negative number would mean now.
    const moment = mtimeMs < 0 ? new Date(mtimeMs) : mtimeMs / 1000 + 5e-7;
    fs.lutimesSync(native(path), moment, moment);
  },

  sync(path) {
    if (process.platform === "win32" && fs.lstatSync(native(path)).isDirectory()) return;
    const descriptor = openForSync(path);
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  },

  syncTree: (path) => syncTree(realDisk, path),

  space(path) {
    const { bavail, blocks, bsize } = fs.statfsSync(native(path));
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  },
};

/** At once: for a larger write Linux looks for larger stretches of free memory, and may need several times as long. */
const mostWritten = 256 << 10;

class RealFile implements OpenFile {
  #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  stat(): FileStat {
    return fileStat(fs.fstatSync(this.#descriptor));
  }

  read(into: Uint8Array, position: number): number {
    let filled = 0;
    while (filled < into.length) {
      const count = fs.readSync(this.#descriptor, into, filled, into.length - filled, position + filled);
      if (count === 0) break;
      filled += count;
    }
    return filled;
  }

  write(bytes: Uint8Array): void {
    for (let written = 0; written < bytes.length;) {
      written += fs.writeSync(this.#descriptor, bytes, written, Math.min(mostWritten, bytes.length - written));
    }
  }

  sync(): void {
    fs.fdatasyncSync(this.#descriptor);
  }

  close(): void {
    // The number may soon mean another file: after this, every call fails.
    const descriptor = this.#descriptor;
    this.#descriptor = -1;
    fs.closeSync(descriptor);
  }
}

/** A file that may be written but not read can be synced all the same. */
function openForSync(path: string): number {
  try {
    // Windows syncs only what is open for writing.
    const access = process.platform === "win32" ? fs.constants.O_RDWR : flags.read;
    return fs.openSync(native(path), access);
  } catch (error) {
    if (codeOf(error) !== "EACCES") throw error;
    return fs.openSync(native(path), O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
  }
}

/** The path as Node takes it: as bytes, if it is no text. */
function native(path: string): string | Buffer {
  return path.isWellFormed() ? path : Buffer.from(nameBytes(path));
}

function fileStat(stats: fs.Stats): FileStat {
  return {
    type: fileType(stats),
    sizeBytes: stats.size,
    mode: stats.mode & 0o7777,
    mtimeMs: Math.floor(stats.mtimeMs),
    ctimeMs: Math.floor(stats.ctimeMs),
    uid: stats.uid,
    gid: stats.gid,
    device: stats.dev,
    inode: stats.ino,
    links: stats.nlink,
  };
}

function fileType(stats: fs.Stats): FileType {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  return stats.isSymbolicLink() ? "symlink" : "other";
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function systemError(code: string, syscall: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall, path });
}
