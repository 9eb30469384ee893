import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import type { Clock } from "../../sdk/index.ts";

/** The longest that Node's timers can wait. */
const longestWaitMs = 2 ** 31 - 1;

/** The clock of this host. `now` counts from the start of the process. */
export const realClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),

  async until(moment, signal) {
    // A timer may ring a fraction early, and cannot wait longer than it can count.
    do {
      signal?.throwIfAborted();
      const leftMs = Math.min(Math.max(Math.ceil(moment - performance.now()), 0), longestWaitMs);
      await setTimeout(leftMs, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
    } while (performance.now() < moment);
  },
};
