import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { loadConfig } from "../../config/load.ts";
import type { Fleet } from "../../core/cli/demo/fleet.ts";
import type { Job } from "../../core/control/jobs/job.ts";
import { machine, table } from "./measuring.ts";
import { makeSmallFiles } from "./small-files.ts";

/*
 * Memory (`VmRSS`) of control on the embedded database and of an agent, compiled as they are published: when they have
 * started, right after a publish, and at rest a while later.
 *
 *   node test/bench/memory.ts [files]
 */

const [files = 10_000] = process.argv.slice(2).map(Number);
/** The planning thread ends after a minute without work. */
const restMs = 80_000;
const root = join(import.meta.dirname, "../..");

const { status } = spawnSync(process.execPath, ["build.ts"], { cwd: root, stdio: "inherit" });
if (status !== 0) throw new Error("it could not be built");
const compiled = (await import(join(root, "dist/core/cli/demo/fleet.js"))) as { Fleet: typeof Fleet };

function memory(fleet: Fleet): string[] {
  return fleet.processIds().map((pid) => {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return (Number(line?.[1]) / 1024).toFixed(0);
  });
}

const { signal } = new AbortController();
const directory = mkdtempSync(join(tmpdir(), "distributary-bench-"));
try {
  const staging = join(directory, "staging");
  makeSmallFiles(staging, files);
  {
    // Making a database takes more than using it.
    await using first = new compiled.Fleet(directory, staging, [], false);
    await first.startControl(signal);
  }
  // The next one's stands there when it answers.
  rmSync(join(directory, "control", "address"));
  await using fleet = new compiled.Fleet(directory, staging, ["n1"], false);
  const client = await fleet.startControl(signal);
  const { groups, sites, policies } = loadConfig(fleet.config).config;
  await client.put("/v1/declaration", { groups, sites, policies });
  await fleet.startAgents(client, signal);
  const rows = [["started", ...memory(fleet)]];
  const job = await client.post<Job>("/v1/jobs", { kind: "publish", site: "demo" });
  for (let state = job.state; state !== "done";) {
    await pause(200);
    ({ state } = await client.get<Job>(`/v1/jobs/${job.id}`));
  }
  rows.push([`right after the publish of ${files} files`, ...memory(fleet)]);
  await pause(restMs);
  rows.push(["at rest", ...memory(fleet)], ["goal at rest", "350", "90"]);
  console.log(`${machine()}\n\n${table(["MiB", "control", "agent"], rows)}`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
