import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { BenchFleet } from "./bench-fleet.ts";
import type { MeasuredJob } from "./bench-fleet.ts";
import { noise, noiseChunks, writeFile } from "../made-up-files.ts";
import { format, machine, table, timed } from "./measuring.ts";

/*
 * One file that no compressor makes smaller, published by control to an agent on this host; then again after a small
 * change. Beside it the memory of both while that went on, which must not depend on the size, and `rsync -a` of the
 * same file with `sync`.
 *
 *   node test/bench/large.ts [MiB small] [MiB large]
 */

const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1024, 6144];
const sampleMs = 100;

interface Watched extends MeasuredJob {
  readonly ms: number;
  readonly control: readonly number[];
  readonly agent: readonly number[];
}

/** Publishes, looking at the memory of both processes all the time. */
async function publish(fleet: BenchFleet): Promise<Watched> {
  const [control, agent]: [number[], number[]] = [[], []];
  const timer = setInterval(() => {
    const memory = fleet.memory("VmRSS");
    control.push(memory.control);
    agent.push(memory.agent);
  }, sampleMs);
  try {
    const startedAt = performance.now();
    const job = await fleet.publish("large");
    return { ...job, ms: performance.now() - startedAt, control, agent };
  } finally {
    clearInterval(timer);
  }
}

/** Overwrites 1 KiB in every 64 MiB. */
function change(path: string, sizeBytes: number): void {
  const file = openSync(path, "r+");
  const bytes = noise("change");
  for (let at = 1_000_000; at < sizeBytes; at += 64 << 20) writeSync(file, bytes(1024), 0, 1024, at);
  closeSync(file);
}

function rsync(directory: string, ...options: readonly string[]): Promise<number> {
  const copy = join(directory, "copy");
  return timed(() => {
    execFileSync("rsync", ["-a", ...options, `${join(directory, "staging")}/`, `${copy}/`]);
    execFileSync("sync", ["-f", copy]);
  });
}

/** The memory at a tenth, two tenths, … of the time. */
function course(samples: readonly number[]): string {
  const tenths = Array.from({ length: 9 }, (_, index) => samples[Math.floor(((index + 1) * samples.length) / 10)] ?? 0);
  return tenths.map((value) => format(value)).join(" ");
}

const speeds: string[][] = [];
const memories: string[][] = [];
for (const mebibytes of sizes) {
  const sizeBytes = mebibytes * 2 ** 20;
  await using fleet = await BenchFleet.start(Math.ceil((mebibytes * 10) / 1024) + 2, (directory) => {
    const staging = join(directory, "staging");
    mkdirSync(staging);
    writeFile(join(staging, "disk.img"), noiseChunks("large", sizeBytes));
    return { large: staging };
  });
  const { directory } = fleet;
  for (const [what, options] of [
    ["first", []],
    ["1 KiB in every 64 MiB overwritten", ["--no-whole-file"]],
  ] as const) {
    if (what !== "first") change(join(directory, "staging", "disk.img"), sizeBytes);
    const ours = await publish(fleet);
    console.log(ours.phaseMs, ours.job.stats);
    const theirs = await rsync(directory, ...options);
    const rate = (ms: number) => format(sizeBytes / 1e3 / ms);
    speeds.push([
      `${format(mebibytes)} MiB, ${what}`,
      format(ours.ms / 1e3, 1),
      rate(ours.ms),
      format(theirs / 1e3, 1),
      rate(theirs),
    ]);
    for (const role of ["control", "agent"] as const)
      memories.push([
        `${format(mebibytes)} MiB, ${what}: ${role}`,
        course(ours[role]),
        format(Math.max(...ours[role])),
      ]);
  }
  rmSync(join(directory, "copy"), { recursive: true });
}
console.log(`${machine("rsync")}\n`);
console.log(table(["", "publish, s", "MB/s", "`rsync` and `sync`, s", "MB/s"], speeds));
console.log(`\n${table(["resident memory, MiB", "at each tenth of the time", "at most"], memories)}`);
