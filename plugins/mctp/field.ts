import { readFileSync } from "node:fs";
import { mostFrames } from "./geometry.ts";

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly __heap_base: { readonly value: number };
  prepare(): void;
  parity(block: number, sourceCount: number, frameBytes: number, number: number, into: number): void;
  holds_at(): number;
  restore(block: number, sourceCount: number, frameBytes: number): void;
  tag(key: number, at: number, byteCount: number): number;
}

/** What is used of the global of this name, for which Node has no types. */
const { Instance, Module } = (
  globalThis as unknown as {
    readonly WebAssembly: {
      readonly Module: new (bytes: Uint8Array) => object;
      readonly Instance: new (module: object) => { readonly exports: unknown };
    };
  }
).WebAssembly;

const pageBytes = 0x1_0000;
const mostBytes = 0x1000_0000;
const alignment = 16;

let compiled: object | undefined;

/**
 * Frames in the memory of WebAssembly, and what is computed on them: parity over GF(2^8), and tags. Frames 0 … k - 1 of
 * a block are its source frames, frames k … 255 parity, and any k of them make the block whole. Offsets are of `bytes`.
 */
export class FrameField {
  readonly #exports: Exports;
  #bytes: Uint8Array;
  /** All above it was never given out. */
  #top: number;
  /** The size of what is given out, by offset. */
  readonly #taken = new Map<number, number>();
  /** Offsets of what came back, by size. */
  readonly #free = new Map<number, number[]>();

  constructor() {
    compiled ??= new Module(readFileSync(new URL("field.wasm", import.meta.url)));
    this.#exports = new Instance(compiled).exports as Exports;
    this.#exports.prepare();
    this.#bytes = new Uint8Array(this.#exports.memory.buffer);
    this.#top = roundUp(this.#exports.__heap_base.value, alignment);
  }

  /** The memory as it is now. `allocate` may make it grow: what was got here before then is empty. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /**
   * Gives room for so many bytes, with whatever stands in it: its offset, a multiple of 16. Throws a RangeError if all
   * that is given out would exceed 256 MiB.
   */
  allocate(byteCount: number): number {
    if (!(byteCount >= 0 && byteCount <= mostBytes)) throw new RangeError(`no room for ${byteCount} bytes`);
    const size = classBytes(Math.max(1, byteCount));
    const offset = this.#free.get(size)?.pop() ?? this.#extend(size);
    this.#taken.set(offset, size);
    return offset;
  }

  /** Takes back what `allocate` gave, for a later call that asks for about as much; a RangeError if it did not. */
  release(offset: number): void {
    const size = this.#taken.get(offset);
    if (size === undefined) throw new RangeError(`nothing is allocated at ${offset}`);
    this.#taken.delete(offset);
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [offset]);
    else free.push(offset);
  }

  /**
   * Writes parity frame `number` (k … 255) of the k frames that stand one behind the other at `block` to `into`, which
   * must not overlap them. Throws a RangeError if there is no such frame.
   */
  parity(block: number, sourceCount: number, frameBytes: number, number: number, into: number): void {
    checkBlock(sourceCount, frameBytes);
    if (!isParity(number, sourceCount)) throw new RangeError(`no parity frame ${number} of ${sourceCount}`);
    this.#exports.parity(block, sourceCount, frameBytes, number, into);
  }

  /**
   * Makes a block whole in place. Row r (0 … k - 1) holds frame `holds[r]`: r itself, or a parity frame (≥ k). Throws
   * a RangeError, before anything is written, if a row holds another source frame or two hold the same parity frame.
   */
  restore(block: number, sourceCount: number, frameBytes: number, holds: ArrayLike<number>): void {
    checkBlock(sourceCount, frameBytes);
    const seen = new Set<number>();
    const rows = this.#exports.holds_at();
    for (let row = 0; row < sourceCount; row += 1) {
      const number = holds[row] ?? Number.NaN;
      if (number !== row && (!isParity(number, sourceCount) || seen.has(number))) {
        throw new RangeError(`row ${row} of ${sourceCount} cannot hold frame ${number}`);
      }
      seen.add(number);
      this.#bytes[rows + row] = number;
    }
    this.#exports.restore(block, sourceCount, frameBytes);
  }

  /**
   * The tag of `byteCount` bytes at `at` by the 16-byte key at `key`: the low 32 bits of SipHash-2-4, unsigned. Whoever
   * does not know the key makes the right one once in 2^32 attempts.
   */
  tag(key: number, at: number, byteCount: number): number {
    return this.#exports.tag(key, at, byteCount) >>> 0;
  }

  #extend(size: number): number {
    const offset = this.#top;
    const top = offset + size;
    if (top > mostBytes) throw new RangeError(`no room for ${size} bytes beside ${offset}`);
    const missing = Math.ceil((top - this.#bytes.length) / pageBytes);
    if (missing > 0) {
      this.#exports.memory.grow(missing);
      this.#bytes = new Uint8Array(this.#exports.memory.buffer);
    }
    this.#top = top;
    return offset;
  }
}

/** Eight sizes to each power of two: at most an eighth is wasted, and what came back fits again. */
function classBytes(byteCount: number): number {
  return roundUp(byteCount, Math.max(alignment, 2 ** (31 - Math.clz32(byteCount) - 3)));
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

function isParity(number: number, sourceCount: number): boolean {
  return Number.isInteger(number) && number >= sourceCount && number < mostFrames;
}

function checkBlock(sourceCount: number, frameBytes: number): void {
  if (!Number.isInteger(sourceCount) || sourceCount < 1 || sourceCount > mostFrames) {
    throw new RangeError(`a block of ${sourceCount} frames`);
  }
  if (!Number.isInteger(frameBytes) || frameBytes < 1) throw new RangeError(`frames of ${frameBytes} bytes`);
}
