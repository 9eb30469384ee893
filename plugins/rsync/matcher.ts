import { readFileSync } from "node:fs";
import { blockBytes, segmentLimitBytes } from "./format.ts";

interface Exports {
  lay_out(base: number, target: number, table: number, streams: number, stride: number, limit: number): void;
  begin(windowBytes: number, bucketBits: number, rateMask: number): void;
  set_loaded(size: number): void;
  index(from: number, to: number): void;
  slide(by: number): void;
  next_block(size: number): void;
  encode(): number;
  position(): number;
  finish(): void;
  differs(): number;
  stream_at(which: number): number;
  stream_size(which: number): number;
  clear(): void;
}

/** Below it lie the module's own data and its stack. */
const firstFree = 0x2_0000;
/** Loads of vectors may reach past the end of what they look at. */
const slack = 128;
const pageBytes = 0x1_0000;
const indexStep = 0x4_0000;

/** What is used of the global of this name, for which Node has no types. */
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
const { Instance, Memory, Module } = (
  globalThis as unknown as {
    readonly WebAssembly: {
      readonly Module: new (bytes: Uint8Array) => object;
      readonly Memory: new (limits: { initial: number; maximum: number }) => Memory;
      readonly Instance: new (module: object, imports: { env: { memory: Memory } }) => { readonly exports: unknown };
    };
  }
).WebAssembly;

let compiled: object | undefined;

/** One in 2 ** bits positions of a base of this size is a sample: more find shorter matches, fewer are faster. */
function sampleBits(baseBytes: number): number {
  const mebibytes = baseBytes / 0x10_0000;
  if (mebibytes < 1) return 3;
  if (mebibytes < 4) return 4;
  if (mebibytes < 32) return 5;
  if (mebibytes < 128) return 6;
  return mebibytes < 512 ? 7 : 8;
}

/** What `encode` came to. */
export const step = { done: 0, needsIndex: 1, segmentFull: 2 } as const;

/** The module of `delta.c` with its memory: a window of the base, a block of the target, an index, and the streams. */
export class Matcher {
  readonly #memory: Memory;
  readonly #exports: Exports;
  #bytes: Uint8Array;
  #base = 0;
  #target = 0;
  #table = 0;
  #tableBytes = 0;
  #windowBytes = 0;

  constructor() {
    compiled ??= new Module(readFileSync(new URL("delta.wasm", import.meta.url)));
    this.#memory = new Memory({ initial: firstFree / pageBytes, maximum: 0x1_0000 });
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#exports = new Instance(compiled, { env: { memory: this.#memory } }).exports as Exports;
  }

  /** Forgets what was before and makes room. Memory only grows. */
  begin(windowBytes: number, targetBytes: number): void {
    const bits = sampleBits(windowBytes);
    const bucketBits = Math.max(8, Math.ceil(Math.log2(windowBytes / 2 ** bits + 1)) - 1);
    const stride = align(Math.min(targetBytes, segmentLimitBytes + blockBytes) + 0x1000);
    this.#windowBytes = windowBytes;
    this.#tableBytes = 8 * 2 ** bucketBits;
    this.#table = firstFree;
    this.#target = align(this.#table + this.#tableBytes);
    const streams = align(this.#target + Math.min(targetBytes, blockBytes) + slack);
    this.#base = streams + 6 * stride;
    const missing = this.#base + windowBytes + slack - this.#bytes.length;
    if (missing > 0) {
      this.#memory.grow(Math.ceil(missing / pageBytes));
      this.#bytes = new Uint8Array(this.#memory.buffer);
    }
    this.#exports.lay_out(this.#base, this.#target, this.#table, streams, stride, segmentLimitBytes);
    this.#exports.begin(windowBytes, bucketBits, 2 ** bits - 1);
    this.#exports.clear();
  }

  /** Where the matcher stands in the window. */
  get position(): number {
    return this.#exports.position();
  }

  /** Puts bytes of the base into the window. */
  putBase(at: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#base + at);
  }

  /** Says that the window is filled up to here. */
  setLoaded(size: number): void {
    this.#exports.set_loaded(size);
  }

  /** Moves the window up the base; its first `kept` bytes then are those that stood `by` further up. */
  slide(by: number, kept: number): void {
    if (kept > 0) this.#bytes.copyWithin(this.#base, this.#base + by, this.#base + by + kept);
    this.#exports.slide(by);
  }

  /** Puts bytes of the block that `nextBlock` will announce. */
  putTarget(at: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#target + at);
  }

  nextBlock(size: number): void {
    this.#exports.next_block(size);
  }

  /** Indexes the window, which is filled. */
  index(): void {
    this.#bytes.fill(0, this.#table, this.#table + this.#tableBytes);
    for (let at = 0; at < Math.max(1, this.#windowBytes); at += indexStep) this.#exports.index(at, at + indexStep);
  }

  /** Goes on with the block; one of `step`. */
  encode(): number {
    return this.#exports.encode();
  }

  /** Ends the operations. */
  finish(): void {
    this.#exports.finish();
  }

  /** The streams in the order of the format, and whether aligned bytes are differences; valid until `clear`. */
  segment(): { readonly differences: boolean; readonly streams: readonly Uint8Array[] } {
    const differences = this.#exports.differs() !== 0;
    const streams = [0, 1, 2, 3, differences ? 5 : 4].map((which) => {
      const at = this.#exports.stream_at(which);
      return this.#bytes.subarray(at, at + this.#exports.stream_size(which));
    });
    return { differences, streams };
  }

  /** Begins a segment. */
  clear(): void {
    this.#exports.clear();
  }
}

function align(size: number): number {
  return Math.ceil(size / 256) * 256;
}
