import type { Millis } from "distributary/sdk";

const length = 2 ** 16;

/** When each of the last frames was sent. */
export class EmissionLog {
  readonly #times = new Float64Array(length);
  #last = 0;
  #old = 0;

  note(emission: number, count: number, now: Millis): void {
    for (let at = emission; at < emission + count; at += 1) this.#times[at % length] = now;
    this.#last = emission + count - 1;
  }

  /** The latest frame that was sent by that moment; the moment never goes back. */
  sentBy(moment: Millis): number {
    this.#old = Math.max(this.#old, this.#last - length);
    while (this.#old < this.#last && this.at(this.#old + 1) <= moment) this.#old += 1;
    return this.#old;
  }

  at(emission: number): Millis {
    return this.#times[emission % length] as Millis;
  }
}
