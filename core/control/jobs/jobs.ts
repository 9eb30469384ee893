import { randomUUID } from "node:crypto";
import { DistributaryError, failure } from "distributary/sdk";
import type { JobEnd } from "distributary/sdk";
import { parseDuration } from "../../../config/units.ts";
import type { CatalogSite } from "../catalog.ts";
import { restSoon } from "../../runtime/memory.ts";
import { describeError } from "./describe-error.ts";
import { JobRecord } from "./job-record.ts";
import { toJob, viewOf } from "./job.ts";
import type { Job, JobKind, JobParams } from "./job.ts";
import type { JobParts } from "./parts.ts";
import { Reconciler } from "./reconcile.ts";
import { runJob } from "./run-job.ts";
import type { RunningRollout } from "./run-rollout.ts";
import { dropOldVersions } from "./retention.ts";

/** Who asks for jobs that nobody asked for. */
const automatic = "control";

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
 * sites at the same time. What was accepted is in the database before anybody hears of it, so that a restart loses
 * none.
 */
export class Jobs {
  readonly #parts: JobParts;
  /** What runs for each site. */
  readonly #running = new Map<string, Running>();
  readonly #reconciler: Reconciler;
  readonly #work = new Set<Promise<void>>();
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(parts: JobParts) {
    this.#parts = parts;
    this.#reconciler = new Reconciler(parts, {
      isBusy: (site) => this.#isBusy(site),
      propose: (kind, site, params) => this.propose(kind, site, params, automatic),
    });
  }

  get #stopping(): boolean {
    return this.#parts.stopping.aborted;
  }

  /** Goes on with what was running or waiting when control stopped, and looks after nodes from now on. */
  async start(): Promise<void> {
    await this.#parts.db.updateTable("job").set({ state: "queued" }).where("state", "=", "running").execute();
    this.#parts.hub.watch({ connected: () => this.#background(this.#reconciler.look()), disconnected: () => {} });
    this.#timers.push(setInterval(() => this.#background(this.#wakeDeferred()), 1_000));
    this.#timers.push(setInterval(() => this.#background(this.#reconciler.look()), 5_000));
    await this.#startNext();
  }

  /** Lets nothing new begin; what runs goes on after the next start. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.race([Promise.allSettled(this.#work), this.#parts.clock.until(this.#parts.clock.now() + 1_000)]);
  }

  /**
   * Accepts a job. Durable when it resolves; throws DIST_ERR_JOB_REFUSED if a plugin refuses, and what makes no sense
   * at once.
   */
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
    const view = viewOf(
      toJob(row),
      site.site.group,
      members.map(({ id }) => id),
    );
    const refusal = await this.#parts.kernel().hooks.jobProposed.promise(view, AbortSignal.timeout(30_000));
    if (typeof refusal === "string") throw failure("DIST_ERR_JOB_REFUSED", { reason: refusal });
    await this.#parts.db.insertInto("job").values(row).execute();
    const job = toJob(row);
    this.#parts.log.info({ job: job.id, kind, site: siteName, by }, "job asked for");
    this.#parts.events.emit({ type: "job", job: job.id, site: siteName, kind, state: "queued", phase: "", reason: "" });
    if (by !== automatic) this.#makeWay(siteName);
    this.#background(this.#startNext());
    return job;
  }

  /** What nobody asked for waits for what somebody asked for: nodes get what they miss by that, or later. */
  #makeWay(site: string): void {
    const running = this.#running.get(site);
    if (running?.record.job.kind !== "replicate" || running.record.job.askedBy !== automatic || running.isOver) return;
    running.aborted = "made way for a job that was asked for";
    running.rollout?.abortIfEarly(running.aborted);
  }

  /**
   * Says "commit" to the job of a site that holds a prepared version. Throws DIST_ERR_JOB_NOTHING_PREPARED if none
   * does.
   */
  async approve(site: string): Promise<Job> {
    const running = this.#running.get(site);
    const mayCommit = running !== undefined && ["publish", "restore"].includes(running.record.job.kind);
    if (running === undefined || !mayCommit) {
      await this.#parts.catalog.site(site);
      throw failure("DIST_ERR_JOB_NOTHING_PREPARED", { site });
    }
    const params = JSON.stringify({ ...running.record.job.params, commit: "auto" });
    await running.record.change({ params_json: params });
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
    const cancelled = { state: "cancelled", reason, ended_at: Date.now(), retry_at: null };
    if (!(await record.changeIf(["queued", "deferred"], cancelled))) {
      throw failure("DIST_ERR_JOB_TOO_LATE", { job: id, phase: record.job.state });
    }
  }

  #background(work: Promise<void>): void {
    const logged = work.catch((error: unknown) =>
      this.#parts.log.error({ error: describeError(error) }, "a job could not go on"),
    );
    this.#work.add(logged);
    void logged.finally(() => this.#work.delete(logged));
  }

  /** Starts the oldest queued job of every site that runs none. */
  async #startNext(): Promise<void> {
    if (this.#stopping) return;
    const rows = await this.#parts.db
      .selectFrom("job")
      .selectAll()
      .where("state", "=", "queued")
      .orderBy("asked_at")
      .execute();
    for (const row of rows) {
      if (this.#running.has(row.site) || this.#stopping) continue;
      const running: Running = {
        record: new JobRecord(this.#parts, toJob(row)),
        rollout: undefined,
        approved: false,
        aborted: undefined,
        isOver: false,
      };
      this.#running.set(row.site, running);
      this.#background(this.#run(row.site, running));
    }
  }

  async #run(site: string, running: Running): Promise<void> {
    const { record } = running;
    try {
      const start = { state: "running", reason: "", started_at: record.job.startedAt ?? Date.now() };
      if (!(await record.changeIf(["queued"], start))) return;
      const outcome = await runJob(this.#parts, record, (rollout) => {
        running.rollout = rollout;
        if (running.approved) rollout?.approve();
        if (running.aborted !== undefined) rollout?.abort(running.aborted);
      });
      running.isOver = true;
      await this.#end(record, outcome.state, outcome.reason);
    } catch (error) {
      running.isOver = true;
      if (this.#stopping) return;
      this.#parts.log.warn({ job: record.job.id, error: describeError(error) }, "job failed");
      const isRetryable = error instanceof DistributaryError && error.retryable;
      await this.#end(record, isRetryable ? "deferred" : "failed", describeError(error));
    } finally {
      this.#running.delete(site);
      restSoon();
    }
    await this.#startNext();
    await this.#reconciler.look();
  }

  /** No job ends in silence because the database is away: it is tried again until that is back, or control stops. */
  async #whenStored<Value>(action: () => Promise<Value>): Promise<Value> {
    const { clock, log, stopping } = this.#parts;
    for (;;) {
      try {
        return await action();
      } catch (error) {
        if (!(error instanceof DistributaryError && error.retryable)) throw error;
        log.warn({ error: describeError(error) }, "the database is away, tried again in a second");
        await clock.until(clock.now() + 1_000, stopping);
      }
    }
  }

  async #end(record: JobRecord, state: "done" | "failed" | "cancelled" | "deferred", reason: string): Promise<void> {
    const { job } = record;
    const site = await this.#whenStored(async () => {
      const found = await this.#parts.catalog.site(job.site);
      const retry_at = state === "deferred" ? Date.now() + parseDuration(found.policy.retry) : null;
      await record.change({
        state,
        reason,
        phase: "ended",
        ended_at: state === "deferred" ? null : Date.now(),
        retry_at,
      });
      return found;
    });
    this.#parts.log.info({ job: job.id, kind: job.kind, site: job.site, state, reason }, "job ended");
    if (job.askedBy === automatic && state !== "done") {
      this.#reconciler.pause(job.site, job.params.nodes ?? [], parseDuration(site.policy.retry));
    }
    if (state !== "deferred") await this.#cleanUp(record.job, state, site);
  }

  /** What follows a job's end changes nothing about how it ended. */
  async #cleanUp(job: Job, state: JobEnd["state"], site: CatalogSite): Promise<void> {
    await this.#tellPlugins(job, state, site.site.group);
    try {
      await this.#parts.assignments.discardFiles(job.id);
      if (state === "done") await dropOldVersions(this.#parts, site);
    } catch (error) {
      this.#parts.log.error(
        { job: job.id, error: describeError(error) },
        "what is not needed any more could not be deleted",
      );
    }
  }

  async #tellPlugins(job: Job, state: JobEnd["state"], group: string): Promise<void> {
    const nodes = (await this.#parts.catalog.members(group)).map(({ id }) => id);
    const end: JobEnd = { job: viewOf(job, group, nodes), state, changedPaths: job.stats.changedPaths ?? [] };
    const { hooks } = this.#parts.kernel();
    const signal = AbortSignal.timeout(60_000);
    const hasSwitched = job.stats.switchSkewMs !== undefined;
    for (const hook of hasSwitched ? [hooks.groupSwitched, hooks.jobEnded] : [hooks.jobEnded]) {
      await hook
        .promise(end, signal)
        .catch((error: unknown) =>
          this.#parts.log.error({ job: job.id, error: describeError(error) }, "a plugin failed"),
        );
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

  async #isBusy(site: string): Promise<boolean> {
    if (this.#running.has(site)) return true;
    const waiting = await this.#parts.db
      .selectFrom("job")
      .select("id")
      .where("site", "=", site)
      .where("state", "=", "queued")
      .executeTakeFirst();
    return waiting !== undefined;
  }
}
