import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { hashFile } from "../../core/agent/verify.ts";
import { realDisk } from "../../core/runtime/disk.ts";
import { noiseChunks, writeFile } from "../made-up-files.ts";
import { Deployment } from "./deployment.ts";
import type { Program } from "./program.ts";

const mebibyte = 2 ** 20;
const fileBytes = 1024 * mebibyte;
/** What a process may take beyond what it takes at rest. */
const mostBytes = fileBytes / 4;

/** What Linux says of a process's memory: `VmRSS` now, `VmHWM` at most since the last `forgetPeak`. */
function memoryOf({ pid }: Program, field: "VmRSS" | "VmHWM"): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1]) * 1024;
}

function forgetPeak({ pid }: Program): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Overwrites 1 KiB in every 64 MiB. */
function change(path: string): void {
  const file = openSync(path, "r+");
  for (let at = 1_000_000; at < fileBytes; at += 64 * mebibyte) writeSync(file, Buffer.alloc(1024, "new"), 0, 1024, at);
  closeSync(file);
}

it("brings a file of 1 GiB, and a small change in it, in memory that does not depend on its size", async () => {
  const deployment = await Deployment.create({
    plugins: [{ use: "rsync", options: { windowMiB: 16 } }],
    groups: { web: { nodes: ["a"] } },
    sites: { www: { group: "web" } },
  });
  onTestFinished(() => deployment[Symbol.asyncDispose]());
  const staged = join(deployment.staging("www"), "disk.img");
  writeFile(staged, noiseChunks("large", fileBytes));
  const control = await deployment.startControl();
  await deployment.run("apply", "--file", deployment.config);
  const programs = { control, agent: await deployment.startAgent("a") };
  const atRest = { control: memoryOf(control, "VmRSS"), agent: memoryOf(programs.agent, "VmRSS") };
  for (const program of Object.values(programs)) forgetPeak(program);

  const publish = async () => {
    const job = await deployment.json<{ state: string; stats: { travelBytes: number } }>("publish", "www");
    expect(job.state).toBe("done");
    expect(hashOf(join(deployment.live("a", "www"), "disk.img"))).toBe(hashOf(staged));
    for (const role of ["control", "agent"] as const)
      expect(memoryOf(programs[role], "VmHWM") - atRest[role], role).toBeLessThan(mostBytes);
    return job.stats.travelBytes;
  };
  expect(await publish()).toBeGreaterThan(fileBytes);
  change(staged);
  expect(await publish()).toBeLessThan(mebibyte);
}, 300_000);

function hashOf(path: string): string {
  return hashFile(realDisk, path);
}
