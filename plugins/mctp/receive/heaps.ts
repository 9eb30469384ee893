import type { Millis } from "distributary/sdk";

/** Frames that follow each other more closely than any network brings them one by one. */
const gapMs: Millis = 0.05;
const heapFrames = 24;

/** Tells whether frames come as they arrive, or in heaps that have waited until this process read them. */
export class Heaps {
  #at: Millis = -Infinity;
  #count = 0;
  #largest = 0;

  note(now: Millis): void {
    this.#count = now - this.#at < gapMs ? this.#count + 1 : 0;
    this.#largest = Math.max(this.#largest, this.#count);
    this.#at = now;
  }

  /** Whether there was a heap since the last call. */
  take(): boolean {
    const isHeap = this.#largest >= heapFrames;
    this.#largest = 0;
    return isHeap;
  }
}
