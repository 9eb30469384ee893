import type { Random } from "../../io.ts";

/**
 * Counted random numbers: each is a mix of seed, stream and how many came before, so that streams do not disturb each
 * other and leaving one out changes no other. Not for secrets.
 */
export class SimRandom implements Random {
  readonly #seed: number;
  readonly #stream: number;
  #counter = 0;

  constructor(seed: number, stream = 0) {
    this.#seed = seed;
    this.#stream = stream;
  }

  /** A stream of its own, the same for the same seed and names whatever was drawn before. */
  fork(stream: number | string): SimRandom {
    return new SimRandom(this.#seed, mix(this.#stream, numberOf(stream), 1));
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.#next() & 0xff);
  }

  below(limit: number): number {
    return Math.floor((this.#next() / 2 ** 32) * limit);
  }

  #next(): number {
    this.#counter += 1;
    return mix(this.#seed, this.#stream, this.#counter);
  }
}

/** 32 bits in which each bit of each argument matters: the last step of MurmurHash3 after each. */
export function mix(seed: number, stream: number, counter: number): number {
  return scramble(scramble(scramble(seed ^ 0x9e3779b9) ^ stream) ^ counter);
}

/** 32 bits in which each bit of the value matters. */
export function scramble(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

function numberOf(stream: number | string): number {
  if (typeof stream === "number") return stream;
  let value = stream.length;
  for (let at = 0; at < stream.length; at += 1) value = scramble(value ^ (stream.charCodeAt(at) << 1));
  return value;
}
