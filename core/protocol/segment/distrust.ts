import type { Millis } from "distributary/sdk";

/** Leaders that do not hear this member, and are none to it for a while. */
export class Distrust {
  readonly #forMs: Millis;
  readonly #until = new Map<string, Millis>();

  constructor(forMs: Millis) {
    this.#forMs = forMs;
  }

  add(leader: string, now: Millis): void {
    for (const [id, until] of this.#until) if (now >= until) this.#until.delete(id);
    this.#until.set(leader, now + this.#forMs);
  }

  has(leader: string, now: Millis): boolean {
    return now < (this.#until.get(leader) ?? -Infinity);
  }

  /** It was shown to hear; true if it was distrusted. */
  lift(leader: string): boolean {
    return this.#until.delete(leader);
  }
}
