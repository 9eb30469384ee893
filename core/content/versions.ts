import { join } from "node:path";
import { failure } from "distributary/sdk";
import type { Disk } from "distributary/sdk";
import { decodeManifest, encodeManifest } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import { makeDirectories } from "./objects.ts";
import type { Remembered, ScanMemory } from "./scan.ts";

/** What control keeps of a site on disk: the manifest of each version, and what the last scan saw. */
export class Versions {
  readonly #disk: Disk;
  readonly #directory: string;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  /** Durable when it returns. A version that is there already is replaced. */
  write(version: number, manifest: Manifest): void {
    this.#writeFile(`${version}.manifest`, encodeManifest(manifest));
  }

  /** Throws DIST_ERR_CONTENT_VERSION if there is none. */
  read(version: number): Manifest {
    const bytes = this.#readFile(`${version}.manifest`);
    if (bytes === undefined) throw failure("DIST_ERR_CONTENT_VERSION", { version });
    return decodeManifest(bytes);
  }

  /** Versions that are here, oldest first. */
  list(): number[] {
    const names = this.#disk.list(this.#directory).flatMap((name) => /^(\d+)\.manifest$/.exec(name)?.[1] ?? []);
    return names.map(Number).sort((a, b) => a - b);
  }

  remove(version: number): void {
    const path = join(this.#directory, `${version}.manifest`);
    if (this.#disk.stat(path) !== undefined) this.#disk.unlink(path);
  }

  writeMemory(memory: ScanMemory): void {
    this.#writeFile("scan-memory.json", [Buffer.from(JSON.stringify([...memory]))]);
  }

  /** Empty if there is none or it is damaged: then every file is read. */
  readMemory(): ScanMemory {
    const bytes = this.#readFile("scan-memory.json");
    if (bytes === undefined) return new Map();
    try {
      return new Map(JSON.parse(Buffer.from(bytes).toString()) as [string, Remembered][]);
    } catch (error) {
      if (error instanceof SyntaxError) return new Map();
      throw error;
    }
  }

  #writeFile(name: string, chunks: Iterable<Uint8Array>): void {
    makeDirectories(this.#disk, this.#directory);
    writeDurably(this.#disk, join(this.#directory, name), chunks);
  }

  #readFile(name: string): Uint8Array | undefined {
    return readWhole(this.#disk, join(this.#directory, name));
  }
}

/** Replaces a file in one durable step: whoever opens it finds the old bytes or the new ones. */
export function writeDurably(disk: Disk, path: string, chunks: Iterable<Uint8Array>): void {
  const temporary = `${path}.new`;
  if (disk.stat(temporary) !== undefined) disk.unlink(temporary);
  const file = disk.open(temporary, "create");
  try {
    for (const chunk of chunks) file.write(chunk);
    file.sync();
  } finally {
    file.close();
  }
  disk.rename(temporary, path);
  disk.sync(join(path, ".."));
}

/** All bytes of a file; undefined if there is none. For files of our own making that are small enough. */
export function readWhole(disk: Disk, path: string): Uint8Array | undefined {
  const stat = disk.stat(path);
  if (stat === undefined) return undefined;
  const bytes = Buffer.allocUnsafe(stat.sizeBytes);
  const file = disk.open(path, "read");
  try {
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}
