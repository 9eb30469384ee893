import type { Millis } from "../../../../sdk/machine.ts";
import { writeRun } from "../../../../sdk/testkit/sim/world/run-file.ts";
import { shrink } from "../../../../sdk/testkit/sim/world/shrink.ts";
import { isDeterministic, simulate } from "../../../../sdk/testkit/sim/world/simulate.ts";
import { mctpProtocol } from "./protocol.ts";
import { drawRun } from "./runs.ts";
import type { MctpProtocol, MctpRun } from "./world.ts";

/** What came of runs. */
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
  readonly least: MctpRun;
}

/** One seed of so many is run twice, to see whether it goes the same way. */
const repeatedEvery = 50;

/** Runs the seeds `first` … `first + count - 1`, up to the first that fails. */
export function runBatch(first: number, count: number, protocol: MctpProtocol = mctpProtocol()): BatchResult {
  const result: BatchResult = { runs: 0, faults: 0, steps: 0, simulatedMs: 0, failures: [] };
  for (let seed = first; seed < first + count && result.failures.length === 0; seed += 1) {
    const run = drawRun(seed);
    const { counts, violation } = simulate(run, protocol);
    result.runs += 1;
    result.faults += run.faults.length;
    result.steps += counts.steps;
    result.simulatedMs += run.bounds.endAt;
    if (violation !== undefined)
      result.failures.push({ seed, message: violation.message, least: shrunk(run, protocol) });
    else if (seed % repeatedEvery === 0 && !isDeterministic(run, protocol))
      result.failures.push({ seed, message: "it goes another way the second time", least: run });
  }
  return result;
}

/** The least of the run in which the same goes wrong; the run itself if nothing does. */
export function shrunk(run: MctpRun, protocol: MctpProtocol = mctpProtocol()): MctpRun {
  const { violation } = simulate(run, protocol);
  if (violation === undefined) return run;
  return shrink(run, (part) => simulate(part, protocol).violation?.invariant === violation.invariant);
}

/** What went wrong, with the run that shows it, to be put into `failures` with the bug's fix. */
export function failuresOf({ failures }: BatchResult): string[] {
  return failures.map(({ seed, message, least }) => {
    const replay = `node test/plugins/mctp/simulation/replay.ts ${seed} --trace`;
    return `seed ${seed}: ${message}\nreplay: ${replay}\n${writeRun(least)}`;
  });
}
