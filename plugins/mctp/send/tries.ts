import type { Millis } from "distributary/sdk";

/** Tries without progress before members are given up (CM-22). */
const mostTries = 10;
/** What members ask for may take so many times as long as all the rest, and so long. */
const mostTimes = 20;
const leastMs: Millis = 20_000;
/** A try takes no longer. */
export const longestTryMs: Millis = 1_000;

/** Counts tries in a row of which nothing came, made by asking or by sending. */
export class Tries {
  #begunAt: Millis = 0;
  #newAt: Millis = 0;
  #at: Millis = 0;
  #progressAt: Millis = 0;
  count = 0;

  begin(at: Millis): void {
    this.#begunAt = at;
    this.#newAt = at;
    this.#at = at;
  }

  /** Something was sent for the first time, or is still on its way here. */
  renew(now: Millis): void {
    this.#newAt = now;
    this.#progressAt = now;
  }

  progress(now: Millis): void {
    this.#progressAt = now;
  }

  /** Whether the last try has had its time. */
  isDue(now: Millis): boolean {
    return now - this.#at >= longestTryMs;
  }

  /** One more. */
  add(now: Millis): void {
    this.count = this.#progressAt > this.#at ? 0 : this.count + 1;
    this.#at = now;
  }

  /** Why there are no more of them, if so. */
  problemAt(now: Millis): string | undefined {
    if (this.count >= mostTries) return `nothing came of ${mostTries} tries`;
    const sinceMs = now - this.#newAt;
    return sinceMs > leastMs + mostTimes * (this.#newAt - this.#begunAt) ? "it takes too long" : undefined;
  }
}
