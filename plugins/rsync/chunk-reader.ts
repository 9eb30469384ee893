/** Reads so many bytes at a time of chunks that come in any size. */
export class ChunkReader {
  readonly #chunks: Iterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #used = 0;
  #kept: Uint8Array = new Uint8Array(0x400);

  constructor(chunks: Iterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.iterator]();
  }

  /** Whether there is nothing more. */
  ended(): boolean {
    while (this.#used === this.#chunk.length) {
      const { done, value } = this.#chunks.next();
      if (done) return true;
      this.#chunk = value;
      this.#used = 0;
    }
    return false;
  }

  /** The next bytes, or fewer at the end; valid until the next call. Allocates only for what arrives. */
  take(length: number): Uint8Array {
    let filled = 0;
    while (filled < length && !this.ended()) {
      const part = Math.min(length - filled, this.#chunk.length - this.#used);
      if (filled + part > this.#kept.length) this.#grow(filled, Math.min(length, 2 * (filled + part)));
      this.#kept.set(this.#chunk.subarray(this.#used, this.#used + part), filled);
      filled += part;
      this.#used += part;
    }
    return this.#kept.subarray(0, filled);
  }

  /** Lets go of the chunks. */
  close(): void {
    this.#chunks.return?.();
  }

  #grow(filled: number, size: number): void {
    const kept = new Uint8Array(size);
    kept.set(this.#kept.subarray(0, filled));
    this.#kept = kept;
  }
}
