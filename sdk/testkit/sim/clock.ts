import type { Clock } from "../../io.ts";
import type { Millis } from "../../machine.ts";

interface Waiter {
  readonly moment: Millis;
  resolve(): void;
}

/** A clock that stands still until a test moves it. */
export class SimClock implements Clock {
  #now: Millis = 0;
  /** What the wall clock shows at `now` 0. */
  #wallStart: Millis;
  /** In the order of their moments; of equal ones, who came first. */
  readonly #waiters: Waiter[] = [];

  constructor(wallTime: Millis = Date.UTC(2026, 0, 1)) {
    this.#wallStart = wallTime;
  }

  now(): Millis {
    return this.#now;
  }

  wallTime(): Millis {
    return this.#wallStart + this.#now;
  }

  /** Sets the wall clock forward or back; `now` goes on as before. */
  setWallTime(wallTime: Millis): void {
    this.#wallStart = wallTime - this.#now;
  }

  until(moment: Millis, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (moment <= this.#now) return resolve();
      const abort = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        moment,
        resolve() {
          signal?.removeEventListener("abort", abort);
          resolve();
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      const later = this.#waiters.findIndex((other) => other.moment > moment);
      this.#waiters.splice(later === -1 ? this.#waiters.length : later, 0, waiter);
    });
  }

  /** When the next waiter is due; Infinity if nobody waits. */
  get nextMoment(): Millis {
    return this.#waiters[0]?.moment ?? Infinity;
  }

  /**
   * Lets time pass. Everybody due is woken at their moment, one after the other, and does what can then be done
   * without waiting.
   */
  async advance(milliseconds: Millis): Promise<void> {
    const end = this.#now + milliseconds;
    await settled();
    while (this.nextMoment <= end) {
      const waiter = this.#waiters.shift();
      this.#now = Math.max(this.#now, waiter?.moment ?? 0);
      waiter?.resolve();
      await settled();
    }
    this.#now = end;
  }
}

/** All promises that can go on have done so. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
