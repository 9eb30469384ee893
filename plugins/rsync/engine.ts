import type { Content, DeltaEngine } from "distributary/sdk";
import { decode } from "./decoder.ts";
import { encode } from "./encoder.ts";
import { Matcher } from "./matcher.ts";

/** Content as copies of the old version and literals. One engine serves any number of calls at a time. */
export class RsyncEngine implements DeltaEngine {
  readonly #windowBytes: number;
  /** The memory of a call that ended. Its pages are costly to get; it goes when memory is short. */
  #idle: WeakRef<Matcher> | undefined;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
  }

  *encode(base: Content, target: Content): Generator<Uint8Array, void, undefined> {
    const matcher = this.#idle?.deref() ?? new Matcher();
    this.#idle = undefined;
    try {
      yield* encode(matcher, base, target, this.#windowBytes);
    } finally {
      this.#idle = new WeakRef(matcher);
    }
  }

  decode(base: Content, delta: Iterable<Uint8Array>, sizeBytes: number): Iterable<Uint8Array> {
    return decode(base, delta, sizeBytes);
  }
}
