import packageJson from "../../package.json" with { type: "json" };
import type { Control } from "./control.ts";
import type { SegmentSummary } from "./segments/view.ts";
import { findSilentNodes } from "./silent-nodes.ts";
import type { SilentNode } from "./silent-nodes.ts";

/** How control and its sites are, and how many nodes have what is live. */
export interface Status {
  readonly version: string;
  readonly directory: string;
  readonly database: string;
  readonly linkPort: number;
  readonly nodes: {
    readonly enrolled: number;
    readonly connected: number;
    /** Those not heard of for a day. */
    readonly silent: readonly SilentNode[];
  };
  readonly segments: {
    readonly count: number;
    /** Those of which not everything is known: without a leader, or without word of it. */
    readonly troubled: readonly SegmentSummary[];
  };
  readonly sites: readonly SiteStatus[];
}

export interface SiteStatus {
  readonly site: string;
  readonly group: string;
  readonly staging: string;
  readonly liveVersion: number | undefined;
  readonly backupVersion: number | undefined;
  readonly lastVersion: number;
  readonly nodes: number;
  /** Nodes that have the live version live. */
  readonly current: number;
}

/** Reads the state of all of control. */
export async function readStatus(control: Control): Promise<Status> {
  const { catalog, hub, db, directory, database, linkPort } = control;
  const enrolled = await db.selectFrom("node").select("id").where("state", "=", "active").execute();
  const sites: SiteStatus[] = [];
  for (const { name, site, liveVersion, backupVersion, lastVersion } of await catalog.sites()) {
    const members = await catalog.members(site.group);
    const states = await hub.states(name);
    const isCurrent = (node: string) => liveVersion !== undefined && states.get(node)?.live?.version === liveVersion;
    const current = members.filter(({ id }) => isCurrent(id)).length;
    const { group, staging } = site;
    sites.push({ site: name, group, staging, liveVersion, backupVersion, lastVersion, nodes: members.length, current });
  }
  const silent = await findSilentNodes(db, hub, Date.now());
  const all = control.segments.summaries();
  const segments = { count: all.length, troubled: all.filter(isTroubled) };
  const nodes = { enrolled: enrolled.length, connected: hub.connectedNodes().length, silent };
  return { version: packageJson.version, directory, database, linkPort, nodes, segments, sites };
}

function isTroubled({ state }: SegmentSummary): boolean {
  return state === "no leader" || state === "no word" || state === "split";
}
