import type { CatalogSite } from "../catalog.ts";
import type { JobRecord } from "./job-record.ts";
import type { JobParts } from "./parts.ts";
import type { ScanResult } from "./plan.ts";

/**
 * Scans a site's staging directory into a new version; resolves with its number, or undefined if nothing has changed.
 */
export async function scanVersion(
  parts: JobParts,
  record: JobRecord,
  catalogSite: CatalogSite,
): Promise<number | undefined> {
  const { name, site, policy, liveVersion, lastVersion } = catalogSite;
  const { id, params } = record.job;
  const version = lastVersion + 1;
  await record.change({ phase: "scanning" });
  const request = {
    job: id,
    site: name,
    config: site,
    policy,
    liveVersion,
    allowEmpty: params.allowEmpty === true,
    version,
  };
  const found = await parts.planner().scan(request, (what, done, total) => {
    parts.events.emit({ type: "progress", job: id, what, done, total });
  });
  const { fileCount, sizeBytes, readBytes, summary } = found;
  const [changedPaths, passedOver] = [found.changedPaths.slice(0, 1_000), found.passedOver.slice(0, 100)];
  await record.addStats({ fileCount, sizeBytes, readBytes, summary, changedPaths, passedOver });
  if (!found.isChanged) return undefined;
  await addVersion(parts, record, name, version, found);
  return version;
}

/** Makes a new version with the content of an earlier one; resolves with its number. */
export async function copyVersion(
  parts: JobParts,
  record: JobRecord,
  site: CatalogSite,
  from: number,
): Promise<number> {
  const version = site.lastVersion + 1;
  const found = await parts.planner().copy(site.name, from, version);
  await addVersion(parts, record, site.name, version, found);
  return version;
}

/** The version's row, the site's counter and the job's version change together. */
async function addVersion(
  parts: JobParts,
  record: JobRecord,
  site: string,
  number: number,
  found: ScanResult,
): Promise<void> {
  const { id } = record.job;
  await parts.db.transaction().execute(async (transaction) => {
    const row = {
      site,
      number,
      tree: found.tree,
      entry_count: found.entryCount,
      file_count: found.fileCount,
      size_bytes: found.sizeBytes,
      job: id,
      created_at: Date.now(),
    };
    await transaction.insertInto("version").values(row).execute();
    await transaction.updateTable("site").set({ last_version: number }).where("name", "=", site).execute();
    await transaction.updateTable("job").set({ version: number }).where("id", "=", id).execute();
  });
  await record.change({ version: number, phase: "building" });
}
