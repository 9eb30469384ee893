import type { Peer } from "distributary/sdk";
import type { AssignmentNotice, Ceiling, SpreadOrder, SpreadWord } from "../../protocol/messages.ts";
import type { Issued } from "../assignments.ts";
import type { SegmentPart } from "../segments/picture.ts";
import type { JobParts } from "./parts.ts";

export interface SpreadingOptions {
  readonly job: string;
  readonly group: string;
  /** What brings data from peer to peer, and what to all members of a segment at once, or `none`. */
  readonly transport: string;
  readonly segmentTransport: string;
  readonly ceilings: readonly Ceiling[];
  /** The share of the nodes that is the job's quorum. */
  readonly quorumShare: number;
}

/** Less than this, counted once for each node, is fetched from control by each: another hop would only take time. */
const leastBytes = 256 * 1024;
/** Words of leaders that are kept of a job, and numbers in each. */
const mostWords = 100;
const mostCounters = 100;
const notHeard = "it did not hear the leader send";

/** Nodes of one segment that get the same data, by way of their leader. */
interface Spread {
  readonly segment: string;
  readonly leader: string;
  readonly sections: readonly Issued[];
  /** Nodes that have not got it yet, without the leader. */
  readonly open: Set<string>;
  /** What sends to all of them at once, if anything does. */
  readonly transport: string | undefined;
}

/** How a job's data came to its nodes, as far as nodes said. */
export interface Came {
  /** By transport: how many nodes got something by it, and how much. */
  readonly transports: Readonly<Record<string, { readonly nodes: number; readonly bytes: number }>>;
  readonly spreads: readonly SpreadWord[];
  /** Nodes that were to get it with all others of their segment, and got so many bytes of it by themselves. */
  readonly apart: readonly { readonly node: string; readonly bytes: number; readonly reason: string }[];
}

/**
 * Has the leaders of segments bring what a job's nodes need. Each leader gets it once and sends it to all its members
 * at once; where multicast does not arrive it hands it to one after the other. Nodes that no leader can serve get it
 * from control.
 */
export class Spreading {
  readonly #parts: JobParts;
  readonly #options: SpreadingOptions;
  readonly #spreads: Spread[] = [];
  readonly #leaders = new Set<string>();
  readonly #came = new Map<string, { nodes: number; bytes: number }>();
  readonly #words: SpreadWord[] = [];
  readonly #apart = new Map<string, number>();
  readonly #stop = new AbortController();
  readonly #watching: Disposable;
  #waiting: { readonly node: string; readonly sections: readonly Issued[] }[] = [];

  constructor(parts: JobParts, options: SpreadingOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#watch().catch((error: unknown) => {
      parts.log.error({ job: options.job, error: (error as Error).message }, "new leaders are not told of the job");
    });
    this.#watching = parts.hub.watch({ connected: (node) => this.#connected(node), disconnected: () => {} });
  }

  get came(): Came {
    const reasons = new Map(this.#words.flatMap(({ left }) => left.map(({ member, reason }) => [member, reason])));
    const apart = [...this.#apart].map(([node, bytes]) => ({ node, bytes, reason: reasons.get(node) ?? notHeard }));
    return { transports: Object.fromEntries(this.#came), spreads: this.#words, apart: apart.slice(0, mostWords) };
  }

  /** A node is to prepare. Those that are to at the same time are served together. */
  prepare(node: string, sections: readonly Issued[]): void {
    if (this.#waiting.length === 0) setImmediate(() => this.#flush());
    this.#waiting.push({ node, sections });
  }

  /** A node has it, or will not get it. Others than these transports it cannot have used, whatever it says. */
  settled(node: string, said: Readonly<Record<string, number>> = {}): void {
    const { transport: byPeer, segmentTransport } = this.#options;
    const came = Object.entries(said).filter(([by]) => by === byPeer || by === segmentTransport);
    const waiting = this.#spreads.filter(({ open }) => open.delete(node));
    const together = new Set(waiting.flatMap(({ transport }) => transport ?? []));
    const bytes = came.reduce((sum, [by, count]) => sum + (together.has(by) ? 0 : count), 0);
    if (together.size > 0 && bytes > 0) this.#apart.set(node, bytes);
    for (const [transport, bytes] of came) {
      const { nodes, bytes: before } = this.#came.get(transport) ?? { nodes: 0, bytes: 0 };
      this.#came.set(transport, { nodes: nodes + 1, bytes: before + bytes });
    }
  }

  /** A node has sent it; the word of one that was not asked to means nothing. */
  spread(node: string, word: SpreadWord): void {
    if (!this.#leaders.has(node)) return;
    const { job, events, log } = { ...this.#parts, job: this.#options.job };
    const counters = Object.fromEntries(Object.entries(word.counters).slice(0, mostCounters));
    if (this.#words.length < mostWords) this.#words.push({ ...word, counters });
    const { transport, complete, left } = word;
    log.info({ job, transport, complete, left: left.length, ...counters }, "a leader sent to its segment");
    for (const { member, reason } of left.slice(0, mostWords)) {
      const name = this.#parts.segments.nameOf(member);
      log.warn({ job, node: name, transport, reason }, "a node is served by itself");
    }
    events.emit({ type: "spread", job, transport, complete, left: left.length, counters });
  }

  /** Nobody needs anything of it any more. */
  end(): void {
    this.#stop.abort(new Error("the job is over"));
    this.#watching[Symbol.dispose]();
    this.#waiting = [];
    for (const leader of this.#leaders) this.#parts.hub.send(leader, { type: "spread-over", job: this.#options.job });
    for (const { sections } of this.#spreads) for (const { id } of sections) this.#parts.assignments.endCarrying(id);
  }

  #flush(): void {
    if (this.#stop.signal.aborted) return;
    const batches = Map.groupBy(this.#waiting.splice(0), ({ node, sections }) => {
      const part = this.#parts.segments.placeOf(node);
      return JSON.stringify([part?.leader ?? node, sections.map(({ id }) => id)]);
    });
    for (const [first, ...others] of batches.values()) {
      if (first === undefined) continue;
      const nodes = [first, ...others].map(({ node }) => node);
      this.#serve(nodes, first.sections, this.#parts.segments.placeOf(first.node));
    }
  }

  #serve(nodes: readonly string[], sections: readonly Issued[], part: SegmentPart | undefined): void {
    const members = nodes.filter((node) => node !== part?.leader);
    const near = part && this.#peer(part.leader);
    if (
      part === undefined ||
      near === undefined ||
      members.length === 0 ||
      !this.#isWorthwhile(nodes, sections, part)
    ) {
      for (const node of nodes) this.#tell(node, sections);
      return;
    }
    const spread = this.#spreadOf(part, sections);
    // The leader hears of it first: what members wait for is to have begun.
    this.#order(spread, members);
    for (const node of nodes) {
      if (node === part.leader) this.#tell(node, sections);
      else this.#tell(node, sections, { near, transport: spread.transport });
    }
  }

  /** A leader that needs it itself, or gets it already, is worth a way for a single member; any other for two. */
  #isWorthwhile(nodes: readonly string[], sections: readonly Issued[], part: SegmentPart): boolean {
    if (this.#find(part, sections) !== undefined) return true;
    const sizeBytes = sections.reduce((sum, { dataBytes }) => sum + dataBytes, 0);
    const memberCount = nodes.filter((node) => node !== part.leader).length;
    return nodes.length >= 2 && sizeBytes * memberCount >= leastBytes;
  }

  #find(part: SegmentPart, sections: readonly Issued[]): Spread | undefined {
    return this.#spreads.find((one) => one.leader === part.leader && one.sections[0]?.id === sections[0]?.id);
  }

  #spreadOf(part: SegmentPart, sections: readonly Issued[]): Spread {
    const known = this.#find(part, sections);
    if (known !== undefined) return known;
    const { log, segments } = this.#parts;
    const { segmentTransport, job } = this.#options;
    const { leader, reach } = part;
    const transport = reach === "multicast" && segmentTransport !== "none" ? segmentTransport : undefined;
    const spread = { segment: segments.segmentOf(leader), leader, sections, open: new Set<string>(), transport };
    this.#spreads.push(spread);
    const how = transport === undefined ? "one by one: multicast does not reach it, or is not wanted" : "all at once";
    log.info({ job, segment: spread.segment, leader, transport }, `its leader serves ${how}`);
    return spread;
  }

  /** These are to have it as well. */
  #order({ segment, sections, open, leader, transport }: Spread, members: readonly string[]): void {
    const { job, group, ceilings, quorumShare } = this.#options;
    const { assignments, hub, segments } = this.#parts;
    for (const member of members) open.add(member);
    this.#leaders.add(leader);
    for (const { id } of sections) assignments.carry(id, leader);
    const order: SpreadOrder = {
      ...{ job, sections: this.#notices(sections), members },
      ...(transport === undefined ? {} : { transport }),
      data: segments.dataChannel(segment, group),
      ...{ quorum: Math.ceil(members.length * quorumShare), ceilings },
    };
    hub.send(leader, { type: "spread", ...order });
  }

  #tell(
    node: string,
    sections: readonly Issued[],
    by?: { readonly near: Peer; readonly transport: string | undefined },
  ): void {
    const notices = this.#notices(sections, by?.transport);
    const near = by === undefined ? {} : { near: by.near };
    this.#parts.hub.send(node, { type: "prepare", job: this.#options.job, sections: notices, ...near });
  }

  #notices(sections: readonly Issued[], transport?: string): AssignmentNotice[] {
    const transports = [...(transport === undefined ? [] : [transport]), this.#options.transport];
    return sections.map((section) => this.#parts.assignments.notice(section, transports));
  }

  #peer(node: string): Peer | undefined {
    const serves = this.#parts.hub.servesAt(node);
    return serves === undefined ? undefined : { id: node, host: serves.address, port: serves.port };
  }

  /** A leader that was away may have forgotten what it was told, or was not told. */
  #connected(node: string): void {
    const { segments } = this.#parts;
    const isLeading = segments.placeOf(node)?.leader === node;
    for (const spread of this.#spreads)
      if (isLeading && spread.leader === node && spread.open.size > 0) this.#order(spread, [...spread.open]);
    this.#hand(segments.segmentOf(node));
  }

  async #watch(): Promise<void> {
    for await (const event of this.#parts.events.listen(this.#stop.signal))
      if (event.type === "segment") this.#hand(event.segment);
  }

  /** Has members that follow another leader by now served by it, which goes on where the one before left off. */
  #hand(segment: string): void {
    const { hub, segments } = this.#parts;
    for (const { sections, open, leader } of this.#spreads.filter((spread) => spread.segment === segment)) {
      for (const [part, nodes] of Map.groupBy(open, (node) => segments.placeOf(node))) {
        if (part === undefined || part.leader === leader || !hub.isConnected(part.leader)) continue;
        for (const node of nodes) open.delete(node);
        const members = nodes.filter((node) => node !== part.leader);
        if (members.length > 0) this.#order(this.#spreadOf(part, sections), members);
      }
    }
  }
}
