import { failure } from "distributary/sdk";
import { quorumOf } from "../../../config/policy.ts";
import { parseDuration } from "../../../config/units.ts";
import { emptyTree } from "../../content/manifest.ts";
import type { RolloutPolicy } from "../../protocol/rollout.ts";
import type { Issued } from "../assignments.ts";
import type { CatalogSite } from "../catalog.ts";
import type { JobRecord } from "./job-record.ts";
import { viewOf } from "./job.ts";
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

  constructor(parts: JobParts, record: JobRecord, site: CatalogSite, watch: (rollout: RunningRollout | undefined) => void) {
    this.#parts = parts;
    this.#record = record;
    this.#site = site;
    this.#watch = watch;
  }

  async publish(): Promise<JobOutcome> {
    const nodes = await this.#nodes();
    const version = this.#record.job.version ?? (await this.#scan());
    if (version === undefined) return { state: "done", reason: "nothing has changed" };
    return this.#bring(version, nodes);
  }

  async restore(): Promise<JobOutcome> {
    const nodes = await this.#nodes();
    const { job } = this.#record;
    const from = job.params.version;
    if (from === undefined) throw failure("DIST_ERR_JOB_NOTHING_LIVE", { site: this.#site.name, action: "restore" });
    const version = job.version ?? (await this.#copy(from));
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
    const result = await this.#rollOut(nodes, { quorum: 1, belowQuorum: "cancel", commit: "auto" }, updates, (members) =>
      this.#issueSwitch("commit", version, members),
    );
    return result;
  }

  /** To a version that the nodes still have, without sending content. */
  async switchTo(): Promise<JobOutcome> {
    const { job } = this.#record;
    const nodes = await this.#nodes();
    const version = job.params.version ?? this.#site.backupVersion;
    if (version === undefined) throw failure("DIST_ERR_JOB_NOTHING_LIVE", { site: this.#site.name, action: "go back to" });
    await this.#record.change({ version });
    return this.#rollOut(nodes, {}, undefined, async (members) => {
      const issued = await this.#issueSwitch(job.kind === "rollback" ? "rollback" : "commit", version, members);
      await this.#setLive(version);
      return issued;
    });
  }

  async remove(): Promise<JobOutcome> {
    const nodes = await this.#nodes();
    return this.#rollOut(nodes, {}, undefined, async (members) => {
      const issued = await this.#issue("remove", 0, emptyTree, members);
      await this.#setLive(null);
      return issued;
    });
  }

  async checkpoint(): Promise<JobOutcome> {
    const { db } = this.#parts;
    const { job } = this.#record;
    const version = this.#live("keep");
    const label = job.params.label ?? `version ${version}`;
    const row = { id: job.id, site: this.#site.name, version, label, created_by: job.askedBy, created_at: Date.now() };
    await db.insertInto("checkpoint").values(row).onConflict((conflict) => conflict.column("id").doNothing()).execute();
    await this.#record.change({ version });
    const kept = await db.selectFrom("checkpoint").select("id").where("site", "=", this.#site.name).orderBy("created_at", "desc").execute();
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
    return this.#rollOut(nodes, commit === undefined ? {} : { commit }, updates, async (members) => {
      const issued = await this.#issueSwitch("commit", version, members);
      await this.#setLive(version);
      return issued;
    });
  }

  async #rollOut(
    nodes: readonly string[],
    overrides: Partial<RolloutPolicy>,
    updates: ReadonlyMap<string, NodeUpdate> | undefined,
    order: (nodes: readonly string[]) => Promise<Issued>,
  ): Promise<JobOutcome> {
    const { policy, site } = this.#site;
    const ordered = (await this.#parts.assignments.ofJob(this.#record.job.id)).find(({ type }) => type !== "update");
    const rollout = new RunningRollout(this.#parts, {
      record: this.#record,
      view: viewOf(this.#record.job, site.group, nodes),
      nodes: ordered?.nodes ?? nodes,
      policy: {
        quorum: ordered === undefined ? quorumOf(policy, nodes.length) : 1,
        belowQuorum: policy.belowQuorum,
        commit: policy.commit,
        gatherMs,
        prepareMs: parseDuration(policy.prepareTimeout),
        holdMs,
        switchMs: parseDuration(policy.commitTimeout),
        ...overrides,
      },
      // A commit that was ordered before control stopped may be anywhere: it is only sent once more.
      ...(updates === undefined || ordered !== undefined ? {} : { updates }),
      transports: [policy.transport],
      order: (members) => (ordered === undefined ? order(members) : Promise.resolve(ordered)),
    });
    this.#watch(rollout);
    try {
      return await this.#finish(await rollout.run());
    } finally {
      this.#watch(undefined);
    }
  }

  async #finish(result: RolloutResult): Promise<JobOutcome> {
    const { switchedAt } = result;
    if (switchedAt.length > 0) await this.#record.addStats({ switchSkewMs: Math.max(...switchedAt) - Math.min(...switchedAt) });
    await this.#parts.assignments.discardFiles(this.#record.job.id);
    return { state: result.state, reason: result.reason };
  }

  async #scan(): Promise<number | undefined> {
    const { db, events } = this.#parts;
    const { job } = this.#record;
    const version = this.#site.lastVersion + 1;
    const { name, site, policy, liveVersion } = this.#site;
    await this.#record.change({ phase: "scanning" });
    const request = { job: job.id, site: name, config: site, policy, liveVersion, allowEmpty: job.params.allowEmpty === true, version };
    const found = await this.#parts.planner().scan(request, (what, done, total) => {
      events.emit({ type: "progress", job: job.id, what, done, total });
    });
    const { fileCount, sizeBytes, readBytes, summary, changedPaths, passedOver } = found;
    await this.#record.addStats({ fileCount, sizeBytes, readBytes, summary, changedPaths: changedPaths.slice(0, 1_000), passedOver: passedOver.slice(0, 100) });
    if (!found.isChanged) return undefined;
    await this.#addVersion(db, version, found);
    return version;
  }

  async #copy(from: number): Promise<number> {
    const version = this.#site.lastVersion + 1;
    const found = await this.#parts.planner().copy(this.#site.name, from, version);
    await this.#addVersion(this.#parts.db, version, found);
    return version;
  }

  /** The version's row, the site's counter and the job's version change together. */
  async #addVersion(
    db: JobParts["db"],
    number: number,
    { tree, entryCount, fileCount, sizeBytes }: { tree: string; entryCount: number; fileCount: number; sizeBytes: number },
  ): Promise<void> {
    const { name } = this.#site;
    const { id } = this.#record.job;
    await db.transaction().execute(async (transaction) => {
      const row = { site: name, number, tree, entry_count: entryCount, file_count: fileCount, size_bytes: sizeBytes, job: id, created_at: Date.now() };
      await transaction.insertInto("version").values(row).execute();
      await transaction.updateTable("site").set({ last_version: number }).where("name", "=", name).execute();
      await transaction.updateTable("job").set({ version: number }).where("id", "=", id).execute();
    });
    await this.#record.change({ version: number, phase: "building" });
  }

  async #issueSwitch(type: "commit" | "rollback", version: number, nodes: readonly string[]): Promise<Issued> {
    const { tree } = await this.#parts.db
      .selectFrom("version")
      .select("tree")
      .where("site", "=", this.#site.name)
      .where("number", "=", version)
      .executeTakeFirstOrThrow(() => failure("DIST_ERR_CONTENT_VERSION", { version }));
    return this.#issue(type, version, tree, nodes);
  }

  #issue(type: "commit" | "rollback" | "remove", version: number, result: string, nodes: readonly string[]): Promise<Issued> {
    const { name, site, policy } = this.#site;
    return this.#parts.assignments.issue({
      job: this.#record.job.id,
      section: [1, 1],
      baseVersion: undefined,
      header: { type, site: name, version, audience: { group: site.group, nodes }, result, interpreter: policy.interpreter, keepReleases: policy.keepReleases, diskBytes: 0 },
      summary: {},
    });
  }

  /** From the moment a commit is ordered, its version is what the site is: nodes that miss it are brought to it later. */
  async #setLive(version: number | null): Promise<void> {
    const { db, events } = this.#parts;
    const { name, liveVersion } = this.#site;
    const backup_version = liveVersion === version ? (this.#site.backupVersion ?? null) : (liveVersion ?? null);
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
