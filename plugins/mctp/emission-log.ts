import type { Millis } from "distributary/sdk";

const length = 2 ** 16;

/** When each of the last frames was sent. */
export class EmissionLog {
  readonly #times = new Float64Array(length);

  note(emission: number, count: number, now: Millis): void {
    for (let at = emission; at < emission + count; at += 1) this.#times[at % length] = now;
  }

  at(emission: number): Millis {
    return this.#times[emission % length] as Millis;
  }
}
