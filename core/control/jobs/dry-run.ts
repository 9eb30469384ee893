import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { removeTree } from "distributary/sdk";
import type { Disk } from "distributary/sdk";
import type { CatalogSite } from "../catalog.ts";
import type { ScanResult } from "./plan.ts";
import type { Planner } from "./planner.ts";

/** What a publish would find and send to a node that has what is live. */
export interface DryRun extends ScanResult {
  readonly contentBytes: number;
  readonly travelBytes: number;
}

/** The version that holds what was found; it is overwritten every time. */
const scratchVersion = 0;

/** Scans and builds as a publish would, and keeps nothing of it. */
export async function dryRun(planner: Planner, disk: Disk, dataDirectory: string, site: CatalogSite): Promise<DryRun> {
  const { name, policy, liveVersion } = site;
  const job = randomUUID();
  const request = {
    job,
    site: name,
    config: site.site,
    policy,
    liveVersion,
    allowEmpty: true,
    version: scratchVersion,
  };
  const found = await planner.scan(request, () => {});
  if (!found.isChanged) return { ...found, contentBytes: 0, travelBytes: 0 };
  const directory = join(dataDirectory, "building", job);
  try {
    const plan = { site: name, policy, baseVersion: liveVersion, targetVersion: scratchVersion, directory };
    const build = await planner.build(plan, () => {});
    const travelBytes = build.sections.reduce((sum, { content }) => sum + content.data.sizeBytes, 0);
    return { ...found, contentBytes: build.contentBytes, travelBytes };
  } finally {
    removeTree(disk, directory);
  }
}
