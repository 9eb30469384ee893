import type { Millis } from "../../../sdk/index.ts";

/** How much of something is allowed: so many at once, and so many a second in the long run. */
interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Allows things at a rate; what is not used is saved up to one burst. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #filledAt: Millis;

  constructor(rate: Rate, now: Millis) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledAt = now;
  }

  /** Whether one more is allowed now. */
  take(now: Millis): boolean {
    const { burst, perSecond } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1_000) * perSecond);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
