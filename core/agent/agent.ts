import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { failure } from "distributary/sdk";
import type { Intake, Io, Log, Peer } from "distributary/sdk";
import type { Assignment } from "../assignment/assignment.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { AssignmentNotice, FromControl, FromNode, SiteState } from "../protocol/messages.ts";
import type { Endpoint } from "../protocol/segment/messages.ts";
import { restSoon } from "../runtime/memory.ts";
import { checkAssignment, checkChain, checkTogether } from "./accept.ts";
import type { SitePermission } from "./accept.ts";
import { AssignmentSource } from "./delivery/assignment-source.ts";
import { readSections } from "./carry-out.ts";
import { ControlStream } from "./control-stream.ts";
import { answerRoom } from "./room.ts";
import { Sites } from "./sites.ts";
import { Deliveries, cameBy } from "./delivery/deliveries.ts";
import { hello } from "./hello.ts";
import type { SegmentMembership } from "./segment/membership.ts";

export interface AgentOptions {
  readonly node: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly segment?: string;
  readonly location?: string;
  readonly control: Peer;
  /** Where other nodes reach this one, if they can. */
  readonly serves?: Endpoint;
  /** Where the spool and the list of sites are. */
  readonly directory: string;
  /** Checks control's signature. */
  readonly signingKey: KeyObject;
  readonly kernel: Kernel;
  readonly log: Log;
  permissionFor(site: string): SitePermission & { readonly keepReleases: number };
  /** Tells whoever serves a site that it moved. */
  afterSwitch(site: string, release: string, signal: AbortSignal): Promise<void>;
}

type PrepareOrder = Extract<FromControl, { type: "prepare" }>;

/** What control does with a site at the moment. */
interface CurrentJob {
  readonly job: string;
  /** Aborted when control has gone on to another one. */
  readonly stop: AbortController;
}

const givenUp = new Error("control has given this job up");

/**
 * A node's part: follows the orders on control's stream, one after the other for each site, and reports what came of
 * them. Control sends an order again when the node comes back; nothing is done twice.
 */
export class Agent {
  readonly #io: Io;
  readonly #options: AgentOptions;
  readonly #deliveries: Deliveries;
  readonly #source: AssignmentSource;
  readonly #sites: Sites;
  /** The last order of each site, to queue behind. */
  readonly #queues = new Map<string, Promise<void>>();
  readonly #current = new Map<string, CurrentJob>();
  readonly #bootId: string;
  #stream: ControlStream | undefined;

  constructor(io: Io, options: AgentOptions) {
    this.#io = io;
    this.#options = options;
    this.#source = new AssignmentSource(io, options.control, options.signingKey);
    const { control, directory, kernel, log } = options;
    const report = (message: FromNode) => void this.report(message);
    this.#deliveries = new Deliveries(io, { control, directory, kernel, log, source: this.#source, report });
    this.#sites = new Sites(io, { ...options, directory: join(options.directory, "sites") });
    this.#bootId = Buffer.from(io.random.bytes(16)).toString("hex");
  }

  /** What transports of its segment bring to this node. */
  get intake(): Intake {
    return this.#deliveries.arrivals;
  }

  /** Recovers every site that is here, then keeps to control's stream until the signal. `segment` takes its orders. */
  async run(signal: AbortSignal, segment?: SegmentMembership): Promise<void> {
    for (const site of this.#sites.known()) this.#recover(site, signal);
    using _open = this.#deliveries.open(() => segment?.place);
    try {
      this.#stream = new ControlStream(this.#io, this.#options.control, this.#options.log);
      const greet = () => hello(this.#io, this.#options, this.#bootId, this.states());
      const take = (order: FromControl) => segment?.take(order) === true || this.#take(order, signal);
      const taps = { greet, opened: () => segment?.connected(), take };
      await this.#stream.run(taps, signal);
    } finally {
      await Promise.allSettled(this.#queues.values());
    }
  }

  /** One site that cannot be recovered is left as it is, and does not stop the others. */
  #recover(site: string, signal: AbortSignal): void {
    try {
      this.#sites.open(site);
      this.#serveSoon(site, signal, 0);
    } catch (error) {
      this.#options.log.error({ site, error: describe(error) }, "the site could not be recovered and is left alone");
    }
  }

  /** While whoever serves a site was not told that it moved, that is tried again, at least every five minutes. */
  #serveSoon(site: string, signal: AbortSignal, pauseMs: number): void {
    const releases = this.#sites.find(site);
    if (releases?.isUnserved !== true || signal.aborted) return;
    const { clock } = this.#io;
    const due = clock.until(clock.now() + pauseMs, signal).then(
      () => this.#enqueue(site, "", () => releases.serveAgain(signal)),
      () => undefined,
    );
    void due.then(() => this.#queues.get(site)).then(() => this.#serveSoon(site, signal, nextPause(pauseMs)));
  }

  /** The state of every site here, for `hello` and for tests. */
  states(): SiteState[] {
    return this.#sites.opened().map(({ state }) => state);
  }

  #take(message: FromControl, signal: AbortSignal): void {
    switch (message.type) {
      case "ask":
        this.#currentOf(message.site, message.job);
        this.#enqueue(message.site, message.job, async () => {
          const makeRoom = () => this.#sites.find(message.site)?.dropSpare();
          return answerRoom(this.#io.disk, message, this.#options.permissionFor(message.site), makeRoom);
        });
        break;
      case "prepare": {
        const site = message.sections[0]?.site;
        if (site === undefined) break;
        const { stop } = this.#currentOf(site, message.job);
        this.#enqueue(site, message.job, () => this.#prepare(site, message, signal, stop.signal));
        break;
      }
      case "switch":
        this.#currentOf(message.assignment.site, message.job);
        this.#enqueue(message.assignment.site, message.job, () =>
          this.#switch(message.job, message.assignment, signal),
        );
        // Behind the report, which control and the other nodes wait for.
        this.#enqueue(message.assignment.site, "", async () => this.#sites.find(message.assignment.site)?.collect());
        break;
      case "spread":
        this.#deliveries.spread(message, signal);
        break;
      case "spread-over":
        this.#deliveries.endSpread(message.job);
        break;
      case "forget":
        this.#giveUp(message.site, message.job);
        this.#enqueue(message.site, message.job, async () => this.#sites.open(message.site).forget(message.serial));
        break;
    }
  }

  /** The job that control is at with a site. What was being prepared for another one is not wanted any more. */
  #currentOf(site: string, job: string): CurrentJob {
    const known = this.#current.get(site);
    if (known?.job === job) return known;
    known?.stop.abort(givenUp);
    const current = { job, stop: new AbortController() };
    this.#current.set(site, current);
    return current;
  }

  /** A job that was given up may come again, and then begins anew. */
  #giveUp(site: string, job: string): void {
    const current = this.#current.get(site);
    if (current?.job !== job) return;
    current.stop.abort(givenUp);
    this.#current.delete(site);
  }

  /** Orders for one site are carried out one after the other; an error is reported and the next one goes on. */
  #enqueue(site: string, job: string, order: () => Promise<FromNode | void>): void {
    const before = this.#queues.get(site) ?? Promise.resolve();
    const after = before.then(async () => {
      const answer = await order().catch((error: unknown) => this.#failed(site, job, error));
      if (answer !== undefined && job !== "") await this.report(answer);
      restSoon();
    });
    this.#queues.set(site, after);
  }

  #failed(site: string, job: string, error: unknown): FromNode {
    const { code: given } = error as NodeJS.ErrnoException;
    const code = typeof given === "string" ? given : "DIST_ERR_UNEXPECTED";
    const state = this.#sites.find(site)?.state;
    this.#options.log.warn({ site, job, code, error: describe(error) }, "an order failed");
    return { type: "failed", job, code, reason: describe(error), ...(state === undefined ? {} : { state }) };
  }

  async #prepare(site: string, order: PrepareOrder, stopping: AbortSignal, notWanted: AbortSignal): Promise<FromNode> {
    const signal = AbortSignal.any([stopping, notWanted]);
    const { job } = order;
    const assignments = await Promise.all(order.sections.map((notice) => this.#source.assignment(notice, signal)));
    const releases = this.#sites.open(site, assignments[0]?.header.interpreter);
    for (const assignment of assignments) this.#check(assignment, releases.state, site);
    checkChain(assignments);
    checkTogether(assignments, this.#options.permissionFor(site));
    if (releases.has(assignments[0]?.header.serial ?? 0)) return { type: "prepared", job, state: releases.state };
    try {
      const sections = await this.#deliveries.collect(order, assignments, signal);
      const state = await releases.prepare(
        assignments,
        (base) => readSections(this.#io, this.#options.kernel, sections, base),
        signal,
      );
      this.#options.log.info({ site, job, serial: state.prepared?.serial }, "prepared");
      return { type: "prepared", job, state, came: cameBy(sections) };
    } finally {
      // An agent that stops goes on with it later; what failed would only take up room.
      if (!stopping.aborted) this.#deliveries.discard(assignments);
    }
  }

  async #switch(job: string, notice: AssignmentNotice, signal: AbortSignal): Promise<FromNode> {
    const assignment = await this.#source.assignment(notice, signal);
    const { type, site } = assignment.header;
    const releases = this.#sites.open(site);
    this.#check(assignment, releases.state, notice.site);
    if (type === "update") throw failure("DIST_ERR_ASSIGNMENT_FORMAT", { problem: "an update cannot be switched to" });
    if (type === "remove") return { type: "switched", job, state: releases.remove(assignment) };
    const state = await releases
      .switchTo(assignment, signal)
      .finally(() => this.#serveSoon(site, signal, firstServePauseMs));
    this.#options.log.info({ site, job, live: state.live }, type);
    return { type: "switched", job, state };
  }

  #check(assignment: Assignment, state: SiteState, site: string): void {
    if (assignment.header.site !== site)
      throw failure("DIST_ERR_ASSIGNMENT_FORMAT", { problem: `it is for site '${assignment.header.site}'` });
    checkAssignment(
      assignment,
      this.#options.node,
      state,
      this.#options.permissionFor(site),
      this.#io.clock.wallTime(),
    );
  }

  /** Says something to control; lost while control is away. */
  async report(message: FromNode): Promise<void> {
    await this.#stream?.report(message);
  }
}

const firstServePauseMs = 5_000;
const longestServePauseMs = 300_000;

function nextPause(pauseMs: number): number {
  return Math.min(longestServePauseMs, Math.max(firstServePauseMs, pauseMs * 2));
}

/** Control takes at most so much: a path in it may be thousands of characters long. */
const longestReason = 1_000;

function describe(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, longestReason);
}
