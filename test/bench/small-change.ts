import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../config/load.ts";
import type { Client } from "../../core/cli/client.ts";
import { Fleet } from "../../core/cli/demo/fleet.ts";
import { followJob } from "../../core/cli/follow-job.ts";
import { processTerminal } from "../../core/cli/terminal/terminal.ts";
import type { Job } from "../../core/control/jobs/job.ts";

/*
 * One changed file of a site of 10,000, live on nine nodes of this host: `publish`, from the request to the last node's
 * word that it switched, in turns with nine `rsync -a --delete`, one after the other.
 *
 *   node test/bench/small-change.ts [files] [nodes] [rounds]
 */

const [files = 10_000, nodeCount = 9, rounds = 7] = process.argv.slice(2).map(Number);
const silent = { ...processTerminal(), write() {}, writeError() {}, isInteractive: false, columns: 80, rows: 24 };

const directory = mkdtempSync(join(tmpdir(), "distributary-bench-"));
const staging = join(directory, "staging");
const names = Array.from({ length: nodeCount }, (_, index) => `n${index + 1}`);

function makeSite(): void {
  for (let index = 0; index < files; index += 1) {
    const folder = join(staging, `d${Math.floor(index / 100)}`);
    if (index % 100 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `f${index}.html`), `<p>${index}</p>\n`.repeat(1 + (index % 200)));
  }
}

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

function rsyncAll(): void {
  for (const name of names) {
    const target = join(directory, "rsync", name);
    mkdirSync(target, { recursive: true });
    execFileSync("rsync", ["-a", "--delete", `${staging}/`, `${target}/`]);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function timed(work: () => unknown): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

try {
  makeSite();
  const { signal } = new AbortController();
  await using fleet = new Fleet(directory, staging, names, false);
  const client = await fleet.startControl(signal);
  const { groups, sites, policies } = loadConfig(fleet.config).config;
  await client.put("/v1/declaration", { groups, sites, policies });
  await fleet.startAgents(client, signal);
  const first = await timed(() => publish(client, signal));
  const firstRsync = await timed(rsyncAll);
  const [ours, theirs, skews]: [number[], number[], number[]] = [[], [], []];
  for (let round = 1; round <= rounds; round += 1) {
    change(round);
    ours.push(await timed(async () => skews.push((await publish(client, signal)).stats.switchSkewMs ?? 0)));
    theirs.push(await timed(rsyncAll));
  }
  const ms = (value: number) => value.toFixed(0);
  console.log(
    `${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}, ` +
      `${files} files, ${nodeCount} nodes, ${rounds} rounds\n`,
  );
  console.log("| | publish | nine rsyncs | publish ÷ rsync |\n| --- | --: | --: | --: |");
  console.log(`| first, everything, ms | ${ms(first)} | ${ms(firstRsync)} | ${(first / firstRsync).toFixed(2)} |`);
  console.log(
    `| one changed file, median ms | ${ms(median(ours))} | ${ms(median(theirs))} | ` +
      `${(median(ours) / median(theirs)).toFixed(2)} |`,
  );
  console.log(
    `| first to last node switched, median and worst ms | ` +
      `${median(skews).toFixed(1)}, ${Math.max(...skews).toFixed(1)} | not at once | |`,
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
