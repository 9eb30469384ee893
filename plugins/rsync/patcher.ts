import type { Content } from "distributary/sdk";
import { damaged } from "./segment.ts";
import type { Segment } from "./segment.ts";

const outputBytes = 0x4_0000;
const windowBytes = 0x4_0000;
const leastReadBytes = 0x2000;
/** A copy of this size is yielded as it is read. */
const directBytes = 0x4000;
const directReadBytes = 0x10_0000;
/** A loop is faster than a call up to here. */
const loopBytes = 24;

const [copies, literals, jumps, raw, aligned] = [0, 1, 2, 3, 4] as const;

/** Carries out the operations of segments. Everything a segment says is checked before it is done. */
export class Patcher {
  readonly #base: Content;
  /** Bytes of the target that no operation has made yet. */
  #missing: number;
  /** Where the base is copied from next. */
  #place = 0;

  /** First output that was not yielded yet, then a window of the base. */
  readonly #memory: Uint8Array;
  readonly #windowAt: number;
  #filled = 0;
  #windowStart = 0;
  #windowEnd = 0;
  #readAhead = leastReadBytes;

  #segment: Segment | undefined;
  /** What is left of the operation. */
  #copy = 0;
  #literal = 0;
  #jumps = false;
  #carry = 0;
  /** Where the base goes on after a literal that jumps. */
  #landing = 0;

  constructor(base: Content, sizeBytes: number) {
    this.#base = base;
    this.#missing = sizeBytes;
    this.#windowAt = Math.min(outputBytes, sizeBytes);
    this.#memory = new Uint8Array(this.#windowAt + Math.min(windowBytes, base.sizeBytes));
  }

  /** How many bytes of the target are still to come. */
  get missing(): number {
    return this.#missing;
  }

  /** Begins with a segment; the one before is through. */
  open(segment: Segment): void {
    this.#segment = segment;
  }

  /** What was made and not yet yielded. */
  rest(): Uint8Array {
    const rest = this.#memory.subarray(0, this.#filled);
    this.#filled = 0;
    return rest;
  }

  /** Goes on until a chunk is full; undefined when the segment is through. */
  next(): Uint8Array | undefined {
    const segment = this.#segment;
    if (segment === undefined) return undefined;
    for (;;) {
      if (this.#copy >= directBytes) return this.#filled > 0 ? this.rest() : this.#direct();
      if (this.#copy > 0) this.#copyShort();
      if (this.#copy === 0) {
        if (this.#jumps) this.#insert(segment);
        else if (this.#literal > 0) this.#replace(segment);
      }
      if (this.#filled === this.#windowAt && this.#filled > 0) return this.rest();
      if (this.#copy > 0 || this.#literal > 0 || this.#jumps) continue;
      if (segment.at[copies] === segment.end[copies]) {
        this.#close(segment);
        return undefined;
      }
      this.#operation(segment);
    }
  }

  /** Reads an operation and checks that target and base have room for it. */
  #operation(segment: Segment): void {
    const copy = number(segment, copies);
    const code = number(segment, literals);
    const jump = code % 2 === 1;
    const literal = (code - (jump ? 1 : 0)) / 2;
    if (copy + literal > this.#missing) throw damaged("it makes more than the target");
    const from = copy + (jump ? 0 : literal);
    if (this.#place + from > this.#base.sizeBytes) throw damaged("it copies from beyond the base");
    const stream = jump ? raw : aligned;
    if (literal > (segment.end[stream] ?? 0) - (segment.at[stream] ?? 0)) throw damaged("a literal is cut short");
    if (jump) {
      const zigzag = number(segment, jumps);
      const distance = zigzag % 2 === 1 ? -(zigzag + 1) / 2 : zigzag / 2;
      const to = this.#place + copy + distance;
      if (to < 0 || to > this.#base.sizeBytes) throw damaged("it jumps out of the base");
      this.#landing = to;
    }
    this.#missing -= copy + literal;
    this.#copy = copy;
    this.#literal = literal;
    this.#jumps = jump;
    this.#carry = 0;
  }

  /** Yields a long copy as the base gives it. */
  #direct(): Uint8Array {
    const length = Math.min(this.#copy, directReadBytes);
    const bytes = this.#base.read(this.#place, length);
    this.#copy -= length;
    this.#place += length;
    return bytes;
  }

  #copyShort(): void {
    const length = Math.min(this.#copy, this.#windowAt - this.#filled);
    const memory = this.#memory;
    const from = this.#window(length);
    const to = this.#filled;
    if (length > loopBytes) memory.copyWithin(to, from, from + length);
    else for (let i = 0; i < length; i++) memory[to + i] = memory[from + i] ?? 0;
    this.#filled += length;
    this.#place += length;
    this.#copy -= length;
  }

  /** A literal of new bytes. */
  #insert(segment: Segment): void {
    const at = segment.at[raw] ?? 0;
    const length = Math.min(this.#literal, this.#windowAt - this.#filled);
    this.#memory.set(segment.bytes.subarray(at, at + length), this.#filled);
    segment.at[raw] = at + length;
    this.#filled += length;
    this.#literal -= length;
    if (this.#literal > 0) return;
    this.#place = this.#landing;
    this.#jumps = false;
  }

  /** A literal that stands for as many bytes of the base. */
  #replace(segment: Segment): void {
    const length = Math.min(this.#literal, this.#windowAt - this.#filled, directBytes);
    const { bytes } = segment;
    const memory = this.#memory;
    const at = segment.at[aligned] ?? 0;
    const to = this.#filled;
    if (segment.differences) {
      const from = this.#window(length);
      let carry = this.#carry;
      for (let i = 0; i < length; i++) {
        const sum = (memory[from + i] ?? 0) + (bytes[at + i] ?? 0) + carry;
        memory[to + i] = sum;
        carry = sum >> 8;
      }
      this.#carry = carry;
    } else for (let i = 0; i < length; i++) memory[to + i] = bytes[at + i] ?? 0;
    segment.at[aligned] = at + length;
    this.#filled += length;
    this.#place += length;
    this.#literal -= length;
  }

  /** Where the next bytes of the base stand in memory. Reads little after a jump, more while it goes on in order. */
  #window(length: number): number {
    const place = this.#place;
    if (place < this.#windowStart || place + length > this.#windowEnd) {
      const inOrder = place >= this.#windowStart && place <= this.#windowEnd;
      this.#readAhead = inOrder ? Math.min(4 * this.#readAhead, windowBytes) : leastReadBytes;
      const start = inOrder ? place : Math.max(0, place - leastReadBytes / 2);
      const wanted = Math.max(this.#readAhead, place - start + length);
      const end = Math.min(start + wanted, this.#base.sizeBytes);
      this.#memory.set(this.#base.read(start, end - start), this.#windowAt);
      this.#windowStart = start;
      this.#windowEnd = end;
    }
    return this.#windowAt + place - this.#windowStart;
  }

  #close(segment: Segment): void {
    for (let stream = 0; stream < segment.end.length; stream++)
      if (segment.at[stream] !== segment.end[stream]) throw damaged("a segment has more than its operations need");
  }
}

/** The next number of a stream; it stays below 2 ** 49. */
function number(segment: Segment, stream: number): number {
  const { bytes } = segment;
  const end = segment.end[stream] ?? 0;
  let at = segment.at[stream] ?? 0;
  let value = 0;
  for (let scale = 1; scale < 2 ** 49; scale *= 128) {
    if (at === end) throw damaged("a stream is cut short");
    const byte = bytes[at++] ?? 0;
    value += (byte & 127) * scale;
    if (byte < 128) {
      segment.at[stream] = at;
      return value;
    }
  }
  throw damaged("a number is too long");
}
