import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeRun } from "../../../../sdk/testkit/sim/world/run-file.ts";
import type { Batch, BatchResult } from "./batch.ts";
import { batchesOf, runBatches } from "./farm.ts";

/*
 * node test/core/protocol/segment/long-run.ts [--hours 1000000] [--first 1000000] [--kind swarm|quiet]
 *
 * Simulates segments for so many hours in all, with faults or without, in seeds from `first` on: the tests run the lower
 * ones. What goes wrong is shrunk and kept in `failures`, which the tests run from then on.
 */
const { values } = parseArgs({
  options: {
    hours: { type: "string", default: "1000000" },
    first: { type: "string", default: "1000000" },
    kind: { type: "string", default: "swarm" },
  },
});
const kind: Batch["kind"] = values.kind === "quiet" ? "quiet" : "swarm";
const hours = Number(values.hours);
const began = performance.now();
let saidAt = began;
let doneHours = 0;

const total = await runBatches(untilEnough(), (soFar) => {
  doneHours = soFar.simulatedMs / 3_600_000;
  if (performance.now() - saidAt < 10_000) return;
  saidAt = performance.now();
  console.log(describe(soFar));
});
console.log(describe(total));
for (const { seed, message, least } of total.failures) {
  const folder = join(import.meta.dirname, "failures");
  const file = join(folder, `${kind}-${seed}.json`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, writeRun(least));
  console.error(`seed ${seed}: ${message}\nreplay: node test/core/protocol/segment/replay.ts ${file} --trace`);
  process.exitCode = 1;
}

function* untilEnough(): Generator<Batch, void> {
  for (const batch of batchesOf(kind, Number(values.first), Infinity, kind === "swarm" ? 50 : 1)) {
    if (doneHours >= hours) return;
    yield batch;
  }
}

function describe({ runs, faults, steps, simulatedMs }: BatchResult): string {
  const seconds = (performance.now() - began) / 1_000;
  const years = simulatedMs / (365.25 * 24 * 3_600_000);
  const speed = `${(simulatedMs / 1_000 / seconds).toFixed(0)} times as fast as time`;
  return `${seconds.toFixed(0)} s: ${runs} runs, ${faults} faults, ${steps} steps, ${years.toFixed(2)} years, ${speed}`;
}
