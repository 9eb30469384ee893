import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { policySchema } from "../../config/policy.ts";
import { siteSchema } from "../../config/schema.ts";
import { compileSchema } from "../../config/validate.ts";
import type { ScanResult } from "../../core/control/jobs/plan.ts";
import { Planner } from "../../core/control/jobs/planner.ts";
import type { ObjectSchema } from "../../sdk/index.ts";
import { writeFiles } from "../made-up-files.ts";
import { format, inTurns, machine, median, table } from "./measuring.ts";
import { OwnDisk } from "./own-disk.ts";

/*
 * Control's scan of a staging directory, from the request to its thread to the answer, in turns with `rsync -an` of two
 * equal trees and with `find`, which only lists one. Then the first scan, which hashes everything and takes it into the
 * object store, in turns with `rsync -a` and `sync`.
 *
 *   node test/bench/scan.ts [files] [bytes in each] [rounds]
 */

const [fileCount = 100_000, sizeBytes = 10_240, rounds = 7] = process.argv.slice(2).map(Number);
const firstRounds = Math.ceil(rounds / 3);

using disk = new OwnDisk(Math.ceil((3 * (1 + 2 * firstRounds) * fileCount * sizeBytes) / 2 ** 30) + 2);
const [staging, copy] = [join(disk.path, "staging"), join(disk.path, "copy")];

function valid<const S extends ObjectSchema>(schema: S, given: object) {
  const checked = compileSchema(schema, { directory: disk.path })(given);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return checked.value;
}

const policy = valid(policySchema, {});
const config = valid(siteSchema, { staging, group: "web" });

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
}

function scan(planner: Planner, version: number, liveVersion?: number, site = "demo"): Promise<ScanResult> {
  const of = site === "demo" ? config : { ...config, include: ["d0"] };
  return planner.scan({ job: "bench", site, config: of, policy, liveVersion, allowEmpty: false, version }, () => {});
}

await using planners = new AsyncDisposableStack();
let count = 0;

/** Control's planning thread at work, with a data directory that is nearly empty. */
async function newPlanner(): Promise<Planner> {
  count += 1;
  const data = { directory: join(disk.path, `control-${count}`), pluginDirectory: "/", plugins: [] };
  const planner = planners.use(new Planner(data));
  await scan(planner, 1, undefined, "another");
  return planner;
}

writeFiles(staging, fileCount, sizeBytes);
run("sync", "-f", disk.path);
const waiting = await Promise.all(Array.from({ length: firstRounds }, newPlanner));
const first = await inTurns(firstRounds, {
  scan: () => scan(waiting.pop() as Planner, 1),
  rsync: () => {
    run("rsync", "-a", `${staging}/`, `${copy}-${waiting.length}/`);
    run("sync", "-f", disk.path);
  },
});
const planner = await newPlanner();
await scan(planner, 1);
// What changed just before the first scan is read once more.
await scan(planner, 2, 1);
const again = await inTurns(rounds, {
  scan: async () => {
    const { isChanged, readBytes } = await scan(planner, 2, 1);
    if (isChanged || readBytes > 0) throw new Error(`${readBytes} bytes were read again`);
  },
  rsync: () => run("rsync", "-an", "--delete", `${staging}/`, `${copy}-0/`),
  find: () => run("find", staging, "-printf", "%s %T@ %m %p\\n"),
});

const row = (name: string, ours: readonly number[], theirs: readonly number[]) => [
  name,
  ...[ours, theirs].map((times) => format(median(times))),
  (median(ours) / median(theirs)).toFixed(2),
];
console.log(
  `${machine("rsync")}, ${format(fileCount)} files of ${format(sizeBytes)} bytes, ` +
    `${rounds} rounds, ${firstRounds} of the first scan\n`,
);
console.log(
  table(
    ["median ms", "scan", "peer", "scan ÷ peer"],
    [
      row("nothing has changed; `rsync -an --delete`", again.scan, again.rsync),
      row("the same; `find -printf`", again.scan, again.find),
      row("the first time, everything; `rsync -a`, `sync`", first.scan, first.rsync),
    ],
  ),
);
