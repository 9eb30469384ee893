import { join } from "node:path";
import { failure, isFailure } from "distributary/sdk";
import type { Disk } from "distributary/sdk";
import { makeDirectories, readFile, replaceFile } from "./durable-file.ts";
import { hashBytes, toHex } from "./hash.ts";
import { decodeKnownManifest, decodeManifest, encodeManifest, fileHashes } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import type { ScanMemory } from "./scan.ts";

/** What a scan saw, and which version it found. */
export interface VersionMemory extends ScanMemory {
  readonly version: number;
  readonly tree: string;
}

const memoryName = "scan-memory";
/** The version as a float, its tree hash; then `seen` as this host writes it. */
const headBytes = 8 + hashBytes;

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
    return decodeManifest(this.#readManifest(version));
  }

  /** The hashes of a version's files. Throws DIST_ERR_CONTENT_VERSION if there is none. */
  hashes(version: number): string[] {
    return fileHashes(this.#readManifest(version));
  }

  /** Versions that are here, oldest first. */
  list(): number[] {
    const names = this.#disk.list(this.#directory).flatMap((name) => /^(\d+)\.manifest$/.exec(name)?.[1] ?? []);
    return names.map(Number).sort((a, b) => a - b);
  }

  remove(version: number): void {
    this.#remove(`${version}.manifest`);
  }

  /** Remembers what the scan saw that found a version, whose tree hash is `tree`. */
  writeMemory(version: number, tree: string, seen: Float64Array): void {
    const head = Buffer.alloc(headBytes);
    head.writeDoubleLE(version);
    head.write(tree, 8, "hex");
    this.#writeFile(memoryName, [head, new Uint8Array(seen.buffer, seen.byteOffset, seen.byteLength)]);
  }

  /** Undefined if there is none, it is damaged, or the version is not here any more: then every file is read. */
  readMemory(): VersionMemory | undefined {
    const bytes = this.#readFile(memoryName);
    if (bytes === undefined || bytes.length < headBytes || bytes.length % 8 > 0) return undefined;
    const version = Buffer.from(bytes.buffer, bytes.byteOffset, headBytes).readDoubleLE();
    const tree = toHex(bytes.subarray(8, headBytes));
    const seen = new Float64Array(bytes.buffer, bytes.byteOffset + headBytes, (bytes.length - headBytes) / 8);
    const encoded = this.#readFile(`${version}.manifest`);
    try {
      const manifest = decodeKnownManifest(encoded ?? new Uint8Array(), tree);
      return seen.length === 3 * manifest.length ? { version, tree, manifest, seen } : undefined;
    } catch (error) {
      if (isFailure(error, "DIST_ERR_CONTENT_MANIFEST")) return undefined;
      throw error;
    }
  }

  /** The next scan reads every file. */
  forgetMemory(): void {
    this.#remove(memoryName);
  }

  #readManifest(version: number): Uint8Array {
    const bytes = this.#readFile(`${version}.manifest`);
    if (bytes === undefined) throw failure("DIST_ERR_CONTENT_VERSION", { version });
    return bytes;
  }

  #remove(name: string): void {
    const path = join(this.#directory, name);
    if (this.#disk.stat(path) !== undefined) this.#disk.unlink(path);
  }

  #writeFile(name: string, chunks: Iterable<Uint8Array>): void {
    makeDirectories(this.#disk, this.#directory);
    replaceFile(this.#disk, join(this.#directory, name), chunks);
  }

  #readFile(name: string): Uint8Array | undefined {
    return readFile(this.#disk, join(this.#directory, name));
  }
}
