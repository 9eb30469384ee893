import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { policySchema } from "../../config/policy.ts";
import { siteSchema } from "../../config/schema.ts";
import { compileSchema } from "../../config/validate.ts";
import { Planner } from "../../core/control/jobs/planner.ts";
import type { ScanResult } from "../../core/control/jobs/plan.ts";
import { writeFiles } from "../made-up-files.ts";
import { format, inTurns, machine, median, table } from "./measuring.ts";

/*
 * Control's scan of a staging directory, in turns with `rsync -an` of two equal trees and with `find`, which only
 * lists; then the first scan, which hashes everything and takes it into the object store, in turns with `rsync -a`
 * and `sync`.
 *
 *   node test/bench/scan.ts [files] [bytes in each] [rounds]
 */

const [fileCount = 100_000, sizeBytes = 10_240, rounds = 7] = process.argv.slice(2).map(Number);
const firstRounds = Math.ceil(rounds / 3);

const directory = mkdtempSync(join(tmpdir(), "distributary-bench-"));
const [staging, copy, data] = ["staging", "copy", "control"].map((name) => join(directory, name)) as [
  string,
  string,
  string,
];

function defaults<const S extends Parameters<typeof compileSchema>[0]>(schema: S, given: object) {
  const checked = compileSchema(schema, { directory })(given);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return checked.value;
}

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: ["ignore", "ignore", "inherit"] });
}

async function scan(planner: Planner, version: number, liveVersion?: number): Promise<ScanResult> {
  return planner.scan(
    {
      job: "bench",
      site: "demo",
      config: defaults(siteSchema, { staging, group: "web" }) as never,
      policy: defaults(policySchema, {}) as never,
      liveVersion,
      allowEmpty: false,
      version,
    },
    () => {},
  );
}

try {
  writeFiles(staging, fileCount, sizeBytes);
  run("sync", "-f", directory);
  await using planner = new Planner({ directory: data, pluginDirectory: directory, plugins: [] });
  const first = await inTurns(firstRounds, {
    scan: async () => {
      rmSync(data, { recursive: true, force: true });
      await scan(planner, 1);
    },
    rsync: () => {
      rmSync(copy, { recursive: true, force: true });
      run("rsync", "-a", `${staging}/`, `${copy}/`);
      run("sync", "-f", copy);
    },
  });
  const again = await inTurns(rounds, {
    scan: async () => {
      const { isChanged, readBytes } = await scan(planner, 2, 1);
      if (isChanged || readBytes > 0) throw new Error(`${readBytes} bytes were read again`);
    },
    rsync: () => run("rsync", "-an", "--delete", `${staging}/`, `${copy}/`),
    find: () => run("find", staging, "-printf", "%s %T@ %m %p\\n"),
  });
  const row = (name: string, ours: number[], rsync: number[], find?: number[]) => [
    name,
    format(median(ours)),
    format(median(rsync)),
    (median(ours) / median(rsync)).toFixed(2),
    find === undefined ? "" : format(median(find)),
  ];
  console.log(
    `${machine("rsync")}, ${fileCount} files of ${sizeBytes} bytes, ${rounds} rounds (${firstRounds} first)\n`,
  );
  console.log(
    table(
      ["median ms", "scan", "rsync", "scan ÷ rsync", "find"],
      [
        row("nothing changed (`rsync -an`)", again.scan, again.rsync, again.find),
        row("the first time, everything (`rsync -a`, `sync`)", first.scan, first.rsync),
      ],
    ),
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
