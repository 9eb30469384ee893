import type { Clock, Intake, Millis, PieceStore } from "distributary/sdk";

/** What the leader of the segment is to bring of one assignment. */
export interface Expected extends Disposable {
  /**
   * Resolves when everything is here, when the leader has ended what it began, or if it has not begun within `beginMs`;
   * rejects with the signal's reason.
   */
  over(beginMs: Millis, signal: AbortSignal): Promise<void>;
}

interface Waiting {
  readonly store: PieceStore;
  isSending: boolean;
  /** Called at every change. */
  changed(): void;
}

/** What this node wants of what is sent to all members of its segment. */
export class Arrivals implements Intake {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiting>();
  readonly #told: (assignment: string, what: string) => void;

  /** `told` hears how it goes with each. */
  constructor(clock: Clock, told: (assignment: string, what: string) => void) {
    this.#clock = clock;
    this.#told = told;
  }

  find(assignment: string): PieceStore | undefined {
    return this.#waiting.get(assignment)?.store;
  }

  began(assignment: string): void {
    this.#change(assignment, true, "the leader sends it to the segment");
  }

  ended(assignment: string, reason: string | undefined): void {
    this.#change(assignment, false, reason ?? "it came whole from the leader");
  }

  /** From now on, and until disposed, `store` is filled by whatever the leader sends of this assignment. */
  expect(store: PieceStore): Expected {
    const waiting: Waiting = { store, isSending: false, changed: () => {} };
    this.#waiting.set(store.assignment, waiting);
    return {
      over: (beginMs, signal) => this.#over(waiting, beginMs, signal),
      [Symbol.dispose]: () => {
        if (this.#waiting.get(store.assignment) === waiting) this.#waiting.delete(store.assignment);
      },
    };
  }

  async #over(waiting: Waiting, beginMs: Millis, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const done = new AbortController();
    const stop = () => reject(signal.reason);
    // A transport that began says when it ends, in bounded time.
    waiting.changed = () => {
      if (!waiting.isSending) resolve();
    };
    signal.addEventListener("abort", stop, { once: true });
    this.#clock.until(this.#clock.now() + beginMs, done.signal).then(waiting.changed, () => undefined);
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", stop);
      done.abort(new Error("it is over"));
      waiting.changed = () => {};
    }
  }

  #change(assignment: string, isSending: boolean, what: string): void {
    const waiting = this.#waiting.get(assignment);
    if (waiting === undefined) return;
    waiting.isSending = isSending;
    this.#told(assignment, what);
    waiting.changed();
  }
}
