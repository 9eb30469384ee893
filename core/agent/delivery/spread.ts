import { failure } from "distributary/sdk";
import type { Delivered, Delivery, Io, Log, Peer, PieceStore } from "distributary/sdk";
import type { Assignment } from "../../assignment/assignment.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import type { Ceiling, FromNode, SpreadOrder } from "../../protocol/messages.ts";
import type { Arrivals } from "./arrivals.ts";
import type { AssignmentSource } from "./assignment-source.ts";
import { collect } from "./collect.ts";
import type { SegmentPlace } from "../segment/transports.ts";
import type { SpooledPieces, Spool } from "./spool.ts";
import type { Turns } from "./turns.ts";

export interface SpreadParts {
  readonly io: Io;
  readonly kernel: Kernel;
  readonly control: Peer;
  readonly source: AssignmentSource;
  readonly spool: Spool;
  readonly directory: string;
  /** Whoever collects an assignment takes turns by its id. */
  readonly turns: Turns;
  /** What this node itself waits for is there as soon as it was collected. */
  readonly arrivals: Arrivals;
  readonly log: Log;
  place(): SegmentPlace | undefined;
  report(word: FromNode): void;
}

/** A job that this node brings to members of its segment. */
interface Spread {
  readonly site: string | undefined;
  /** Everybody who may fetch it here. */
  readonly members: Set<string>;
  readonly assignments: Set<string>;
  /** Assignment and member, for as long as the one is sent to the other. */
  readonly sending: Set<string>;
  readonly kept: DisposableStack;
  readonly stop: AbortController;
}

interface Section {
  readonly assignment: Assignment;
  readonly pieces: SpooledPieces;
}

/** What is left free on the disk by data that is only passed on. */
const reserveBytes = 256 * 1024 * 1024;
/** So often in a row control is asked in vain, half a minute, before members are left to find it elsewhere. */
const mostTries = 10;
/** Control takes at most so many of those who were left, and so long a reason. */
const mostLeft = 1_000;
const longestReason = 1_000;
const over = new Error("control has ended the job");

/** The leader's part in a job: gets the data once, sends it to all members at once, serves those it did not reach. */
export class Spreads {
  readonly #parts: SpreadParts;
  readonly #spreads = new Map<string, Spread>();

  constructor(parts: SpreadParts) {
    this.#parts = parts;
  }

  /**
   * Begins what control asks for, beside what is asked for already; nothing is sent twice at a time to a member. Ends
   * with the signal.
   */
  take(order: SpreadOrder, signal: AbortSignal): void {
    const { job } = order;
    const spread = this.#spreads.get(job) ?? this.#begin(order);
    for (const member of order.members) spread.members.add(member);
    const ended = AbortSignal.any([signal, spread.stop.signal]);
    this.#run(order, spread, ended).catch((error: unknown) => {
      if (!ended.aborted) this.#parts.log.warn({ job, error: (error as Error).message }, "members are not served here");
    });
  }

  /** Nobody needs what was brought for this job any more. */
  over(job: string): void {
    const spread = this.#spreads.get(job);
    if (spread === undefined) return;
    this.#spreads.delete(job);
    spread.stop.abort(over);
    spread.kept[Symbol.dispose]();
    for (const id of spread.assignments) this.#parts.spool.remove(id);
  }

  /** Stops, and leaves what came to whoever goes on with it. */
  close(): void {
    for (const { stop } of this.#spreads.values()) stop.abort(over);
    this.#spreads.clear();
  }

  /** What is there of an assignment, for a member that it is to be brought to. */
  find(id: string, peer: string): PieceStore | undefined {
    for (const { members, assignments } of this.#spreads.values())
      if (assignments.has(id) && members.has(peer)) return this.#parts.spool.find(id, peer);
    return undefined;
  }

  #begin({ job, sections }: SpreadOrder): Spread {
    const site = sections[0]?.site;
    // A site has one job at a time: that another one has ended was said while this node was away.
    for (const [other, spread] of this.#spreads) if (spread.site === site) this.over(other);
    const sets = { members: new Set<string>(), assignments: new Set<string>(), sending: new Set<string>() };
    const spread = { site, ...sets, kept: new DisposableStack(), stop: new AbortController() };
    this.#spreads.set(job, spread);
    return spread;
  }

  async #run(order: SpreadOrder, spread: Spread, ended: AbortSignal): Promise<void> {
    const { source } = this.#parts;
    const assignments = await Promise.all(order.sections.map((notice) => source.assignment(notice, ended)));
    ended.throwIfAborted();
    const sections = assignments.map((assignment) => this.#open(assignment, spread));
    // What cannot be brought here is not sent: members get it another way.
    const failed = new AbortController();
    const collecting = this.#collectAll(sections, order, ended).catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
    collecting.catch(() => undefined);
    for (const { pieces } of sections) {
      if (order.transport === undefined || pieces.pieceCount === 0) continue;
      await this.#send(order.transport, pieces, order, spread, { ended, failed: failed.signal });
    }
    await collecting;
  }

  #open(assignment: Assignment, { assignments, kept }: Spread): Section {
    const { spool } = this.#parts;
    const pieces = spool.open(assignment);
    if (!assignments.has(assignment.id)) kept.use(spool.keep(assignment.id));
    assignments.add(assignment.id);
    return { assignment, pieces };
  }

  async #collectAll(
    sections: readonly Section[],
    { sections: notices }: SpreadOrder,
    signal: AbortSignal,
  ): Promise<void> {
    const { io, kernel, control, turns, arrivals } = this.#parts;
    this.#checkRoom(sections.map(({ pieces }) => pieces));
    for (const [index, { assignment, pieces }] of sections.entries()) {
      const source = { control, mostTries, turns, transports: notices[index]?.transports ?? [], report: () => {} };
      await collect(io, kernel, assignment, pieces, source, signal);
      arrivals.ended(assignment.id, undefined);
    }
  }

  #checkRoom(stores: readonly SpooledPieces[]): void {
    const { io, directory } = this.#parts;
    const needed = stores.reduce((sum, { sizeBytes, arrivedBytes }) => sum + sizeBytes - arrivedBytes, 0);
    const { freeBytes } = io.disk.space(directory);
    if (needed + reserveBytes <= freeBytes) return;
    throw failure("DIST_ERR_POLICY_REFUSED", {
      site: "",
      reason: `${needed} bytes to pass on would leave less than ${reserveBytes} of ${freeBytes} free`,
    });
  }

  /** To those to whom it is not being sent already. Tells control what came of it, unless that has `ended`. */
  async #send(
    transport: string,
    pieces: SpooledPieces,
    order: SpreadOrder,
    { sending }: Spread,
    { ended, failed }: { readonly ended: AbortSignal; readonly failed: AbortSignal },
  ): Promise<void> {
    const { log, report } = this.#parts;
    const { assignment } = pieces;
    const members = order.members.filter((member) => !sending.has(`${assignment} ${member}`));
    if (members.length === 0) return;
    for (const member of members) sending.add(`${assignment} ${member}`);
    const what = { job: order.job, assignment, transport };
    log.info({ ...what, members: members.length, sizeBytes: pieces.sizeBytes }, "sends to the segment");
    const signal = AbortSignal.any([ended, failed]);
    const delivered = await this.#deliver(transport, pieces, { ...order, members }, signal).catch((error: unknown) => {
      const { message: reason } = error as Error;
      return { complete: [], left: members.map((member) => ({ member, reason })), counters: {} };
    });
    for (const member of members) sending.delete(`${assignment} ${member}`);
    ended.throwIfAborted();
    const { complete, left, counters } = delivered;
    log.info({ ...what, complete: complete.length, left: left.length, ...counters }, "sent to the segment");
    const shown = left.slice(0, mostLeft).map(({ member, reason }) => {
      return { member, reason: reason.slice(0, longestReason) };
    });
    report({ type: "spread", ...what, complete: complete.length, left: shown, counters: wholeNumbers(counters) });
  }

  async #deliver(
    name: string,
    from: SpooledPieces,
    { members, quorum, data, ceilings }: SpreadOrder,
    signal: AbortSignal,
  ): Promise<Delivered> {
    const { io, kernel, place } = this.#parts;
    const transport = kernel.usable("transports", name, io);
    if (transport.reach !== "members") throw new Error(`'${name}' reaches one at a time`);
    const { channel, isLeading = false } = place() ?? {};
    if (channel === undefined || !isLeading) throw new Error("this node does not lead");
    const delivery: Delivery = {
      ...{ from, range: { from: 0, to: from.pieceCount }, members, quorum: Math.min(quorum, members.length), ...data },
      mostBytesPerSecond: () => ceilingAt(ceilings, io.clock.wallTime()),
    };
    return transport.send(io, channel, delivery, signal);
  }
}

/** Counters as control takes them. */
function wholeNumbers(counters: Delivered["counters"]): Delivered["counters"] {
  const entries = Object.entries(counters).filter(([, count]) => Number.isFinite(count));
  return Object.fromEntries(entries.map(([name, count]) => [name, Math.max(0, Math.round(count))]));
}

/** What may be sent at this moment, by the clock on the wall where this host is. */
export function ceilingAt(ceilings: readonly Ceiling[], wallTimeMs: number): number {
  const time = new Date(wallTimeMs);
  const minute = time.getHours() * 60 + time.getMinutes();
  const fits = ({ fromMinute: from, toMinute: to }: Ceiling) =>
    from < to ? minute >= from && minute < to : minute >= from || minute < to;
  return ceilings.find(fits)?.bytesPerSecond ?? Infinity;
}
