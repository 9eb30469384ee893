import { dirname } from "node:path";
import type { Disk } from "distributary/sdk";

/**
 * Makes the file at `path` hold `bytes`, mode 0600: after a crash it holds them or what it held before.
 * When this returns it is durable.
 */
export function replaceFile(disk: Disk, path: string, bytes: Uint8Array | Iterable<Uint8Array>): void {
  const temporary = writeBeside(disk, path, bytes);
  disk.rename(temporary, path);
  disk.sync(dirname(path));
}

/** Like `replaceFile`, but never replaces: throws EEXIST if there is something, whoever was first. */
export function createFile(disk: Disk, path: string, bytes: Uint8Array): void {
  const temporary = writeBeside(disk, path, bytes);
  try {
    disk.link(temporary, path);
  } finally {
    disk.unlink(temporary);
  }
  disk.sync(dirname(path));
}

/** The bytes of a file, or undefined if there is none. Throws EFBIG if there are more than `limit`. */
export function readFile(disk: Disk, path: string, limit = Infinity): Uint8Array | undefined {
  const stat = disk.stat(path);
  if (stat === undefined) return undefined;
  if (stat.sizeBytes > limit)
    throw Object.assign(new Error(`'${path}' is larger than ${limit} bytes`), { code: "EFBIG" });
  const file = disk.open(path, "read");
  try {
    const bytes = new Uint8Array(stat.sizeBytes);
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}

/**
 * Makes a directory and those above it, durably; for their owner alone unless `mode` says otherwise. What is there
 * already stays as it is.
 */
export function makeDirectories(disk: Disk, path: string, mode = 0o700): void {
  if (disk.stat(path) !== undefined) return;
  makeDirectories(disk, dirname(path), mode);
  try {
    disk.makeDirectory(path, mode);
  } catch (error) {
    // Another process made it in the meantime.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  disk.sync(dirname(path));
}

let temporaryCount = 0;

function writeBeside(disk: Disk, path: string, bytes: Uint8Array | Iterable<Uint8Array>): string {
  const temporary = `${path}.${process.pid}-${(temporaryCount += 1)}.tmp`;
  // Left by an earlier process that had this number.
  if (disk.stat(temporary) !== undefined) disk.unlink(temporary);
  const file = disk.open(temporary, "create");
  try {
    for (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) file.write(chunk);
    file.sync();
  } finally {
    file.close();
  }
  return temporary;
}
