import { failure } from "distributary/sdk";
import { ceilingsOf, quorumOf } from "../../../config/policy.ts";
import { parseDuration } from "../../../config/units.ts";
import type { RolloutPolicy } from "../../protocol/rollout.ts";
import type { Issued } from "../assignments.ts";
import type { CatalogSite } from "../catalog.ts";
import { issueRemoval, issueSwitch } from "./issue-switch.ts";
import type { JobRecord } from "./job-record.ts";
import { viewOf } from "./job.ts";
import { copyVersion, scanVersion } from "./new-version.ts";
import type { JobParts } from "./parts.ts";
import { prepareUpdates } from "./prepare-update.ts";
import type { NodeUpdate } from "./prepare-update.ts";
import { RunningRollout } from "./run-rollout.ts";
import type { RolloutResult } from "./run-rollout.ts";

/** How a job ended, for its record. */
export interface JobOutcome {
  readonly state: "done" | "failed" | "cancelled" | "deferred";
  readonly reason: string;
}

const gatherMs = 5_000;
/** How long nodes may take to come back after control was started: they pause 7.5 s at most between two attempts. */
const returnMs = 10_000;
/** How long a node may go on preparing when enough others are prepared. */
const graceMs = 30_000;
const holdMs = 24 * 60 * 60 * 1000;

/**
 * Runs one job from wherever it stands: a job that was cut off goes on, with the version and the assignments it had.
 * `watch` gets the rollout while there is one, to approve or abort it.
 */
export async function runJob(
  parts: JobParts,
  record: JobRecord,
  watch: (rollout: RunningRollout | undefined) => void,
): Promise<JobOutcome> {
  const site = await parts.catalog.site(record.job.site);
  const run = new JobRun(parts, record, site, watch);
  switch (record.job.kind) {
    case "publish":
      return run.publish();
    case "restore":
      return run.restore();
    case "replicate":
      return run.replicate();
    case "switch":
    case "rollback":
      return run.switchTo();
    case "remove":
      return run.remove();
    case "checkpoint":
      return run.checkpoint();
  }
}

class JobRun {
  readonly #parts: JobParts;
  readonly #record: JobRecord;
  readonly #site: CatalogSite;
  readonly #watch: (rollout: RunningRollout | undefined) => void;

  constructor(
    parts: JobParts,
    record: JobRecord,
    site: CatalogSite,
    watch: (rollout: RunningRollout | undefined) => void,
  ) {
    this.#parts = parts;
    this.#record = record;
    this.#site = site;
    this.#watch = watch;
  }

  async publish(): Promise<JobOutcome> {
    const nodes = await this.#nodes();
    const version = this.#record.job.version ?? (await scanVersion(this.#parts, this.#record, this.#site));
    if (version === undefined) return { state: "done", reason: "nothing has changed" };
    return this.#bring(version, nodes);
  }

  async restore(): Promise<JobOutcome> {
    const nodes = await this.#nodes();
    const { job } = this.#record;
    const from = job.params.version;
    if (from === undefined) throw failure("DIST_ERR_JOB_NOTHING_LIVE", { site: this.#site.name, action: "restore" });
    const version = job.version ?? (await copyVersion(this.#parts, this.#record, this.#site, from));
    return this.#bring(version, nodes);
  }

  /** Brings nodes to the version that is live. Others keep serving it meanwhile, so the quorum is one. */
  async replicate(): Promise<JobOutcome> {
    const version = this.#live("replicate");
    await this.#record.change({ version });
    const members = await this.#nodes();
    const wanted = this.#record.job.params.nodes ?? members;
    const nodes = wanted.filter((node) => members.includes(node));
    if (nodes.length === 0) return { state: "cancelled", reason: "none of the nodes is in the group any more" };
    const updates = await prepareUpdates(this.#parts, this.#record, this.#site, nodes, version);
    return this.#rollOut(nodes, { quorum: 1, belowQuorum: "cancel", commit: "auto" }, updates, (members) =>
      issueSwitch(this.#parts, this.#record, this.#site, "commit", version, members),
    );
  }

  /** To a version that the nodes still have, without sending content. */
  async switchTo(): Promise<JobOutcome> {
    const { job } = this.#record;
    const nodes = await this.#nodes();
    // Once it was ordered, the backup is what was live before.
    const ordered = await this.#ordered();
    const version = job.params.version ?? ordered?.version ?? this.#site.backupVersion;
    if (version === undefined)
      throw failure("DIST_ERR_JOB_NOTHING_LIVE", { site: this.#site.name, action: "go back to" });
    await this.#record.change({ version });
    const type = job.kind === "rollback" ? "rollback" : "commit";
    return this.#rollOut(nodes, {}, undefined, (members) =>
      issueSwitch(this.#parts, this.#record, this.#site, type, version, members),
    );
  }

  async remove(): Promise<JobOutcome> {
    const { nodes } = this.#record.job.params;
    // It was meant for nodes that still have what nobody wants any more.
    if (nodes !== undefined && this.#site.liveVersion !== undefined)
      return { state: "cancelled", reason: "the site is live" };
    const overrides = nodes === undefined ? {} : { quorum: 1, belowQuorum: "cancel" as const };
    return this.#rollOut(nodes ?? (await this.#nodes()), overrides, undefined, (members) =>
      issueRemoval(this.#parts, this.#record, this.#site, members),
    );
  }

  async checkpoint(): Promise<JobOutcome> {
    const { db } = this.#parts;
    const { job } = this.#record;
    const version = this.#live("keep");
    const label = job.params.label ?? `version ${version}`;
    const row = { id: job.id, site: this.#site.name, version, label, created_by: job.askedBy, created_at: Date.now() };
    await db
      .insertInto("checkpoint")
      .values(row)
      .onConflict((conflict) => conflict.column("id").doNothing())
      .execute();
    await this.#record.change({ version });
    const kept = await db
      .selectFrom("checkpoint")
      .select("id")
      .where("site", "=", this.#site.name)
      .orderBy("created_at", "desc")
      .execute();
    const excess = kept.slice(this.#site.policy.keepCheckpoints).map(({ id }) => id);
    if (excess.length > 0) await db.deleteFrom("checkpoint").where("id", "in", excess).execute();
    await this.#dropSnapshots();
    return { state: "done", reason: `version ${version} is kept as '${label}'` };
  }

  /** Snapshots are kept since the last checkpoint. The newest stays: the next assignment names it. */
  async #dropSnapshots(): Promise<void> {
    const { db } = this.#parts;
    const { name, lastSerial } = this.#site;
    await db.deleteFrom("assignment").where("site", "=", name).where("serial", "<", lastSerial).execute();
  }

  async #bring(version: number, nodes: readonly string[]): Promise<JobOutcome> {
    const updates = await prepareUpdates(this.#parts, this.#record, this.#site, nodes, version);
    const { commit } = this.#record.job.params;
    return this.#rollOut(nodes, commit === undefined ? {} : { commit }, updates, (members) =>
      issueSwitch(this.#parts, this.#record, this.#site, "commit", version, members),
    );
  }

  /** What makes the job's version live, if it was issued before control stopped. */
  async #ordered(): Promise<Issued | undefined> {
    const issued = await this.#parts.assignments.ofJob(this.#record.job.id);
    return issued.find(({ type }) => type !== "update");
  }

  /** Rolls out, or goes on with a commit that was issued before control stopped: that one may be anywhere. */
  async #rollOut(
    nodes: readonly string[],
    overrides: Partial<RolloutPolicy>,
    updates: ReadonlyMap<string, NodeUpdate> | undefined,
    issue: (nodes: readonly string[]) => Promise<Issued>,
  ): Promise<JobOutcome> {
    const { policy, site } = this.#site;
    const ordered = await this.#ordered();
    if (ordered !== undefined) await this.#setLive(ordered);
    const rollout = new RunningRollout(this.#parts, {
      record: this.#record,
      view: viewOf(this.#record.job, site.group, nodes),
      nodes: ordered?.nodes ?? nodes,
      policy: {
        quorum: quorumOf(policy, nodes.length),
        belowQuorum: policy.belowQuorum,
        commit: policy.commit,
        gatherMs: Math.max(gatherMs, this.#parts.startedAt + returnMs - this.#parts.clock.now()),
        prepareMs: parseDuration(policy.prepareTimeout),
        graceMs,
        holdMs,
        switchMs: parseDuration(policy.commitTimeout),
        ...overrides,
      },
      ...(updates === undefined ? {} : { updates }),
      ...(ordered === undefined ? {} : { ordered }),
      transport: policy.transport,
      spreading: {
        segmentTransport: policy.segmentTransport,
        ceilings: ceilingsOf(policy),
        quorumShare: quorumOf(policy, nodes.length) / Math.max(1, nodes.length),
      },
      order: async (members) => {
        const issued = await issue(members);
        await this.#setLive(issued);
        return issued;
      },
    });
    this.#watch(rollout);
    try {
      return await this.#finish(await rollout.run());
    } finally {
      this.#watch(undefined);
    }
  }

  async #finish(result: RolloutResult): Promise<JobOutcome> {
    const { switchedAt, came } = result;
    const switchSkewMs = Math.max(...switchedAt) - Math.min(...switchedAt);
    await this.#record.addStats({ came, ...(switchedAt.length > 0 ? { switchSkewMs } : {}) });
    return { state: result.state, reason: result.reason };
  }

  /**
   * From the moment a commit is ordered, its version is what the site is: nodes that miss it are brought to it later.
   */
  async #setLive({ type, version: ordered }: Issued): Promise<void> {
    const { job } = this.#record;
    if (job.kind === "replicate" || job.params.nodes !== undefined) return;
    const { db, events } = this.#parts;
    const version = type === "remove" ? null : ordered;
    const { name, liveVersion } = this.#site;
    const backup_version =
      (liveVersion ?? null) === version ? (this.#site.backupVersion ?? null) : (liveVersion ?? null);
    await db.updateTable("site").set({ live_version: version, backup_version }).where("name", "=", name).execute();
    events.emit({ type: "site", site: name, liveVersion: version });
  }

  #live(action: string): number {
    const { name, liveVersion } = this.#site;
    if (liveVersion === undefined) throw failure("DIST_ERR_JOB_NOTHING_LIVE", { site: name, action });
    return liveVersion;
  }

  async #nodes(): Promise<string[]> {
    const { name, site, policy } = this.#site;
    const members = await this.#parts.catalog.members(site.group);
    if (members.length === 0) throw failure("DIST_ERR_JOB_NO_NODES", { group: site.group, site: name });
    const priority = this.#parts.kernel().registries.priorities.get(policy.priority);
    const ranked = members.map((member) => ({ id: member.id, rank: priority.of(member) }));
    return ranked.sort((a, b) => b.rank - a.rank).map(({ id }) => id);
  }
}
