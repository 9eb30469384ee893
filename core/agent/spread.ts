import { failure } from "distributary/sdk";
import type { Io, Log, Peer, PieceStore } from "distributary/sdk";
import type { Assignment } from "../assignment/assignment.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Ceiling, FromNode, SpreadOrder } from "../protocol/messages.ts";
import type { Arrivals } from "./arrivals.ts";
import type { AssignmentSource } from "./assignment-source.ts";
import { collect } from "./collect.ts";
import type { SegmentPlace } from "./segment/transports.ts";
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
  /** Everybody who may fetch it here. */
  readonly members: Set<string>;
  readonly assignments: Set<string>;
  readonly kept: DisposableStack;
  readonly stop: AbortController;
}

/** What is left free on the disk by data that is only passed on. */
const reserveBytes = 256 * 1024 * 1024;
const mostLeft = 1_000;
const over = new Error("control has ended the job");

/** The leader's part in a job: gets the data once, sends it to all members at once, serves those it did not reach. */
export class Spreads {
  readonly #parts: SpreadParts;
  readonly #spreads = new Map<string, Spread>();

  constructor(parts: SpreadParts) {
    this.#parts = parts;
  }

  /** Begins what control asks for, beside what is asked for already. Ends with the signal. */
  take(order: SpreadOrder, signal: AbortSignal): void {
    const { job } = order;
    let spread = this.#spreads.get(job);
    if (spread === undefined) {
      const stop = new AbortController();
      spread = { members: new Set(), assignments: new Set(), kept: new DisposableStack(), stop };
      this.#spreads.set(job, spread);
    }
    for (const member of order.members) spread.members.add(member);
    const ended = AbortSignal.any([signal, spread.stop.signal]);
    this.#run(order, spread, ended).catch((error: unknown) => {
      if (!ended.aborted) this.#parts.log.warn({ job, error: (error as Error).message }, "members are not served here");
    });
  }

  /** Nobody needs what was brought for this job any more. */
  over(job: string): void {
    const spread = this.#spreads.get(job);
    this.#spreads.delete(job);
    spread?.stop.abort(over);
    spread?.kept[Symbol.dispose]();
  }

  close(): void {
    for (const job of [...this.#spreads.keys()]) this.over(job);
  }

  /** What is there of an assignment, for a member that it is to be brought to. */
  find(id: string, peer: string): PieceStore | undefined {
    for (const { members, assignments } of this.#spreads.values())
      if (assignments.has(id) && members.has(peer)) return this.#parts.spool.find(id, peer);
    return undefined;
  }

  async #run(order: SpreadOrder, spread: Spread, signal: AbortSignal): Promise<void> {
    const { source, spool } = this.#parts;
    const assignments = await Promise.all(order.sections.map((notice) => source.assignment(notice, signal)));
    const sections = assignments.map((assignment) => {
      const pieces = spool.open(assignment);
      if (!spread.assignments.has(assignment.id)) {
        spread.assignments.add(assignment.id);
        spread.kept.use(spool.keep(assignment.id));
      }
      return { assignment, pieces };
    });
    this.#checkRoom(sections.map(({ pieces }) => pieces));
    const collecting = this.#collectAll(sections, order, signal);
    // What cannot be brought here is known when sending ends: members get it another way.
    collecting.catch(() => undefined);
    for (const { pieces } of sections) {
      if (order.transport !== undefined && pieces.pieceCount > 0)
        await this.#send(order.transport, pieces, order, signal);
    }
    await collecting;
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

  async #collectAll(
    sections: readonly { readonly assignment: Assignment; readonly pieces: SpooledPieces }[],
    { sections: notices }: SpreadOrder,
    signal: AbortSignal,
  ): Promise<void> {
    const { io, kernel, control, turns, arrivals } = this.#parts;
    for (const [index, { assignment, pieces }] of sections.entries()) {
      const source = { control, turns, transports: notices[index]?.transports ?? [], report: () => {} };
      await collect(io, kernel, assignment, pieces, source, signal);
      arrivals.ended(assignment.id, undefined);
    }
  }

  async #send(name: string, from: SpooledPieces, order: SpreadOrder, signal: AbortSignal): Promise<void> {
    const { io, kernel, log, report } = this.#parts;
    const { job, members, quorum, data, ceilings } = order;
    const transport = kernel.usable("transports", name, io);
    const place = this.#parts.place();
    const reach = { job, assignment: from.assignment, transport: name };
    if (place?.isLeading !== true || transport.reach !== "members") {
      const reason = transport.reach === "members" ? "this node does not lead" : `'${name}' reaches one at a time`;
      const left = members.slice(0, mostLeft).map((member) => ({ member, reason }));
      report({ type: "spread", ...reach, complete: 0, left, counters: {} });
      return;
    }
    log.info({ ...reach, members: members.length, sizeBytes: from.sizeBytes }, "sends to the segment");
    const delivery = {
      ...{ from, range: { from: 0, to: from.pieceCount }, members, quorum, ...data },
      mostBytesPerSecond: () => ceilingAt(ceilings, io.clock.wallTime()),
    };
    const { complete, left, counters } = await transport.send(io, place.channel, delivery, signal);
    log.info({ ...reach, complete: complete.length, left: left.length, ...counters }, "sent to the segment");
    report({ type: "spread", ...reach, complete: complete.length, left: left.slice(0, mostLeft), counters });
  }
}

/** What may be sent at this moment, by the clock on the wall where this host is. */
export function ceilingAt(ceilings: readonly Ceiling[], wallTimeMs: number): number {
  const time = new Date(wallTimeMs);
  const minute = time.getHours() * 60 + time.getMinutes();
  const fits = ({ fromMinute: from, toMinute: to }: Ceiling) =>
    from < to ? minute >= from && minute < to : minute >= from || minute < to;
  return ceilings.find(fits)?.bytesPerSecond ?? Infinity;
}
