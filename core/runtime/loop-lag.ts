import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Millis } from "distributary/sdk";

const resolutionMs = 20;

/** How late this process gets to its work. */
export class LoopLag implements Disposable {
  readonly #delays = monitorEventLoopDelay({ resolution: resolutionMs });

  constructor() {
    this.#delays.enable();
  }

  /** The longest delay since the last call. */
  takeMs(): Millis {
    const longest = Math.max(0, this.#delays.max / 1_000_000 - resolutionMs);
    this.#delays.reset();
    return longest;
  }

  [Symbol.dispose](): void {
    this.#delays.disable();
  }
}
