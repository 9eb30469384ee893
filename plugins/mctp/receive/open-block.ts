import { mostFrames } from "../geometry.ts";

const none = -1;

/** A block of which some frames are here: any of them, as long as they are as many as its source frames. */
export class OpenBlock {
  readonly sources: number;
  /** Which frame each row holds. */
  readonly holds: Int16Array;
  readonly #has = new Uint8Array(mostFrames / 8);
  count = 0;
  /** The row from which on a free one may be found. */
  #free = 0;
  highestIndex = 0;

  constructor(sources: number) {
    this.sources = sources;
    this.holds = new Int16Array(sources).fill(none);
  }

  get lacking(): number {
    return this.sources - this.count;
  }

  /** Whether there is not enough parity left for what it lacks. */
  get isUsedUp(): boolean {
    return this.highestIndex >= this.sources && this.highestIndex + this.lacking >= mostFrames;
  }

  /** The row for a frame; undefined if it is here already. */
  rowFor(index: number): number | undefined {
    const bit = 1 << (index & 7);
    if (((this.#has[index >> 3] as number) & bit) !== 0) return undefined;
    const row = index < this.sources ? index : this.#freeRow();
    if (row === undefined) return undefined;
    const before = this.holds[row] as number;
    this.#has[index >> 3] = (this.#has[index >> 3] as number) | bit;
    // A parity frame that took the place of a late one is let go of: that is as good, and needs no second place.
    if (before === none) this.count += 1;
    else this.#has[before >> 3] = (this.#has[before >> 3] as number) & ~(1 << (before & 7));
    this.holds[row] = index;
    this.highestIndex = Math.max(this.highestIndex, index);
    return row;
  }

  /** Which source frames are lacking, a bit each: those in whose place there is nothing. */
  missing(): Uint8Array {
    const missing = new Uint8Array(Math.ceil(this.sources / 8));
    for (let row = 0; row < this.sources; row += 1)
      if (this.holds[row] === none) missing[row >> 3] = (missing[row >> 3] as number) | (1 << (row & 7));
    return missing;
  }

  #freeRow(): number | undefined {
    while (this.#free < this.sources && this.holds[this.#free] !== none) this.#free += 1;
    return this.#free < this.sources ? this.#free : undefined;
  }
}
