import { dirname } from "node:path";
import type { Disk } from "../../sdk/index.ts";
import { realDisk } from "./disk.ts";

/**
 * Makes the file at `path` hold `bytes`, mode 0600: after a crash it holds them or what it held before.
 * When this returns it is durable.
 */
export function replaceFile(path: string, bytes: Uint8Array, disk: Disk = realDisk): void {
  const temporary = writeBeside(path, bytes, disk);
  disk.rename(temporary, path);
  disk.sync(dirname(path));
}

/** Like `replaceFile`, but never replaces: throws EEXIST if there is something, whoever was first. */
export function createFile(path: string, bytes: Uint8Array, disk: Disk = realDisk): void {
  const temporary = writeBeside(path, bytes, disk);
  try {
    disk.link(temporary, path);
  } finally {
    disk.unlink(temporary);
  }
  disk.sync(dirname(path));
}

/** The bytes of a file, or undefined if there is none. Throws EFBIG if there are more than `limit`. */
export function readFile(path: string, limit: number, disk: Disk = realDisk): Uint8Array | undefined {
  const stat = disk.stat(path);
  if (stat === undefined) return undefined;
  if (stat.sizeBytes > limit) {
    throw Object.assign(new Error(`'${path}' is larger than ${limit} bytes`), { code: "EFBIG" });
  }
  const file = disk.open(path, "read");
  try {
    const bytes = new Uint8Array(stat.sizeBytes);
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}

/** A directory for secrets: made with mode 0700, with those above it, unless it is there. */
export function makePrivateDirectory(path: string, disk: Disk = realDisk): void {
  if (disk.stat(path) === undefined) {
    if (dirname(path) !== path) makePrivateDirectory(dirname(path), disk);
    disk.makeDirectory(path, 0o700);
    disk.sync(dirname(path));
  }
}

let temporaryCount = 0;

function writeBeside(path: string, bytes: Uint8Array, disk: Disk): string {
  const temporary = `${path}.${process.pid}-${(temporaryCount += 1)}.tmp`;
  // Left by an earlier process that had this number.
  if (disk.stat(temporary) !== undefined) disk.unlink(temporary);
  const file = disk.open(temporary, "create");
  try {
    file.write(bytes);
    file.sync();
  } finally {
    file.close();
  }
  return temporary;
}
