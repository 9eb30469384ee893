/** What a `Switcher` runs. */
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { SiteOnDisk } from "../../core/agent/site-on-disk.ts";
import { writeTree } from "../tree.ts";
import { filesOf } from "./file-versions.ts";
import type { Switch, SwitcherOptions } from "./switcher.ts";

/** What many scripts do: what is live is moved out of the way, and what is to be live in its place. */
class DoubleRename {
  readonly #directory: string;
  #live = 0;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  prepare(version: number, files: Readonly<Record<string, string>>): void {
    writeTree(this.#at(version), files);
  }

  switchTo(version: number): void {
    const live = join(this.#directory, "live");
    if (this.#live !== 0) renameSync(live, this.#at(this.#live));
    renameSync(this.#at(version), live);
    this.#live = version;
  }

  collect(): void {}

  #at(version: number): string {
    return join(this.#directory, `${version}`);
  }
}

const { directory, updater, switchesPerVersion, graceMs } = workerData as SwitcherOptions;
const site = updater === "agent" ? new SiteOnDisk(directory, graceMs) : new DoubleRename(directory);
let isWanted = true;
parentPort?.once("message", () => (isWanted = false));

async function switchTo(version: number): Promise<void> {
  const began = process.hrtime.bigint();
  await site.switchTo(version);
  parentPort?.postMessage({ version, began, ended: process.hrtime.bigint() } satisfies Switch);
  site.collect();
  // Hears whether it is to stop.
  await setImmediate();
}

let before = 0;
for (let version = 1; isWanted; version += 1) {
  await site.prepare(version, filesOf(version));
  await switchTo(version);
  for (let count = 1; before !== 0 && count < switchesPerVersion && isWanted; count += 2) {
    await switchTo(before);
    await switchTo(version);
  }
  before = version;
}
