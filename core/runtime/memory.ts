import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** After so long without work a program is at rest: soon enough to matter, too late to hold up what follows at once. */
const restMs = 10_000;

let timer: NodeJS.Timeout | undefined;

/**
 * To be called after work that took much memory: when nothing more of the kind comes for ten seconds, what it left is
 * given back. V8 collects when it needs room, so a program that then only waits would keep all of it for ever.
 */
export function restSoon(): void {
  clearTimeout(timer);
  timer = setTimeout(collect, restMs);
  timer.unref();
}

/** Collects all that nobody holds, and gives what is empty back to the system. */
export function collect(): void {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as (options: { type: string; flavor: string }) => void;
  setFlagsFromString("--no-expose-gc");
  gc({ type: "major", flavor: "last-resort" });
}
