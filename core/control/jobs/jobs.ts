import { randomUUID } from "node:crypto";
import { DistributaryError, failure } from "distributary/sdk";
import type { JobEnd } from "distributary/sdk";
import { parseDuration } from "../../../config/units.ts";
import { describeError } from "./describe-error.ts";
import { JobRecord } from "./job-record.ts";
import { toJob, viewOf } from "./job.ts";
import type { Job, JobKind, JobParams } from "./job.ts";
import type { JobParts } from "./parts.ts";
import { runJob } from "./run-job.ts";
import type { RunningRollout } from "./run-rollout.ts";
import { dropOldVersions } from "./retention.ts";

interface Running {
  readonly record: JobRecord;
  rollout: RunningRollout | undefined;
  /** Said before there was a rollout to tell. */
  approved: boolean;
  aborted: string | undefined;
  /** It has its outcome, which only has to be written down. */
  isOver: boolean;
}

/**
 * The jobs of all sites. Jobs of one site run one after the other in the order they were asked for; those of different
 * sites at the same time. What was accepted is in the database before anybody hears of it, so that a restart loses none.
 */
export class Jobs {
  readonly #parts: JobParts;
  /** What runs for each site. */
  readonly #running = new Map<string, Running>();
  /** When a node that could not be brought up to date may be tried again, by node and site. */
  readonly #tryAgainAt = new Map<string, number>();
  readonly #work = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(parts: JobParts) {
    this.#parts = parts;
  }

  /** Goes on with what was running or waiting when control stopped, and looks after nodes from now on. */
  async start(): Promise<void> {
    await this.#parts.db.updateTable("job").set({ state: "queued" }).where("state", "=", "running").execute();
    this.#parts.hub.watch({
      connected: (node) => this.#background(this.#reconcile(node)),
      disconnected: () => {},
      answered: () => {},
    });
    this.#timer = setInterval(() => this.#background(this.#wakeDeferred()), 1_000);
    await this.#startNext();
  }

  /** Lets nothing new begin; what runs goes on after the next start. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    await Promise.race([Promise.allSettled(this.#work), this.#parts.clock.until(this.#parts.clock.now() + 1_000)]);
  }

  /** Accepts a job. Durable when it resolves; throws DIST_ERR_JOB_REFUSED if a plugin refuses, and what makes no sense at once. */
  async propose(kind: JobKind, siteName: string, params: JobParams, by: string): Promise<Job> {
    const site = await this.#parts.catalog.site(siteName);
    const members = await this.#parts.catalog.members(site.site.group);
    const row = {
      id: randomUUID(),
      kind,
      site: siteName,
      params_json: JSON.stringify(params),
      state: "queued",
      phase: "",
      reason: "",
      version: null,
      stats_json: "{}",
      asked_by: by,
      asked_at: Date.now(),
      started_at: null,
      ended_at: null,
      retry_at: null,
    };
    const view = viewOf(toJob(row), site.site.group, members.map(({ id }) => id));
    const refusal = await this.#parts.kernel().hooks.jobProposed.promise(view, AbortSignal.timeout(30_000));
    if (typeof refusal === "string") throw failure("DIST_ERR_JOB_REFUSED", { reason: refusal });
    await this.#parts.db.insertInto("job").values(row).execute();
    const job = toJob(row);
    this.#parts.events.emit({ type: "job", job: job.id, site: siteName, kind, state: "queued", phase: "", reason: "" });
    this.#background(this.#startNext());
    return job;
  }

  /** Says "commit" to the job of a site that holds a prepared version. Throws DIST_ERR_JOB_NOTHING_PREPARED if none does. */
  async approve(site: string): Promise<Job> {
    const running = this.#running.get(site);
    const mayCommit = running !== undefined && ["publish", "restore"].includes(running.record.job.kind);
    if (running === undefined || !mayCommit) {
      await this.#parts.catalog.site(site);
      throw failure("DIST_ERR_JOB_NOTHING_PREPARED", { site });
    }
    running.approved = true;
    running.rollout?.approve();
    return running.record.job;
  }

  /** Gives a job up. Throws DIST_ERR_JOB_UNKNOWN, or DIST_ERR_JOB_TOO_LATE once its commit was ordered or it ended. */
  async abort(id: string, by: string): Promise<void> {
    const reason = `aborted by ${by}`;
    const running = [...this.#running.values()].find(({ record }) => record.job.id === id);
    if (running?.isOver === true) throw failure("DIST_ERR_JOB_TOO_LATE", { job: id, phase: "ended" });
    if (running !== undefined) {
      running.rollout?.abort(reason);
      running.aborted = reason;
      return;
    }
    const record = await JobRecord.load(this.#parts, id);
    const { state } = record.job;
    if (state !== "queued" && state !== "deferred") throw failure("DIST_ERR_JOB_TOO_LATE", { job: id, phase: state });
    await record.change({ state: "cancelled", reason, ended_at: Date.now(), retry_at: null });
  }

  #background(work: Promise<void>): void {
    const logged = work.catch((error: unknown) => this.#parts.log.error({ error: describeError(error) }, "a job could not go on"));
    this.#work.add(logged);
    void logged.finally(() => this.#work.delete(logged));
  }

  /** Starts the oldest queued job of every site that runs none. */
  async #startNext(): Promise<void> {
    if (this.#stopping) return;
    const rows = await this.#parts.db.selectFrom("job").selectAll().where("state", "=", "queued").orderBy("asked_at").execute();
    for (const row of rows) {
      if (this.#running.has(row.site) || this.#stopping) continue;
      const running: Running = { record: new JobRecord(this.#parts, toJob(row)), rollout: undefined, approved: false, aborted: undefined, isOver: false };
      this.#running.set(row.site, running);
      this.#background(this.#run(row.site, running));
    }
  }

  async #run(site: string, running: Running): Promise<void> {
    const { record } = running;
    try {
      await record.change({ state: "running", reason: "", started_at: record.job.startedAt ?? Date.now() });
      const outcome = await runJob(this.#parts, record, (rollout) => {
        running.rollout = rollout;
        if (running.approved) rollout?.approve();
        if (running.aborted !== undefined) rollout?.abort(running.aborted);
      });
      running.isOver = true;
      await this.#whenStored(() => this.#end(record, outcome.state, outcome.reason));
    } catch (error) {
      running.isOver = true;
      if (this.#stopping) return;
      this.#parts.log.warn({ job: record.job.id, error: describeError(error) }, "job failed");
      const isRetryable = error instanceof DistributaryError && error.retryable;
      await this.#whenStored(() => this.#end(record, isRetryable ? "deferred" : "failed", describeError(error)));
    } finally {
      this.#running.delete(site);
    }
    await this.#startNext();
    for (const node of this.#parts.hub.connectedNodes()) await this.#reconcile(node);
  }

  /** A job does not end in silence because the database is away: it is tried again until that is back, or control stops. */
  async #whenStored(action: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#parts;
    while (!this.#stopping) {
      try {
        return await action();
      } catch (error) {
        if (!(error instanceof DistributaryError && error.retryable)) throw error;
        log.warn({ error: describeError(error) }, "the database is away, tried again in a second");
        await clock.until(clock.now() + 1_000);
      }
    }
  }

  async #end(record: JobRecord, state: "done" | "failed" | "cancelled" | "deferred", reason: string): Promise<void> {
    const { catalog, log } = this.#parts;
    const site = await catalog.site(record.job.site);
    const retry_at = state === "deferred" ? Date.now() + parseDuration(site.policy.retry) : null;
    const ended_at = state === "deferred" ? null : Date.now();
    await record.change({ state, reason, phase: "ended", ended_at, retry_at });
    log.info({ job: record.job.id, kind: record.job.kind, site: record.job.site, state, reason }, "job ended");
    if (record.job.kind === "replicate" && state !== "done") this.#pause(record.job, parseDuration(site.policy.retry));
    if (state === "deferred") return;
    await this.#tellPlugins(record.job, state, site.site.group);
    if (state === "done") await dropOldVersions(this.#parts, site);
  }

  async #tellPlugins(job: Job, state: JobEnd["state"], group: string): Promise<void> {
    const nodes = (await this.#parts.catalog.members(group)).map(({ id }) => id);
    const end: JobEnd = { job: viewOf(job, group, nodes), state, changedPaths: job.stats.changedPaths ?? [] };
    const { hooks } = this.#parts.kernel();
    const signal = AbortSignal.timeout(60_000);
    for (const hook of state === "done" ? [hooks.groupSwitched, hooks.jobEnded] : [hooks.jobEnded]) {
      await hook.promise(end, signal).catch((error: unknown) => this.#parts.log.error({ job: job.id, error: describeError(error) }, "a plugin failed"));
    }
  }

  async #wakeDeferred(): Promise<void> {
    if (this.#stopping) return;
    const due = await this.#parts.db
      .updateTable("job")
      .set({ state: "queued", retry_at: null })
      .where("state", "=", "deferred")
      .where("retry_at", "<=", Date.now())
      .returning("id")
      .execute();
    if (due.length > 0) await this.#startNext();
  }

  #pause(job: Job, ms: number): void {
    for (const node of job.params.nodes ?? []) this.#tryAgainAt.set(`${node} ${job.site}`, Date.now() + ms);
  }

  /** A node that has not got what is live on a site of its groups gets it, without anybody asking (CM-13). */
  async #reconcile(node: string): Promise<void> {
    if (this.#stopping || !this.#parts.hub.isConnected(node)) return;
    for (const site of await this.#parts.catalog.sites()) {
      if (site.liveVersion === undefined || (await this.#isBusy(site.name))) continue;
      if ((this.#tryAgainAt.get(`${node} ${site.name}`) ?? 0) > Date.now()) continue;
      const members = await this.#parts.catalog.members(site.site.group);
      if (!members.some(({ id }) => id === node)) continue;
      const state = (await this.#parts.hub.states(site.name)).get(node);
      const isCurrent = state?.live?.version === site.liveVersion && state.damage === undefined;
      if (!isCurrent) await this.propose("replicate", site.name, { nodes: [node] }, "control");
    }
  }

  async #isBusy(site: string): Promise<boolean> {
    if (this.#running.has(site)) return true;
    const waiting = await this.#parts.db.selectFrom("job").select("id").where("site", "=", site).where("state", "=", "queued").executeTakeFirst();
    return waiting !== undefined;
  }
}
