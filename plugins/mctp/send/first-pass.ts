import type { Geometry } from "../geometry.ts";

/** Frames of one block that are sent next. */
interface Run {
  readonly block: number;
  readonly index: number;
  readonly count: number;
}

/** What was not sent yet: blocks in the order in which their bytes came. What nobody lacks is left out. */
export class FirstPass {
  readonly #geometry: Geometry;
  readonly #ready: { from: number; to: number }[] = [];
  /** For each block whether it was sent, or left out. */
  readonly #isOver: Uint8Array;
  /** What somebody lacks; undefined: everything. */
  #lacking: Uint8Array | undefined;
  #unreadyCount: number;
  /** Of the first block that is ready. */
  #nextFrame = 0;
  /** Blocks below this were sent, or left out. */
  sentBlocks = 0;

  constructor(geometry: Geometry) {
    this.#geometry = geometry;
    this.#isOver = new Uint8Array(geometry.blockCount);
    this.#unreadyCount = geometry.blockCount;
  }

  /** Whether something is to be sent now. */
  get isPending(): boolean {
    return this.#ready.length > 0;
  }

  /** Whether there are blocks whose bytes are not there yet. */
  get isWaiting(): boolean {
    return this.#unreadyCount > 0;
  }

  ready(from: number, to: number): void {
    this.#unreadyCount -= to - from;
    this.#ready.push({ from, to });
  }

  /** From now on only what is lacking is sent. */
  limit(): void {
    this.#lacking ??= new Uint8Array(this.#geometry.blockCount);
  }

  lack(from: number, to: number): void {
    this.#lacking?.fill(1, from, to);
  }

  /** Everything is sent. */
  unlimit(): void {
    this.#lacking = undefined;
  }

  /** At most so many frames; they are taken for sent. Tells which blocks are left out. */
  next(most: number, leaveOut: (block: number) => void): Run | undefined {
    for (let range = this.#ready[0]; range !== undefined; range = this.#ready[0]) {
      while (this.#nextFrame === 0 && range.from < range.to && this.#lacking?.[range.from] === 0) {
        leaveOut(range.from);
        this.#pass(range);
      }
      if (range.from >= range.to) {
        this.#ready.shift();
        continue;
      }
      const [block, index] = [range.from, this.#nextFrame];
      const sources = this.#geometry.sourcesOf(block);
      const count = Math.min(most, sources - index);
      this.#nextFrame += count;
      if (this.#nextFrame === sources) this.#pass(range);
      return { block, index, count };
    }
    return undefined;
  }

  #pass(range: { from: number; to: number }): void {
    this.#isOver[range.from] = 1;
    this.#nextFrame = 0;
    range.from += 1;
    while (this.sentBlocks < this.#isOver.length && this.#isOver[this.sentBlocks] !== 0) this.sentBlocks += 1;
  }
}
