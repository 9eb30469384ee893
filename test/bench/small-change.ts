import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../config/load.ts";
import type { Client } from "../../core/cli/client.ts";
import { Fleet } from "../../core/cli/demo/fleet.ts";
import { followJob } from "../../core/cli/follow-job.ts";
import { processTerminal } from "../../core/cli/terminal/terminal.ts";
import type { Job } from "../../core/control/jobs/job.ts";
import { format, machine, median, table, timed } from "./measuring.ts";
import { makeSmallFiles } from "./small-files.ts";

/*
 * One changed file of a site of 10,000, live on nine nodes of this host: `publish`, from the request to the last node's
 * word that it switched, in turns with nine `rsync -a --delete`, one after the other.
 *
 *   node test/bench/small-change.ts [files] [nodes] [rounds]
 */

const [files = 10_000, nodeCount = 9, rounds = 15] = process.argv.slice(2).map(Number);
/** Until a release is old enough to be made into the next one. */
const coldRounds = 5;
/** Linux counts hundredths of a second. */
const tickMs = 10;
const silent = { ...processTerminal(), write() {}, writeError() {}, isInteractive: false, columns: 80, rows: 24 };

const directory = mkdtempSync(join(tmpdir(), "distributary-bench-"));
const staging = join(directory, "staging");
const names = Array.from({ length: nodeCount }, (_, index) => `n${index + 1}`);

function change(round: number): void {
  writeFileSync(join(staging, "d7", "f700.html"), `<h1>round ${round}</h1>\n`.repeat(50));
}

async function publish(client: Client, signal: AbortSignal): Promise<Job> {
  const job = await followJob(
    client,
    () => client.post<Job>("/v1/jobs", { kind: "publish", site: "demo" }),
    silent,
    signal,
  );
  if (job.state !== "done") throw new Error(`${job.state}: ${job.reason}`);
  return job;
}

/** User and system time of all agents so far; control's process is the first. */
function agentsCpuMs(fleet: Fleet): number {
  const ticks = fleet
    .processIds()
    .slice(1)
    .map((pid) => readFileSync(`/proc/${pid}/stat`, "utf8").split(" "));
  return ticks.reduce((sum, fields) => sum + (Number(fields[13]) + Number(fields[14])) * tickMs, 0);
}

function rsyncAll(): void {
  for (const name of names) {
    const target = join(directory, "rsync", name);
    mkdirSync(target, { recursive: true });
    execFileSync("rsync", ["-a", "--delete", `${staging}/`, `${target}/`]);
  }
}

try {
  makeSmallFiles(staging, files);
  const { signal } = new AbortController();
  await using fleet = new Fleet(directory, staging, names, false);
  const client = await fleet.startControl(signal);
  const { groups, sites, policies } = loadConfig(fleet.config).config;
  await client.put("/v1/declaration", { groups, sites, policies });
  await fleet.startAgents(client, signal);
  const first = await timed(() => publish(client, signal));
  const firstRsync = await timed(rsyncAll);
  const [ours, theirs, skews]: [number[], number[], number[]] = [[], [], []];
  let cpuMs = 0;
  for (let round = 0; round < coldRounds + rounds; round += 1) {
    if (round === coldRounds) cpuMs = -agentsCpuMs(fleet);
    change(round);
    ours.push(await timed(async () => skews.push((await publish(client, signal)).stats.switchSkewMs ?? 0)));
    theirs.push(await timed(rsyncAll));
  }
  cpuMs += agentsCpuMs(fleet);
  const row = (title: string, publish: number, rsync: number) => {
    return [title, format(publish), format(rsync), format(publish / rsync, 2)];
  };
  const warm = (values: readonly number[]) => values.slice(coldRounds);
  const cold = (values: readonly number[]) => median(values.slice(0, coldRounds));
  console.log(`${machine("rsync")}, ${files} files, ${nodeCount} nodes, ${rounds} rounds\n`);
  console.log(
    table(
      ["ms", "publish", `${nodeCount} × rsync`, "publish ÷ rsync"],
      [
        row("first, everything", first, firstRsync),
        row(`one changed file, the first ${coldRounds} times, median`, cold(ours), cold(theirs)),
        row("one changed file from then on, median", median(warm(ours)), median(warm(theirs))),
        row("one changed file from then on, worst", Math.max(...warm(ours)), Math.max(...warm(theirs))),
        ["of it CPU of one agent, mean", format(cpuMs / rounds / nodeCount), "", ""],
        ["first to last node switched, median", format(median(skews), 1), "not at once", ""],
        ["first to last node switched, worst", format(Math.max(...skews), 1), "not at once", ""],
      ],
    ),
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
