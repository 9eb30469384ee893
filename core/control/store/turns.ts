import { failure } from "../../../sdk/errors.ts";
import type { Millis } from "../../../sdk/machine.ts";

interface Waiting {
  admit(): void;
}

/** One at a time, in the order of asking. */
export class Turns {
  readonly #patienceMs: Millis;
  readonly #queue = new Set<Waiting>();
  #taken = false;

  constructor(patienceMs: Millis) {
    this.#patienceMs = patienceMs;
  }

  /** Resolves when it is the caller's turn; rejects with DIST_ERR_STORE_BUSY when that takes longer than allowed. */
  take(): Promise<void> {
    if (!this.#taken) {
      this.#taken = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#queue.delete(waiting);
        const problem = `no turn within ${this.#patienceMs} ms, ${this.#queue.size} others wait`;
        const hint = "a transaction is open too long; inside one, use its own `transaction`, not the database";
        reject(failure("DIST_ERR_STORE_BUSY", { problem }, { hint }));
      }, this.#patienceMs);
      const waiting: Waiting = {
        admit: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      this.#queue.add(waiting);
    });
  }

  /** Ends the turn; the one that waited longest is next. */
  release(): void {
    const [next] = this.#queue;
    if (next === undefined) {
      this.#taken = false;
      return;
    }
    this.#queue.delete(next);
    next.admit();
  }
}
