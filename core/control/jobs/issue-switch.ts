import { failure } from "distributary/sdk";
import { emptyTree } from "../../content/manifest.ts";
import type { Issued } from "../assignments.ts";
import type { CatalogSite } from "../catalog.ts";
import type { JobRecord } from "./job-record.ts";
import type { JobParts } from "./parts.ts";

/**
 * Issues what makes a version live on these nodes. Throws DIST_ERR_CONTENT_VERSION for one that control has not got.
 */
export async function issueSwitch(
  parts: JobParts,
  record: JobRecord,
  site: CatalogSite,
  type: "commit" | "rollback",
  version: number,
  nodes: readonly string[],
): Promise<Issued> {
  const { tree } = await parts.db
    .selectFrom("version")
    .select("tree")
    .where("site", "=", site.name)
    .where("number", "=", version)
    .executeTakeFirstOrThrow(() => failure("DIST_ERR_CONTENT_VERSION", { version }));
  return issue(parts, record, site, type, version, tree, nodes);
}

/** Issues what takes a site off these nodes. */
export function issueRemoval(
  parts: JobParts,
  record: JobRecord,
  site: CatalogSite,
  nodes: readonly string[],
): Promise<Issued> {
  return issue(parts, record, site, "remove", 0, emptyTree, nodes);
}

function issue(
  { assignments }: JobParts,
  record: JobRecord,
  { name, site, policy }: CatalogSite,
  type: "commit" | "rollback" | "remove",
  version: number,
  result: string,
  nodes: readonly string[],
): Promise<Issued> {
  const { interpreter, keepReleases } = policy;
  const audience = { group: site.group, nodes };
  return assignments.issue({
    job: record.job.id,
    section: [1, 1],
    baseVersion: undefined,
    header: { type, site: name, version, audience, result, interpreter, keepReleases, diskBytes: 0 },
    summary: {},
  });
}
