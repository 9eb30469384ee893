import assert from "node:assert/strict";
import type { Disk, OpenFile } from "../io.ts";

/** A disk to test, and an empty directory on it. */
export interface DiskSubject {
  readonly disk: Disk;
  /** Absolute path of an empty directory on it. */
  readonly root: string;
  /** Whether the user may ignore modes, as root. */
  readonly privileged: boolean;
}

/** As UTF-8. */
export const text = (content: string) => new Uint8Array(Buffer.from(content, "utf8"));

/** Puts a new file there, with one write. */
export function writeFile(disk: Disk, path: string, content: string | Uint8Array): void {
  const file = disk.open(path, "create");
  try {
    file.write(typeof content === "string" ? text(content) : content);
  } finally {
    file.close();
  }
}

/** All bytes of a file. */
export function readFile(disk: Disk, path: string): Uint8Array {
  const file = disk.open(path, "read");
  try {
    const bytes = new Uint8Array(file.stat().sizeBytes);
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}

/** What a file holds, as UTF-8. */
export function readText(disk: Disk, path: string): string {
  return Buffer.from(readFile(disk, path)).toString("utf8");
}

/** Fails unless `act` throws an error with this code, or one of these. */
export function throwsCode(code: string | readonly string[], act: () => unknown): void {
  assert.throws(act, (error: NodeJS.ErrnoException) => {
    assert.ok([code].flat().includes(error.code ?? ""), `${error.code} instead of ${code}: ${error.message}`);
    return true;
  });
}

/** Closes the file afterwards, whatever happens. */
export function withFile(file: OpenFile, use: (file: OpenFile) => void): void {
  try {
    use(file);
  } finally {
    file.close();
  }
}
