import { join } from "node:path";
import { failure } from "distributary/sdk";
import type { Disk } from "distributary/sdk";
import { makeDirectories, readFile, replaceFile } from "./durable-file.ts";
import { decodeManifest, encodeManifest } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
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
      if (error instanceof SyntaxError || error instanceof TypeError) return new Map();
      throw error;
    }
  }

  #writeFile(name: string, chunks: Iterable<Uint8Array>): void {
    makeDirectories(this.#disk, this.#directory);
    replaceFile(this.#disk, join(this.#directory, name), chunks);
  }

  #readFile(name: string): Uint8Array | undefined {
    return readFile(this.#disk, join(this.#directory, name));
  }
}
