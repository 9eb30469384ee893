import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, globSync, renameSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { writeFiles } from "../made-up-files.ts";
import { Deployment } from "./deployment.ts";

const fileCount = 100_000;

interface JobDetail {
  readonly state: string;
  readonly reason: string;
  readonly stats: { readonly summary?: object };
  readonly nodes: readonly object[];
  readonly assignments: readonly object[];
}

/** What differs between two directories: content, modes, times, names. Rsync says so, line by line. */
function differences(from: string, to: string): string {
  const options = ["--archive", "--omit-dir-times", "--checksum", "--delete", "--dry-run", "--itemize-changes"];
  return execFileSync("rsync", [...options, `${from}/`, `${to}/`], { encoding: "utf8" });
}

it("brings 100,000 files, sends nothing if none has changed, and then what has", async () => {
  // In memory: disks that are told of every file that goes take minutes to clean up.
  vi.stubEnv("TMPDIR", "/dev/shm");
  onTestFinished(() => void vi.unstubAllEnvs());
  const sites = { www: { group: "web" } };
  const deployment = await Deployment.create({ groups: { web: { nodes: ["a"] } }, sites });
  onTestFinished(() => deployment[Symbol.asyncDispose]());
  await deployment.startAll("a");
  const [staging, live] = [deployment.staging("www"), deployment.live("a", "www")];
  const publish = () => deployment.json<JobDetail>("publish", "www");

  writeFiles(staging, fileCount, 100);
  expect(await publish()).toMatchObject({ state: "done", stats: { summary: { added: fileCount + fileCount / 100 } } });
  expect(differences(staging, live)).toBe("");

  expect(await publish()).toMatchObject({ reason: "nothing has changed", nodes: [], assignments: [] });

  const [changed = [], gone = [], moved = [], modes = []] = [1, 2, 3, 4].map((digit) =>
    globSync(join(staging, `d*${digit}/file-*77.html`)),
  );
  for (const path of changed) appendFileSync(path, "changed");
  for (const path of gone) unlinkSync(path);
  for (const path of moved) renameSync(path, `${path}.moved`);
  for (const path of modes) chmodSync(path, 0o600);
  expect(await publish()).toMatchObject({
    state: "done",
    stats: {
      summary: {
        added: moved.length,
        removed: gone.length + moved.length,
        changed: changed.length,
        attributes: modes.length,
      },
    },
  });
  expect(differences(staging, live)).toBe("");
}, 300_000);
