/**
 * Chance for machines: each number is a mix of the seed and of how many came before, so a machine stays a function of
 * its seed and its events. Not for secrets.
 */
export class Draws {
  readonly #seed: number;
  #count = 0;

  /** `seed`: 32 bits, another one for each start of each member. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** A whole number, 0 … `limit` − 1; 0 if there is no other. */
  below(limit: number): number {
    return Math.floor((this.#next() / 2 ** 32) * Math.max(limit, 1));
  }

  between([least, most]: readonly [number, number]): number {
    return least + this.below(most - least + 1);
  }

  /** The last steps of MurmurHash3 over seed and count. */
  #next(): number {
    this.#count += 1;
    let x = this.#seed ^ Math.imul(this.#count, 0x9e3779b1);
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return (x ^ (x >>> 16)) >>> 0;
  }
}
