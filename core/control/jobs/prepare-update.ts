import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { removeTree } from "distributary/sdk";
import type { PlanView } from "distributary/sdk";
import type { SiteState } from "../../protocol/messages.ts";
import type { RolloutPhase } from "../../protocol/rollout.ts";
import type { Issued, Proposal } from "../assignments.ts";
import type { CatalogSite } from "../catalog.ts";
import type { JobRecord } from "./job-record.ts";
import { viewOf } from "./job.ts";
import type { JobParts } from "./parts.ts";
import type { BuildResult } from "./plan.ts";

/** The update that one node gets. */
export interface NodeUpdate {
  readonly sections: readonly Issued[];
  readonly diskBytes: number;
  readonly entryCount: number;
}

/** Phases of a job of which all updates were issued. */
const phasesUnderWay: readonly string[] = [
  "gathering",
  "preparing",
  "holding",
  "ordering",
  "switching",
] satisfies RolloutPhase[];

/**
 * Builds and issues the updates that bring each node from what it has to `version`: one for all nodes that have the
 * same base. If the job's updates were issued before (control was restarted meanwhile), those are used.
 */
export async function prepareUpdates(
  parts: JobParts,
  record: JobRecord,
  site: CatalogSite,
  nodes: readonly string[],
  version: number,
): Promise<Map<string, NodeUpdate>> {
  const before = (await parts.assignments.ofJob(record.job.id)).filter(
    ({ id, type }) => type === "update" && parts.assignments.isKept(id),
  );
  // In an earlier phase some may be missing, and a job that was deferred finds other bases.
  if (!phasesUnderWay.includes(record.job.phase)) for (const { id } of before.splice(0)) parts.assignments.discard(id);
  if (before.length > 0) return byNode(nodes, before, () => ({ diskBytes: 0, entryCount: 0 }));
  const states = await parts.hub.states(site.name);
  const known = await knownVersions(parts, site.name);
  const groups = Map.groupBy(nodes, (node) => baseFor(states.get(node), known));
  const updates = new Map<string, NodeUpdate>();
  let [contentBytes, travelBytes] = [0, 0];
  for (const [baseVersion, members] of groups) {
    const directory = join(parts.directory, "building", randomUUID());
    try {
      const request = { site: site.name, policy: site.policy, baseVersion, targetVersion: version, directory };
      const build = await parts.planner().build(request, (what, done, total) => {
        parts.events.emit({ type: "progress", job: record.job.id, what, done, total });
      });
      const issued = await issue(parts, record, site, members, version, baseVersion, build);
      const needs = {
        diskBytes: Math.max(0, ...build.sections.map(({ content }) => content.diskBytes)),
        entryCount: build.entryCount,
      };
      for (const [node, update] of byNode(members, issued, () => needs)) updates.set(node, update);
      contentBytes = Math.max(contentBytes, build.contentBytes);
      travelBytes += members.length * issued.reduce((sum, { sizeBytes, dataBytes }) => sum + sizeBytes + dataBytes, 0);
      const { summary, changedPaths } = build;
      await record.addStats({ summary, changedPaths: changedPaths.slice(0, 1_000) });
    } finally {
      removeTree(parts.disk, directory);
    }
  }
  await record.addStats({ contentBytes, travelBytes });
  return updates;
}

async function issue(
  parts: JobParts,
  record: JobRecord,
  { name, site, policy }: CatalogSite,
  nodes: readonly string[],
  version: number,
  baseVersion: number | undefined,
  build: BuildResult,
): Promise<Issued[]> {
  const plan: PlanView = { job: viewOf(record.job, site.group, nodes), extensions: [] };
  const signal = AbortSignal.timeout(60_000);
  const { extensions } = (await parts.kernel().hooks.jobPlanned.promise(plan, signal)) as PlanView;
  const count = build.sections.length;
  const proposals = build.sections.map((draft, index): Proposal => ({
    job: record.job.id,
    section: [index + 1, count],
    baseVersion,
    header: {
      type: "update",
      site: name,
      version,
      audience: { group: site.group, nodes },
      ...(build.base === undefined ? {} : { base: build.base }),
      result: build.result,
      interpreter: policy.interpreter,
      keepReleases: policy.keepReleases,
      diskBytes: draft.content.diskBytes,
    },
    content: draft.content,
    commands: index === count - 1 ? [...draft.commands, ...extensions] : draft.commands,
    dataFile: draft.dataFile,
    ...(draft.key === undefined ? {} : { key: draft.key }),
    summary: build.summary,
  }));
  return parts.assignments.issueAll(proposals);
}

function byNode(
  nodes: readonly string[],
  issued: readonly Issued[],
  needs: () => { diskBytes: number; entryCount: number },
): Map<string, NodeUpdate> {
  return new Map(
    nodes.map((node) => [node, { sections: issued.filter((each) => each.nodes.includes(node)), ...needs() }]),
  );
}

/** Versions whose manifest control still has, by tree. */
async function knownVersions({ db }: JobParts, site: string): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom("version")
    .select(["number", "tree"])
    .where("site", "=", site)
    .orderBy("number")
    .execute();
  return new Map(rows.map(({ number, tree }) => [tree, number]));
}

/** A node that has nothing, something damaged, or something control does not know any more gets everything. */
function baseFor(state: SiteState | undefined, known: ReadonlyMap<string, number>): number | undefined {
  if (state?.live === undefined || state.damage !== undefined) return undefined;
  return known.get(state.live.tree);
}
