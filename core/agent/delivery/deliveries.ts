import { join } from "node:path";
import type { Io, Log, Peer } from "distributary/sdk";
import type { Assignment } from "../../assignment/assignment.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import type { FromControl, FromNode, SpreadOrder } from "../../protocol/messages.ts";
import { Arrivals } from "./arrivals.ts";
import type { AssignmentSource } from "./assignment-source.ts";
import type { ArrivedSection } from "../carry-out.ts";
import { collect } from "./collect.ts";
import type { CollectSource } from "./collect.ts";
import type { SegmentPlace } from "../segment/transports.ts";
import { Spool } from "./spool.ts";
import { Spreads } from "./spread.ts";
import { Turns } from "./turns.ts";

export interface DeliveryParts {
  readonly control: Peer;
  /** The agent's own. */
  readonly directory: string;
  readonly kernel: Kernel;
  readonly log: Log;
  readonly source: AssignmentSource;
  report(message: FromNode): void;
}

/** Transfers that nobody has gone on with for so long are thrown away at the start. */
const abandonedMs = 24 * 60 * 60 * 1000;

/** How data comes to this node, and through it to others: from control, and within its segment. */
export class Deliveries {
  readonly #io: Io;
  readonly #parts: DeliveryParts;
  readonly #spool: Spool;
  readonly #turns = new Turns();
  /** What is collected for this node itself, whoever else needs it or not. */
  readonly #own = new Map<string, Disposable>();
  readonly #spreads: Spreads;
  #place: () => SegmentPlace | undefined = () => undefined;
  /** What the leader of the segment sends, if it is for this node. */
  readonly arrivals: Arrivals;

  constructor(io: Io, parts: DeliveryParts) {
    const { log } = parts;
    this.#io = io;
    this.#parts = parts;
    this.#spool = new Spool(io.disk, join(parts.directory, "spool"));
    this.arrivals = new Arrivals(io.clock, (assignment, what) => log.info({ assignment }, what));
    this.#spreads = new Spreads({
      ...{ ...parts, io, spool: this.#spool, turns: this.#turns, arrivals: this.arrivals },
      place: () => this.#place(),
    });
  }

  /** Serves other nodes by all transports until disposed. `place` says where in its segment this node is. */
  open(place: () => SegmentPlace | undefined): Disposable {
    this.#place = place;
    this.#spool.sweep(this.#io.clock.wallTime() - abandonedMs);
    const open = new DisposableStack();
    open.defer(() => this.#spreads.close());
    for (const { provider } of this.#parts.kernel.registries.transports.entries())
      if (provider.reach === "peer") open.use(provider.serve(this.#io, (id, peer) => this.#spreads.find(id, peer)));
    return open;
  }

  /** To members of the segment that this node leads. */
  spread(order: SpreadOrder, signal: AbortSignal): void {
    this.#spreads.take(order, signal);
  }

  endSpread(job: string): void {
    this.#spreads.over(job);
  }

  /** Brings the data of all sections of an update, one after the other. */
  async collect(
    { job, sections: notices, near }: Extract<FromControl, { type: "prepare" }>,
    assignments: readonly Assignment[],
    signal: AbortSignal,
  ): Promise<ArrivedSection[]> {
    const { control, kernel, report, source } = this.#parts;
    const sections: ArrivedSection[] = [];
    const totalBytes = assignments.reduce((sum, { header }) => sum + header.data.sizeBytes, 0);
    for (const [index, assignment] of assignments.entries()) {
      const pieces = this.#spool.open(assignment);
      if (!this.#own.has(assignment.id)) this.#own.set(assignment.id, this.#spool.keep(assignment.id));
      const before = sections.reduce((sum, each) => sum + each.pieces.sizeBytes, 0);
      const from: CollectSource = {
        ...{ control, turns: this.#turns, transports: notices[index]?.transports ?? [] },
        ...(near === undefined ? {} : { near }),
        ...this.#inSegment(),
        report: () => report({ type: "progress", job, doneBytes: before + pieces.arrivedBytes, totalBytes }),
      };
      await collect(this.#io, kernel, assignment, pieces, from, signal);
      const isSealed = assignment.header.parts.some(({ cipher }) => cipher !== "none");
      sections.push({ assignment, pieces, key: isSealed ? await source.key(assignment.id, signal) : undefined });
    }
    return sections;
  }

  /** What came of these is not needed here any more. */
  discard(assignments: readonly Assignment[]): void {
    for (const { id } of assignments) {
      this.#own.get(id)?.[Symbol.dispose]();
      this.#own.delete(id);
      this.#spool.remove(id);
    }
  }

  /** How what is sent to the whole segment comes here; nothing if it does not. */
  #inSegment(): Pick<CollectSource, "segment"> {
    const place = this.#place();
    if (place === undefined || place.isCutOff || place.isLeading) return {};
    return { segment: { ...place, arrivals: this.arrivals } };
  }
}

/** How many bytes of all sections came by which transport. */
export function cameBy(sections: readonly ArrivedSection[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const { pieces } of sections)
    for (const [transport, bytes] of pieces.came) sum[transport] = (sum[transport] ?? 0) + bytes;
  return sum;
}
