import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { failure } from "distributary/sdk";
import type { Io, Log, Peer } from "distributary/sdk";
import type { Assignment } from "../assignment/assignment.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { AssignmentNotice, FromControl, FromNode, SiteState } from "../protocol/messages.ts";
import type { Endpoint } from "../protocol/segment/messages.ts";
import { restSoon } from "../runtime/memory.ts";
import { checkAssignment, checkChain, checkTogether } from "./accept.ts";
import type { SitePermission } from "./accept.ts";
import { AssignmentSource } from "./assignment-source.ts";
import { readSections } from "./carry-out.ts";
import type { ArrivedSection } from "./carry-out.ts";
import { ControlStream } from "./control-stream.ts";
import { answerRoom } from "./room.ts";
import { Sites } from "./sites.ts";
import { Spool } from "./spool.ts";
import { collect } from "./collect.ts";
import type { CollectSource } from "./collect.ts";
import { Arrivals } from "./arrivals.ts";
import { Spreads } from "./spread.ts";
import { Turns } from "./turns.ts";
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

/** What control does with a site at the moment. */
type PrepareOrder = Extract<FromControl, { type: "prepare" }>;

/** How the data of a job's sections comes. */
interface Collection {
  readonly job: string;
  readonly notices: readonly AssignmentNotice[];
  readonly near: Peer | undefined;
  readonly came: Map<string, number>;
}

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
  readonly #spool: Spool;
  readonly #source: AssignmentSource;
  readonly #sites: Sites;
  /** The last order of each site, to queue behind. */
  readonly #queues = new Map<string, Promise<void>>();
  readonly #current = new Map<string, CurrentJob>();
  readonly #bootId: string;
  readonly #turns = new Turns();
  readonly #spreads: Spreads;
  /** What the leader of the segment sends, if it is for this node. */
  readonly arrivals: Arrivals;
  #segment: SegmentMembership | undefined;
  #stream: ControlStream | undefined;

  constructor(io: Io, options: AgentOptions) {
    this.#io = io;
    this.#options = options;
    this.#source = new AssignmentSource(io, options.control, options.signingKey);
    this.#spool = new Spool(io.disk, join(options.directory, "spool"));
    this.#sites = new Sites(io, { ...options, directory: join(options.directory, "sites") });
    this.#bootId = Buffer.from(io.random.bytes(16)).toString("hex");
    this.arrivals = new Arrivals(io.clock, (assignment, what) => options.log.info({ assignment }, what));
    const { kernel, control, directory, log } = options;
    this.#spreads = new Spreads({
      ...{ io, kernel, control, directory, log, source: this.#source, spool: this.#spool, turns: this.#turns },
      place: () => this.#segment?.place,
      report: (word) => void this.report(word),
    });
  }

  /** Recovers every site that is here, then keeps to control's stream until the signal. `segment` takes its orders. */
  async run(signal: AbortSignal, segment?: SegmentMembership): Promise<void> {
    for (const site of this.#sites.known()) this.#recover(site, signal);
    this.#spool.sweep(this.#io.clock.wallTime() - 24 * 60 * 60 * 1000);
    const served = this.#serveTransports();
    this.#segment = segment;
    try {
      this.#stream = new ControlStream(this.#io, this.#options.control, this.#options.log);
      const greet = () => hello(this.#io, this.#options, this.#bootId, this.states());
      const take = (order: FromControl) => segment?.take(order) === true || this.#take(order, signal);
      const taps = { greet, opened: () => segment?.connected(), take };
      await this.#stream.run(taps, signal);
    } finally {
      for (const each of served) each[Symbol.dispose]();
      this.#spreads.close();
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

  #serveTransports(): Disposable[] {
    return [...this.#options.kernel.registries.transports.entries()].flatMap(({ provider }) =>
      provider.reach === "peer" ? [provider.serve(this.#io, (id, peer) => this.#spreads.find(id, peer))] : [],
    );
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
        this.#spreads.take(message, signal);
        break;
      case "spread-over":
        this.#spreads.over(message.job);
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

  async #prepare(
    site: string,
    { job, sections: notices, near }: PrepareOrder,
    stopping: AbortSignal,
    notWanted: AbortSignal,
  ): Promise<FromNode> {
    const signal = AbortSignal.any([stopping, notWanted]);
    const assignments = await Promise.all(notices.map((notice) => this.#source.assignment(notice, signal)));
    const releases = this.#sites.open(site, assignments[0]?.header.interpreter);
    for (const assignment of assignments) this.#check(assignment, releases.state, site);
    checkChain(assignments);
    checkTogether(assignments, this.#options.permissionFor(site));
    if (releases.has(assignments[0]?.header.serial ?? 0)) return { type: "prepared", job, state: releases.state };
    try {
      const came = new Map<string, number>();
      const sections = await this.#collect({ job, notices, near, came }, assignments, signal);
      const state = await releases.prepare(
        assignments,
        (base) => readSections(this.#io, this.#options.kernel, sections, base),
        signal,
      );
      this.#options.log.info({ site, job, serial: state.prepared?.serial }, "prepared");
      return { type: "prepared", job, state, came: Object.fromEntries(came) };
    } finally {
      // An agent that stops goes on with it later; what failed would only take up room.
      if (!stopping.aborted) for (const { id } of assignments) this.#spool.remove(id);
    }
  }

  /** Brings the data of all sections, one after the other. */
  async #collect(
    { job, notices, near, came }: Collection,
    assignments: readonly Assignment[],
    signal: AbortSignal,
  ): Promise<ArrivedSection[]> {
    const sections: ArrivedSection[] = [];
    const total = assignments.reduce((sum, { header }) => sum + header.data.sizeBytes, 0);
    for (const [index, assignment] of assignments.entries()) {
      const pieces = this.#spool.open(assignment);
      const before = sections.reduce((sum, each) => sum + each.pieces.sizeBytes, 0);
      const report = () =>
        void this.report({ type: "progress", job, doneBytes: before + pieces.arrivedBytes, totalBytes: total });
      const { control, kernel } = this.#options;
      const transports = notices[index]?.transports ?? [];
      const source = {
        control,
        transports,
        came,
        report,
        ...(near === undefined ? {} : { near }),
        ...this.#inSegment(),
      };
      await this.#turns.take(assignment.id, signal, () =>
        collect(this.#io, kernel, assignment, pieces, source, signal),
      );
      const key = assignment.header.parts.some(({ cipher }) => cipher !== "none")
        ? await this.#source.key(assignment.id, signal)
        : undefined;
      sections.push({ assignment, pieces, key });
    }
    return sections;
  }

  /** How what is sent to the whole segment comes here; nothing if it does not. */
  #inSegment(): Pick<CollectSource, "arrivals" | "electionMs"> {
    const place = this.#segment?.place;
    if (place === undefined || place.isCutOff || place.isLeading) return {};
    return { arrivals: this.arrivals, electionMs: place.electionMs };
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
