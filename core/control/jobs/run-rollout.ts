import { DistributaryError, drive, failure } from "distributary/sdk";
import type { JobView } from "distributary/sdk";
import { Rollout } from "../../protocol/rollout.ts";
import type { RolloutEffect, RolloutEnd, RolloutEvent, RolloutPolicy } from "../../protocol/rollout.ts";
import type { Issued } from "../assignments.ts";
import type { AssignmentNotice } from "../../protocol/messages.ts";
import type { Answer } from "../node-hub.ts";
import { describeError } from "./describe-error.ts";
import type { JobRecord, NodeNote } from "./job-record.ts";
import type { JobParts } from "./parts.ts";
import type { NodeUpdate } from "./prepare-update.ts";
import { Spreading } from "./spreading.ts";
import type { Came, SpreadingOptions } from "./spreading.ts";

export interface RolloutOrder {
  readonly record: JobRecord;
  readonly view: JobView;
  readonly nodes: readonly string[];
  readonly policy: RolloutPolicy;
  /** Absent for jobs that need no preparing. */
  readonly updates?: ReadonlyMap<string, NodeUpdate>;
  readonly transport: string;
  /** How what nodes need reaches those of a segment. */
  readonly spreading: Omit<SpreadingOptions, "job" | "group" | "transport">;
  /** What switches these nodes, if it was issued before control stopped: it is only sent once more. */
  readonly ordered?: Issued;
  /** Makes the assignment that switches these nodes, durably. Called at most once. */
  order(nodes: readonly string[]): Promise<Issued>;
}

export interface RolloutResult {
  readonly state: RolloutEnd;
  readonly reason: string;
  readonly switchedAt: readonly number[];
  readonly came: Came;
}

/** One job's rollout at work: the machine, the nodes' stream and the database. */
export class RunningRollout {
  readonly #parts: JobParts;
  readonly #order: RolloutOrder;
  readonly #machine: Rollout;
  readonly #end = Promise.withResolvers<RolloutResult>();
  readonly #stop = new AbortController();
  readonly #driven: { send(event: RolloutEvent): void };
  readonly #switchedAt: number[] = [];
  readonly #spreading: Spreading;
  #commit: AssignmentNotice | undefined;
  /** Effects are performed one after the other, each when the one before is durable. */
  #performed: Promise<void> = Promise.resolve();
  #noted: Promise<void> = Promise.resolve();
  readonly #notes: NodeNote[] = [];

  constructor(parts: JobParts, order: RolloutOrder) {
    this.#parts = parts;
    this.#order = order;
    const { nodes, policy, updates, ordered } = order;
    this.#machine = new Rollout(nodes, policy, updates !== undefined, ordered !== undefined);
    const { transport, spreading, view } = order;
    this.#spreading = new Spreading(parts, { ...spreading, transport, job: view.id, group: view.group });
    if (ordered !== undefined) this.#commit = parts.assignments.notice(ordered, [transport]);
    this.#driven = drive(this.#machine, (effect) => this.#enqueue(effect), parts.clock, this.#stop.signal);
  }

  /** Resolves when the job has ended, one way or another. */
  async run(): Promise<RolloutResult> {
    const mine = new Set(this.#order.nodes);
    using _ = this.#parts.hub.watch({
      connected: (node) => mine.has(node) && this.#send({ type: "connected", node }),
      disconnected: (node) => mine.has(node) && this.#send({ type: "disconnected", node }),
      // A leader may hand on what is not for itself.
      answered: (node, answer) => (mine.has(node) || answer.type === "spread") && this.#answered(node, answer),
    });
    const connected = this.#order.nodes.filter((node) => this.#parts.hub.isConnected(node));
    const { stopping } = this.#parts;
    const stop = () => this.#end.reject(stopping.reason);
    stopping.addEventListener("abort", stop, { once: true });
    this.#send({ type: "start", connected });
    try {
      return await this.#end.promise;
    } finally {
      stopping.removeEventListener("abort", stop);
      this.#spreading.end();
      this.#stop.abort();
    }
  }

  approve(): void {
    this.#send({ type: "approved" });
  }

  /** Throws DIST_ERR_JOB_TOO_LATE once a commit was ordered. */
  abort(reason: string): void {
    const { phase } = this.#machine;
    if (phase === "ordering" || phase === "switching" || phase === "ended") {
      throw failure("DIST_ERR_JOB_TOO_LATE", { job: this.#order.record.job.id, phase });
    }
    this.#send({ type: "aborted", reason });
  }

  /** Gives it up unless its commit was ordered. */
  abortIfEarly(reason: string): void {
    this.#send({ type: "aborted", reason });
  }

  #send(event: RolloutEvent): void {
    this.#driven.send(event);
  }

  #answered(node: string, answer: Answer): void {
    if (answer.job !== this.#order.record.job.id) return;
    switch (answer.type) {
      case "room":
        if (answer.able) this.#send({ type: "able", node });
        else this.#send({ type: "failed", node, reason: answer.reason ?? "it has no room" });
        break;
      case "prepared":
        this.#spreading.settled(node, answer.came);
        this.#send({ type: "prepared", node });
        break;
      case "switched":
        this.#switchedAt.push(performance.now());
        this.#send({ type: "switched", node });
        break;
      case "spread":
        this.#spreading.spread(node, answer);
        break;
      case "failed":
        this.#spreading.settled(node);
        this.#send({ type: "failed", node, reason: `${answer.code}: ${answer.reason}` });
        break;
      case "progress": {
        const { doneBytes: done, totalBytes: total } = answer;
        this.#parts.events.emit({ type: "progress", job: answer.job, what: "transfer", node, done, total });
        break;
      }
    }
  }

  /** What fails ends it, and nothing behind it is performed: no commit is made that was not recorded. */
  #enqueue(effect: RolloutEffect): void {
    this.#performed = this.#performed.then(() => this.#perform(effect));
    this.#performed.catch((error: unknown) => this.#end.reject(error));
  }

  async #perform(effect: RolloutEffect): Promise<void> {
    const { record, updates } = this.#order;
    const job = record.job.id;
    switch (effect.type) {
      case "record":
        await record.change({ phase: effect.phase });
        if (effect.phase === "holding" || effect.phase === "ordering") await this.#tellPrepared();
        break;
      case "note":
        this.#note(effect);
        if (effect.stage === "switched" || effect.stage === "failed")
          this.#tellSwitched(effect.node, effect.stage, effect.reason);
        break;
      case "ask": {
        const { diskBytes, entryCount } = updates?.get(effect.node) ?? { diskBytes: 0, entryCount: 0 };
        this.#parts.hub.send(effect.node, { type: "ask", job, site: record.job.site, diskBytes, entryCount });
        break;
      }
      case "prepare":
        this.#spreading.prepare(effect.node, updates?.get(effect.node)?.sections ?? []);
        break;
      case "order":
        await this.#makeCommit(effect.nodes);
        break;
      case "switch":
        // Draining one node must not hold up the others.
        void this.#switch(effect.node);
        break;
      case "end":
        await this.#noted;
        this.#forgetUnused(effect.state);
        const { came } = this.#spreading;
        this.#end.resolve({ state: effect.state, reason: effect.reason, switchedAt: this.#switchedAt, came });
        break;
    }
  }

  /** Notes are for people: those that come while others are written wait and go together, and only the end waits. */
  #note(note: NodeNote): void {
    this.#notes.push(note);
    this.#noted = this.#noted.then(async () => {
      const notes = this.#notes.splice(0);
      if (notes.length > 0) await this.#order.record.note(notes);
    });
    this.#noted.catch((error: unknown) => this.#end.reject(error));
  }

  async #tellPrepared(): Promise<void> {
    await this.#parts
      .kernel()
      .hooks.jobPrepared.promise(this.#order.view, this.#stop.signal)
      .catch((error: unknown) => {
        this.#parts.log.error({ job: this.#order.view.id, error: String(error) }, "a plugin failed");
      });
  }

  async #makeCommit(nodes: readonly string[]): Promise<void> {
    try {
      this.#commit = this.#parts.assignments.notice(await this.#order.order(nodes), [this.#order.transport]);
    } catch (error) {
      if (error instanceof DistributaryError && error.retryable) throw error;
      return this.#send({ type: "refused", reason: describeError(error) });
    }
    this.#send({ type: "ordered" });
  }

  async #switch(node: string): Promise<void> {
    const view = { job: this.#order.view, node };
    try {
      const refusal = await this.#parts.kernel().hooks.beforeSwitch.promise(view, this.#stop.signal);
      if (typeof refusal === "string") return this.#send({ type: "failed", node, reason: refusal });
    } catch (error) {
      return this.#send({ type: "failed", node, reason: (error as Error).message });
    }
    if (this.#commit !== undefined)
      this.#parts.hub.send(node, { type: "switch", job: view.job.id, assignment: this.#commit });
  }

  #tellSwitched(node: string, stage: "switched" | "failed", reason: string | undefined): void {
    if (this.#commit === undefined) return;
    const outcome = { job: this.#order.view, node, outcome: stage, ...(reason === undefined ? {} : { reason }) };
    this.#parts
      .kernel()
      .hooks.afterSwitch.promise(outcome, AbortSignal.timeout(60_000))
      .catch((error: unknown) => {
        this.#parts.log.error({ node, error: String(error) }, "a plugin failed");
      });
  }

  /** What was prepared for nothing is not to lie about on the nodes. */
  #forgetUnused(state: RolloutEnd): void {
    if (state === "done" || this.#order.updates === undefined || this.#commit !== undefined) return;
    const { id: job, site } = this.#order.record.job;
    for (const [node, { sections }] of this.#order.updates) {
      const serial = sections[0]?.serial;
      if (serial !== undefined) this.#parts.hub.send(node, { type: "forget", job, site, serial });
    }
  }
}
