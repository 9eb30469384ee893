import type { Millis } from "../../../../sdk/machine.ts";
import { shrink } from "../../../../sdk/testkit/sim/world/shrink.ts";
import { isDeterministic, simulate } from "../../../../sdk/testkit/sim/world/simulate.ts";
import { Violation } from "../../../../sdk/testkit/sim/world/violation.ts";
import { segmentProtocol } from "./protocol.ts";
import { drawQuietRun, drawRun } from "./runs.ts";
import type { SegmentProtocol, SegmentRun } from "./world.ts";

/** Runs of one kind with the seeds `first` … `first + count - 1`. */
export interface Batch {
  readonly kind: "swarm" | "quiet";
  readonly first: number;
  readonly count: number;
}

/** What came of a batch. */
export interface BatchResult {
  runs: number;
  faults: number;
  steps: number;
  simulatedMs: Millis;
  readonly failures: Failure[];
}

/** A run that went wrong, and the least of it that still does. */
export interface Failure {
  readonly seed: number;
  readonly message: string;
  readonly least: SegmentRun;
}

/** One seed of so many is run twice, to see whether it goes the same way. */
const repeatedEvery = 100;

export function runBatch({ kind, first, count }: Batch, protocol: SegmentProtocol = segmentProtocol()): BatchResult {
  const result: BatchResult = { runs: 0, faults: 0, steps: 0, simulatedMs: 0, failures: [] };
  for (let seed = first; seed < first + count; seed += 1) {
    const run = kind === "swarm" ? drawRun(seed) : drawQuietRun(seed);
    const { counts, violation } = simulate(run, protocol);
    result.runs += 1;
    result.faults += run.faults.length;
    result.steps += counts.steps;
    result.simulatedMs += run.bounds.endAt;
    if (violation !== undefined) result.failures.push(shrunk(seed, run, violation, protocol));
    else if (kind === "swarm" && seed % repeatedEvery === 0 && !isDeterministic(run, protocol))
      result.failures.push({ seed, message: "it goes another way the second time", least: run });
  }
  return result;
}

function shrunk(seed: number, run: SegmentRun, violation: Violation, protocol: SegmentProtocol): Failure {
  const least = shrink(run, (part) => simulate(part, protocol).violation?.invariant === violation.invariant);
  return { seed, message: violation.message, least };
}
