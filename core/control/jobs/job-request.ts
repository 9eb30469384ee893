import type { Kysely } from "kysely";
import { failure } from "distributary/sdk";
import type { Catalog } from "../catalog.ts";
import type { Schema } from "../store/schema.ts";
import type { JobKind, JobParams } from "./job.ts";

/** A job as people ask for it: with names where `JobParams` has ids and versions. */
export interface JobRequest extends Omit<JobParams, "nodes"> {
  readonly kind: JobKind;
  readonly site: string;
  /** Restore: a checkpoint by id or label. */
  readonly checkpoint?: string;
  /** By id or name. */
  readonly nodes?: readonly string[];
}

/** Finds what the names in a request stand for. Throws DIST_ERR_CHECKPOINT_UNKNOWN or DIST_ERR_NODE_UNKNOWN. */
export async function readJobRequest(db: Kysely<Schema>, catalog: Catalog, request: JobRequest): Promise<JobParams> {
  const { kind: _, site, checkpoint, nodes, ...params } = request;
  return {
    ...params,
    ...(checkpoint === undefined ? {} : { version: await checkpointVersion(db, catalog, site, checkpoint) }),
    ...(nodes === undefined ? {} : { nodes: await nodeIds(db, nodes) }),
  };
}

async function checkpointVersion(db: Kysely<Schema>, catalog: Catalog, site: string, wanted: string): Promise<number> {
  await catalog.site(site);
  const rows = await db
    .selectFrom("checkpoint")
    .selectAll()
    .where("site", "=", site)
    .orderBy("created_at", "desc")
    .execute();
  const found = rows.find(({ id, label }) => id === wanted || label === wanted);
  if (found !== undefined) return found.version;
  const known = rows.map(({ label }) => label).join(", ") || "none";
  throw failure("DIST_ERR_CHECKPOINT_UNKNOWN", { site, checkpoint: wanted, known });
}

async function nodeIds(db: Kysely<Schema>, names: readonly string[]): Promise<string[]> {
  const rows = await db.selectFrom("node").select(["id", "name"]).where("state", "=", "active").execute();
  return names.map((wanted) => {
    const found = rows.find(({ id, name }) => id === wanted || name === wanted);
    if (found === undefined) throw failure("DIST_ERR_NODE_UNKNOWN", { node: wanted });
    return found.id;
  });
}
