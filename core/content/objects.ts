import { dirname, join } from "node:path";
import { failure, printable } from "distributary/sdk";
import type { Content, Disk, FileStat, OpenFile } from "distributary/sdk";
import { makeDirectories } from "./durable-file.ts";
import { createHasher, hexHashOf, toHex } from "./hash.ts";
import type { Hasher } from "./hash.ts";

const chunkBytes = 1 << 20;
/** From how many on directories are synced together. */
const manyDirectories = 8;
/** One for all: nothing else runs while a file is read, and making a large buffer costs more than a small file. */
const buffer = Buffer.allocUnsafe(chunkBytes);

/**
 * The bytes of files, each under its hash: `<directory>/<two digits>/<hash>`. What is there was written under
 * another name and synced first, so it is whole.
 */
export class ObjectStore {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #incoming: string;
  readonly #arrived = new Map<string, string>();
  #count = 0;

  /** `job` names what is not taken over yet; two intakes at a time need two names. */
  constructor(disk: Disk, directory: string, job: string) {
    this.#disk = disk;
    this.#directory = directory;
    this.#incoming = join(directory, `incoming-${job}`);
  }

  path(hash: string): string {
    return `${this.#directory}/${hash.slice(0, 2)}/${hash}`;
  }

  has(hash: string): boolean {
    return this.#arrived.has(hash) || this.#disk.stat(this.path(hash)) !== undefined;
  }

  /**
   * Reads a file once: its hash is returned, its bytes wait for `settle`. Throws DIST_ERR_CONTENT_CHANGING if the
   * file does not hold still in three tries.
   */
  takeIn(file: string): { hash: string; stat: FileStat } {
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const taken = this.#read(file);
      if (taken !== undefined) return taken;
    }
    throw failure("DIST_ERR_CONTENT_CHANGING", { path: printable(file) });
  }

  #read(file: string): { hash: string; stat: FileStat } | undefined {
    const source = this.#disk.open(file, "read");
    try {
      const stat = source.stat();
      if (stat.type !== "file") throw failure("DIST_ERR_CONTENT_CHANGING", { path: printable(file) });
      const hash = stat.sizeBytes > chunkBytes ? this.#copy(source, stat) : this.#take(source, stat);
      return hash === undefined ? undefined : { hash, stat };
    } finally {
      source.close();
    }
  }

  /** What is read at once is written only if it is new. */
  #take(source: OpenFile, stat: FileStat): string | undefined {
    const bytes = buffer.subarray(0, source.read(buffer.subarray(0, stat.sizeBytes), 0));
    if (!sameState(stat, source.stat())) return undefined;
    const hash = hexHashOf(bytes);
    if (!this.has(hash)) this.#arrived.set(hash, this.#write([bytes]));
    return hash;
  }

  /** The hash is known when all of it is written. */
  #copy(source: OpenFile, stat: FileStat): string | undefined {
    const hasher = createHasher();
    const copy = this.#write(readChunks(source, hasher));
    const hash = toHex(hasher.digest());
    const holdsStill = sameState(stat, source.stat());
    if (holdsStill && !this.has(hash)) this.#arrived.set(hash, copy);
    else this.#disk.unlink(copy);
    return holdsStill ? hash : undefined;
  }

  #write(chunks: Iterable<Uint8Array>): string {
    if (this.#count === 0) {
      // What an intake of this name left that was cut off.
      this.discard();
      makeDirectories(this.#disk, this.#incoming);
    }
    this.#count += 1;
    const copy = `${this.#incoming}/${this.#count}`;
    const target = this.#disk.open(copy, "create");
    try {
      for (const chunk of chunks) target.write(chunk);
    } finally {
      target.close();
    }
    return copy;
  }

  /** Makes everything taken in durable and part of the store. */
  settle(): void {
    if (this.#arrived.size > 0) {
      this.#disk.syncTree(this.#incoming);
      const touched = new Set<string>();
      for (const [hash, copy] of this.#arrived) {
        const directory = dirname(this.path(hash));
        if (!touched.has(directory) && this.#disk.stat(directory) === undefined)
          this.#disk.makeDirectory(directory, 0o700);
        touched.add(directory);
        this.#disk.rename(copy, this.path(hash));
      }
      // To sync a directory takes a disk as long as to sync everything, when there is nothing else.
      if (touched.size > manyDirectories) this.#disk.syncTree(this.#directory);
      else for (const directory of [...touched, this.#incoming, this.#directory]) this.#disk.sync(directory);
      this.#arrived.clear();
    }
    this.discard();
  }

  /** Forgets what was taken in and not settled. */
  discard(): void {
    this.#arrived.clear();
    this.#count = 0;
    if (this.#disk.stat(this.#incoming) === undefined) return;
    for (const name of this.#disk.list(this.#incoming)) this.#disk.unlink(join(this.#incoming, name));
    this.#disk.removeDirectory(this.#incoming);
  }

  /** Deletes every object that `needed` does not hold; returns the bytes that became free. */
  collect(needed: ReadonlySet<string>): number {
    let freed = 0;
    for (const prefix of this.#disk.list(this.#directory).filter((name) => name.length === 2)) {
      for (const hash of this.#disk.list(join(this.#directory, prefix))) {
        if (needed.has(hash)) continue;
        freed += this.#disk.stat(this.path(hash))?.sizeBytes ?? 0;
        this.#disk.unlink(this.path(hash));
      }
    }
    return freed;
  }
}

function sameState(a: FileStat, b: FileStat): boolean {
  return a.sizeBytes === b.sizeBytes && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs;
}

function* readChunks(file: OpenFile, hasher: Hasher): Iterable<Uint8Array> {
  for (let position = 0; ;) {
    const count = file.read(buffer, position);
    const chunk = buffer.subarray(0, count);
    hasher.update(chunk);
    yield chunk;
    if (count < chunkBytes) return;
    position += count;
  }
}

/**
 * Several files behind each other as one content. Reads of neighbouring places keep the file open, and each is into the
 * same memory.
 */
export class JoinedFiles implements Content, Disposable {
  readonly sizeBytes: number;
  readonly #disk: Disk;
  readonly #paths: readonly string[];
  /** Where each file begins, and where the last one ends. */
  readonly #starts: Float64Array;
  #openIndex = -1;
  #open: OpenFile | undefined;
  #buffer = Buffer.alloc(0);

  constructor(disk: Disk, files: readonly { readonly path: string; readonly sizeBytes: number }[]) {
    this.#disk = disk;
    this.#paths = files.map(({ path }) => path);
    this.#starts = new Float64Array(files.length + 1);
    for (const [index, { sizeBytes }] of files.entries()) {
      this.#starts[index + 1] = (this.#starts[index] ?? 0) + sizeBytes;
    }
    this.sizeBytes = this.#starts[files.length] ?? 0;
  }

  read(offset: number, length: number): Uint8Array {
    if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(length);
    const bytes = this.#buffer.subarray(0, length);
    let filled = 0;
    for (let index = this.#indexOf(offset); filled < length; index += 1) {
      const start = this.#starts[index] ?? 0;
      const end = this.#starts[index + 1];
      if (end === undefined) throw new RangeError(`read of ${length} bytes at ${offset} of ${this.sizeBytes}`);
      const position = offset + filled - start;
      const wanted = Math.min(length - filled, end - start - position);
      if (wanted === 0) continue;
      const count = this.#file(index).read(bytes.subarray(filled, filled + wanted), position);
      if (count !== wanted) throw failure("DIST_ERR_CONTENT_MISSING", { path: printable(this.#paths[index] ?? "") });
      filled += wanted;
    }
    return bytes;
  }

  /** The last file that begins at or before `offset`. */
  #indexOf(offset: number): number {
    let [low, high] = [0, this.#paths.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return Math.max(low, 0);
  }

  #file(index: number): OpenFile {
    if (this.#open === undefined || this.#openIndex !== index) {
      this.#open?.close();
      this.#open = undefined;
      this.#open = this.#openFile(this.#paths[index] ?? "");
      this.#openIndex = index;
    }
    return this.#open;
  }

  #openFile(path: string): OpenFile {
    try {
      return this.#disk.open(path, "read");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      throw failure("DIST_ERR_CONTENT_MISSING", { path: printable(path) }, { cause: error });
    }
  }

  [Symbol.dispose](): void {
    this.#open?.close();
    this.#open = undefined;
  }
}
