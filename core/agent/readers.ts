import type { Millis } from "distributary/sdk";

/**
 * Releases that somebody may still be reading: whoever looked up `live` just before it moved goes on in what it named.
 * After a start nobody knows when the others were left, so it counts as just now.
 */
export class Readers {
  readonly #graceMs: Millis;
  readonly #leftAt = new Map<number, Millis>();

  constructor(graceMs: Millis) {
    this.#graceMs = graceMs;
  }

  /** A release is live no more. */
  left(serial: number, now: Millis): void {
    this.#leftAt.set(serial, now);
  }

  /** Serials of releases that are given time still. */
  serials(now: Millis): number[] {
    for (const [serial, leftAt] of this.#leftAt) if (now - leftAt >= this.#graceMs) this.#leftAt.delete(serial);
    return [...this.#leftAt.keys()];
  }
}
