import type { JobView } from "distributary/sdk";
import type { Came } from "./spreading.ts";
import type { Schema } from "../store/schema.ts";

export type JobKind = "publish" | "replicate" | "switch" | "rollback" | "restore" | "remove" | "checkpoint";

/** What a job was asked to do beyond its kind and site. */
export interface JobParams {
  /** Publish: an empty staging directory may empty the site. */
  readonly allowEmpty?: boolean;
  /** Publish, restore: wait for "commit", or go live at once, whatever the policy says. */
  readonly commit?: "auto" | "manual";
  /** Replicate: the nodes to bring up to date, by id. */
  readonly nodes?: readonly string[];
  /** Switch and rollback: the version to go to. Restore: the version to bring back. */
  readonly version?: number;
  /** Checkpoint: what it is called. */
  readonly label?: string;
}

export type JobState = "queued" | "running" | "done" | "failed" | "cancelled" | "deferred";

/** What a job moved and how long it took, as far as it is known. */
export interface JobStats {
  readonly fileCount?: number;
  readonly sizeBytes?: number;
  readonly readBytes?: number;
  /** Of the new and changed files. */
  readonly contentBytes?: number;
  /** Command buffers and data, once for each node that gets them. */
  readonly travelBytes?: number;
  readonly summary?: {
    readonly added: number;
    readonly removed: number;
    readonly changed: number;
    readonly attributes: number;
    readonly unchanged: number;
  };
  readonly changedPaths?: readonly string[];
  readonly passedOver?: readonly string[];
  /** How its data came to the nodes. */
  readonly came?: Came;
  /** Between the first and the last node's word that it switched. */
  readonly switchSkewMs?: number;
}

export interface Job {
  readonly id: string;
  readonly kind: JobKind;
  readonly site: string;
  readonly params: JobParams;
  readonly state: JobState;
  readonly phase: string;
  readonly reason: string;
  readonly version: number | undefined;
  readonly stats: JobStats;
  readonly askedBy: string;
  readonly askedAt: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
}

export function toJob(row: Schema["job"]): Job {
  return {
    id: row.id,
    kind: row.kind as JobKind,
    site: row.site,
    params: JSON.parse(row.params_json) as JobParams,
    state: row.state as JobState,
    phase: row.phase,
    reason: row.reason,
    version: row.version ?? undefined,
    stats: JSON.parse(row.stats_json) as JobStats,
    askedBy: row.asked_by,
    askedAt: row.asked_at,
    startedAt: row.started_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
  };
}

/** How hooks see a job. */
export function viewOf(job: Job, group: string, nodes: readonly string[]): JobView {
  const { id, kind, site, version } = job;
  return { id, kind, site, group, nodes, ...(version === undefined ? {} : { version }) };
}
