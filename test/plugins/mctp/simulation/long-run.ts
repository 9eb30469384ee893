import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeRun } from "../../../../sdk/testkit/sim/world/run-file.ts";
import { runBatch } from "./batch.ts";
import { reportsAreFew } from "./promises.ts";

/*
 * node test/plugins/mctp/simulation/long-run.ts [--runs 100000] [--first 1000000] [--members 4096]
 *
 * First counts the reports of a segment as large as there may be (M4), then plays so many runs with seeds from `first`
 * on: the tests play the lower ones. What goes wrong is shrunk and kept in `failures`; the tests play it from then on.
 */
const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "100000" },
    first: { type: "string", default: "1000000" },
    members: { type: "string", default: "4096" },
  },
});
const size = 1_000;
const began = performance.now();
const members = Number(values.members);
if (members > 0) console.log(`${members} members: ${reportsAreFew(members, 1_048_576) ?? "reports are few"}`);

const end = Number(values.first) + Number(values.runs);
let faultCount = 0;
for (let first = Number(values.first); first < end; first += size) {
  const { faults, failures } = runBatch(first, Math.min(size, end - first));
  faultCount += faults;
  const seconds = (performance.now() - began) / 1_000;
  console.log(`${seconds.toFixed(0)} s: up to seed ${Math.min(first + size, end) - 1}, ${faultCount} faults`);
  for (const { seed, message, least } of failures) {
    const file = join(import.meta.dirname, "failures", `${seed}.json`);
    writeFileSync(file, writeRun(least));
    console.error(`seed ${seed}: ${message}\nreplay: node test/plugins/mctp/simulation/replay.ts ${file} --trace`);
    process.exitCode = 1;
  }
}
