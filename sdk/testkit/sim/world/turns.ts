import type { Millis } from "../../../machine.ts";
import type { Fault } from "./faults.ts";
import type { Operation, RunFile } from "./run-file.ts";

/** What the run has written down for a moment. */
export type Turn<Event> =
  | { readonly at: Millis; readonly does: "begin" | "end"; readonly fault: Fault }
  | { readonly at: Millis; readonly does: "operate"; readonly operation: Operation<Event> }
  | { readonly at: Millis; readonly does: "settle" };

/** All turns of a run in their order. Faults that begin when the world settles, or later, never do. */
export function turnsOf<Event>({ faults, workload, bounds }: RunFile<unknown, Event>): readonly Turn<Event>[] {
  const turns: Turn<Event>[] = [{ at: bounds.settleAt, does: "settle" }];
  for (const operation of workload) turns.push({ at: operation.at, does: "operate", operation });
  for (const fault of faults) {
    if (fault.at >= bounds.settleAt) continue;
    // A node that joins is away until then.
    const [begin, end] = fault.kind === "join" ? [0, fault.at] : [fault.at, fault.at + (fault.forMs ?? Infinity)];
    turns.push({ at: begin, does: "begin", fault });
    // A power cut begins when it finds a store, and its end follows from that.
    if (end < bounds.settleAt && fault.kind !== "power cut") turns.push({ at: end, does: "end", fault });
  }
  return turns.sort((a, b) => a.at - b.at);
}
