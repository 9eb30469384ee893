import type { Millis } from "distributary/sdk";

/** A session of which nothing is heard for so long is over. */
export const silenceMs: Millis = 3_000;
/** However much a leader says: it is over when nothing came of it for so long. */
const vainMs = 300_000;
/** What came while this process was held up is read within this time after it goes on. */
const readingMs = 100;

/** Finds out that a leader is silent (twice, because what it said may wait to be read), or speaks in vain. */
export class Silence {
  #heardAt: Millis = 0;
  #foundAt: Millis = -Infinity;
  /** The most that was ever there, and since when. */
  #gained = -1;
  #gainedAt: Millis = 0;

  heard(now: Millis): void {
    this.#heardAt = now;
  }

  /** So many blocks are there now. */
  gained(count: number, now: Millis): void {
    if (count <= this.#gained) return;
    this.#gained = count;
    this.#gainedAt = now;
  }

  /** Whether it speaks and nothing comes of it. */
  isInVain(now: Millis): boolean {
    return now - this.#gainedAt >= vainMs;
  }

  /** When it is to be looked for. */
  get dueAt(): Millis {
    return this.#foundAt > this.#heardAt ? this.#foundAt + readingMs : this.#heardAt + silenceMs;
  }

  isSure(now: Millis): boolean {
    if (now - this.#heardAt < silenceMs) return false;
    if (this.#foundAt <= this.#heardAt) this.#foundAt = now;
    return now - this.#foundAt >= readingMs;
  }
}
