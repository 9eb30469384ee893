import type { CatalogSite } from "../catalog.ts";
import type { JobParts } from "./parts.ts";

/**
 * Drops the oldest versions of a site beyond those its policy keeps, and what only they needed. Never one that is live
 * or backup, that a checkpoint pins, or that a node has: deltas start from those.
 */
export async function dropOldVersions(parts: JobParts, { name, policy }: CatalogSite): Promise<void> {
  const { db, hub, catalog } = parts;
  const rows = await db
    .selectFrom("version")
    .select(["number", "tree"])
    .where("site", "=", name)
    .orderBy("number", "desc")
    .execute();
  if (rows.length <= policy.keepVersions) return;
  const { liveVersion, backupVersion } = await catalog.site(name);
  const checkpoints = await db.selectFrom("checkpoint").select("version").where("site", "=", name).execute();
  const states = [...(await hub.states(name)).values()];
  const pinned = new Set([liveVersion, backupVersion, ...checkpoints.map(({ version }) => version)]);
  const trees = new Set(states.flatMap(({ live, backup, prepared }) => [live?.tree, backup?.tree, prepared?.tree]));
  const dropped = rows.slice(policy.keepVersions).filter(({ number, tree }) => !pinned.has(number) && !trees.has(tree));
  if (dropped.length === 0) return;
  const numbers = dropped.map(({ number }) => number);
  await db.deleteFrom("version").where("site", "=", name).where("number", "in", numbers).execute();
  // Also those that were dropped before, but not deleted because control was stopped.
  const kept = rows.filter((row) => !dropped.includes(row)).map(({ number }) => number);
  const freed = await parts.planner().collect(name, kept);
  parts.log.info({ site: name, versions: numbers, freed }, "old versions dropped");
}
