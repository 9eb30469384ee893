/** How far behind the newest a datagram may come. */
export const windowLength = 1_024;

/** Which sequence numbers, from 1, were taken: each is new once, and none that is 1,024 or more behind the highest. */
export class ReplayWindow {
  #highest: number;
  /** One bit for each of the last 1,024; which one, by the number modulo 1,024. */
  readonly #taken = new Uint32Array(windowLength / 32);

  /** Nothing up to `highest` is new. */
  constructor(highest = 0) {
    this.#highest = highest;
    if (highest > 0) this.#taken.fill(0xffff_ffff);
  }

  get highest(): number {
    return this.#highest;
  }

  isNew(sequence: number): boolean {
    if (sequence > this.#highest) return true;
    return sequence > this.#highest - windowLength && ((this.#taken[wordOf(sequence)] ?? 0) & bitOf(sequence)) === 0;
  }

  /** Takes a number that is new. */
  take(sequence: number): void {
    if (sequence - this.#highest >= windowLength) this.#taken.fill(0);
    else for (let skipped = this.#highest + 1; skipped < sequence; skipped += 1) this.#clear(skipped);
    const word = wordOf(sequence);
    this.#taken[word] = (this.#taken[word] ?? 0) | bitOf(sequence);
    this.#highest = Math.max(this.#highest, sequence);
  }

  #clear(sequence: number): void {
    const word = wordOf(sequence);
    this.#taken[word] = (this.#taken[word] ?? 0) & ~bitOf(sequence);
  }
}

function wordOf(sequence: number): number {
  return Math.floor((sequence % windowLength) / 32);
}

function bitOf(sequence: number): number {
  return 1 << (sequence % 32);
}
