import { failure } from "distributary/sdk";
import type { Compressor, Content, DeltaEngine, FileCommand } from "distributary/sdk";
import { createHasher, toHex } from "../content/hash.ts";
import type { Assignment, Part } from "./assignment.ts";
import { plainBytes, unpackBlock } from "./blocks.ts";
import type { Sealing } from "./blocks.ts";

/** What reading the data needs from the node. */
export interface ContentSources {
  /** The data file; its pieces were checked when they arrived. */
  readonly data: Content;
  /** Files of the base release, joined. Disposed when the part was read. */
  base(paths: readonly string[]): Content & Disposable;
  engine(name: string): DeltaEngine;
  compressor(name: string): Compressor;
  /** Throws if the node has no key for a cipher that is named. */
  sealing(cipher: string): Sealing | undefined;
}

/**
 * Gives the contents of an assignment's files, in the order of its commands: each part is decoded once, as a stream,
 * and its bytes handed to one file after the other.
 */
export class ContentReader implements Disposable {
  readonly #assignment: Assignment;
  readonly #sources: ContentSources;
  #part = -1;
  #chunks: Iterator<Uint8Array> | undefined;
  #base: Disposable | undefined;
  #rest: Uint8Array = new Uint8Array();

  constructor(assignment: Assignment, sources: ContentSources) {
    this.#assignment = assignment;
    this.#sources = sources;
  }

  /**
   * The bytes of the next file command. Throws DIST_ERR_ASSIGNMENT_HASH after the last chunk if they are not what was
   * signed, and what the providers throw on damaged data.
   */
  *read(command: FileCommand): Iterable<Uint8Array> {
    if (command.part !== this.#part) this.#begin(command.part);
    const hasher = createHasher();
    for (let missing = command.sizeBytes; missing > 0;) {
      const chunk = this.#take(missing);
      hasher.update(chunk);
      missing -= chunk.length;
      yield chunk;
    }
    if (toHex(hasher.digest()) !== command.hash)
      throw failure("DIST_ERR_ASSIGNMENT_HASH", { what: `file '${command.path}'` });
  }

  #begin(index: number): void {
    const part = this.#assignment.header.parts[index];
    if (part === undefined || index < this.#part) {
      throw failure("DIST_ERR_ASSIGNMENT_FORMAT", { problem: "its file commands are not in the order of its data" });
    }
    this[Symbol.dispose]();
    this.#part = index;
    const engine = this.#sources.engine(part.engine);
    const base = this.#sources.base(part.base);
    this.#base = base;
    this.#chunks = engine.decode(base, this.#delta(part, index), part.sizeBytes)[Symbol.iterator]();
    this.#rest = new Uint8Array();
  }

  #take(most: number): Uint8Array {
    while (this.#rest.length === 0) {
      const next = this.#chunks?.next();
      if (next === undefined || next.done === true) {
        throw failure("DIST_ERR_ASSIGNMENT_FORMAT", { problem: `part ${this.#part} is shorter than its files` });
      }
      this.#rest = next.value;
    }
    const chunk = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(chunk.length);
    return chunk;
  }

  *#delta(part: Part, index: number): Iterable<Uint8Array> {
    const compressor = part.compressor === "none" ? undefined : this.#sources.compressor(part.compressor);
    const sealing = this.#sources.sealing(part.cipher);
    let offset = part.offset;
    for (const [block, [storedBytes, compressed]] of part.blocks.entries()) {
      const stored = this.#sources.data.read(offset, storedBytes);
      offset += storedBytes;
      const sizeBytes = plainBytes(part, block);
      const plain = unpackBlock(
        stored,
        { part: index, block, engine: part.engine, sizeBytes, compressed },
        compressor,
        sealing,
      );
      if (plain.length !== sizeBytes)
        throw failure("DIST_ERR_ASSIGNMENT_FORMAT", {
          problem: `block ${block} of part ${index} has the wrong length`,
        });
      yield plain;
    }
  }

  [Symbol.dispose](): void {
    this.#chunks?.return?.();
    this.#chunks = undefined;
    this.#base?.[Symbol.dispose]();
    this.#base = undefined;
  }
}
