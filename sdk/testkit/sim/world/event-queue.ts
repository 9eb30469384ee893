import type { Millis } from "../../../machine.ts";

/** How far ahead events lie in a slot of their own; what is later comes by again. */
const slotCount = 4_096;
const slotMask = slotCount - 1;
const wordCount = slotCount >> 5;

/**
 * What happens when, in whole milliseconds; what is to happen at the same moment does so in the order in which it was
 * pushed. A wheel of a slot a millisecond with a bit for each that is in use. Nothing is allocated for an event.
 */
export class EventQueue {
  readonly #heads = new Int32Array(slotCount);
  readonly #tails = new Int32Array(slotCount);
  readonly #used = new Int32Array(wordCount);
  /** A bit for each word of those that has one. */
  readonly #usedWords = new Int32Array(wordCount >> 5);
  /** Of records, by their number; 0 is none. */
  #links = new Int32Array(256);
  #moments = new Float64Array(256);
  #kinds = new Uint8Array(256);
  #nodes = new Int32Array(256);
  readonly #payloads: unknown[] = [undefined];
  #firstFree = 0;
  #recordCount = 1;
  #length = 0;

  /** The moment reached. */
  now: Millis = 0;
  /** Of the event that `next` found. */
  kind = 0;
  node = 0;
  payload: unknown;

  /** How many wait. */
  get length(): number {
    return this.#length;
  }

  /** What should have happened already happens now. */
  push(at: Millis, kind: number, node: number, payload?: unknown): void {
    let record = this.#firstFree;
    if (record === 0) record = this.#newRecord();
    else this.#firstFree = this.#links[record] as number;
    this.#moments[record] = at > this.now ? at : this.now;
    this.#kinds[record] = kind;
    this.#nodes[record] = node;
    this.#payloads[record] = payload;
    this.#length += 1;
    this.#place(record);
  }

  /** Goes on to the next event up to the limit, with it, and takes it out. If there is none, `now` is the limit. */
  next(limit: Millis): boolean {
    while (this.#length > 0) {
      const slot = this.#nextSlot(this.now & slotMask);
      const moment = this.now + ((slot - this.now) & slotMask);
      if (moment > limit) break;
      this.now = moment;
      const record = this.#takeFirst(slot);
      if ((this.#moments[record] as number) > moment) {
        this.#place(record);
        continue;
      }
      this.kind = this.#kinds[record] as number;
      this.node = this.#nodes[record] as number;
      this.payload = this.#payloads[record];
      this.#payloads[record] = undefined;
      this.#links[record] = this.#firstFree;
      this.#firstFree = record;
      this.#length -= 1;
      return true;
    }
    if (limit > this.now) this.now = limit;
    return false;
  }

  #place(record: number): void {
    const ahead = (this.#moments[record] as number) - this.now;
    const slot = (this.now + (ahead < slotCount ? ahead : slotMask)) & slotMask;
    this.#links[record] = 0;
    if (this.#heads[slot] === 0) {
      this.#heads[slot] = record;
      mark(this.#used, slot);
      mark(this.#usedWords, slot >> 5);
    } else {
      this.#links[this.#tails[slot] as number] = record;
    }
    this.#tails[slot] = record;
  }

  #takeFirst(slot: number): number {
    const record = this.#heads[slot] as number;
    const next = this.#links[record] as number;
    this.#heads[slot] = next;
    if (next === 0) {
      clear(this.#used, slot);
      if (this.#used[slot >> 5] === 0) clear(this.#usedWords, slot >> 5);
    }
    return record;
  }

  /** The first slot in use from this one on, and round. There is one. */
  #nextSlot(from: number): number {
    const bits = (this.#used[from >> 5] as number) & (-1 << (from & 31));
    if (bits !== 0) return (from & ~31) + lowest(bits);
    const word = nextBit(this.#usedWords, ((from >> 5) + 1) & (wordCount - 1));
    return (word << 5) + lowest(this.#used[word] as number);
  }

  #newRecord(): number {
    const record = this.#recordCount;
    this.#recordCount += 1;
    if (record === this.#links.length) {
      this.#links = grown(this.#links, Int32Array);
      this.#moments = grown(this.#moments, Float64Array);
      this.#kinds = grown(this.#kinds, Uint8Array);
      this.#nodes = grown(this.#nodes, Int32Array);
    }
    this.#payloads.push(undefined);
    return record;
  }
}

function mark(bits: Int32Array, index: number): void {
  bits[index >> 5] = (bits[index >> 5] as number) | (1 << (index & 31));
}

function clear(bits: Int32Array, index: number): void {
  bits[index >> 5] = (bits[index >> 5] as number) & ~(1 << (index & 31));
}

function lowest(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}

/** The first bit that is set from this one on, and round. There is one. */
function nextBit(all: Int32Array, from: number): number {
  let word = from >> 5;
  let bits = (all[word] as number) & (-1 << (from & 31));
  while (bits === 0) {
    word = (word + 1) % all.length;
    bits = all[word] as number;
  }
  return (word << 5) + lowest(bits);
}

function grown<Numbers extends { readonly length: number; set(from: Numbers): void }>(
  numbers: Numbers,
  create: new (length: number) => Numbers,
): Numbers {
  const twice = new create(2 * numbers.length);
  twice.set(numbers);
  return twice;
}
