import type { Issued } from "../../../../core/control/assignments.ts";
import { Events } from "../../../../core/control/events.ts";
import type { JobParts } from "../../../../core/control/jobs/parts.ts";
import { Spreading } from "../../../../core/control/jobs/spreading.ts";
import type { SpreadingOptions } from "../../../../core/control/jobs/spreading.ts";
import type { NodeWatcher } from "../../../../core/control/node-hub.ts";
import { SegmentBook } from "../../../../core/control/segments/book.ts";
import type { FromControl } from "../../../../core/protocol/messages.ts";
import { reportOf } from "../segments/members.ts";
import { quietLog } from "../store/quiet-log.ts";

/** An assignment with so much data. */
export function issued(id: string, dataBytes = 2 ** 20): Issued {
  const base = { serial: 1, type: "update", site: "shop", version: 1, section: 1, baseVersion: undefined };
  return { ...base, id, sizeBytes: 1_000, dataBytes, nodes: [] };
}

/** What control says for a job to nodes whose segments are known from the reports of their leaders. */
export class Hall {
  readonly #book = new SegmentBook(0);
  readonly #events = new Events();
  readonly #away = new Set<string>();
  readonly #watchers = new Set<NodeWatcher>();
  #epoch = 0;
  /** What was said to whom, in that order. */
  sent: { readonly to: string; readonly order: FromControl }[] = [];
  /** Who hands on what, by assignment. */
  readonly carriers = new Map<string, Set<string>>();
  readonly emitted: string[] = [];
  readonly log = quietLog();
  readonly spreading: Spreading;

  constructor(options: Partial<SpreadingOptions> = {}) {
    const { carriers } = this;
    const hub = {
      send: (to: string, order: FromControl) => void this.sent.push({ to, order }),
      isConnected: (node: string) => !this.#away.has(node),
      servesAt: (node: string) => (this.#away.has(node) ? undefined : { address: "192.0.2.1", port: 1_000 }),
      watch: (watcher: NodeWatcher) => {
        this.#watchers.add(watcher);
        return { [Symbol.dispose]: () => this.#watchers.delete(watcher) };
      },
    };
    const segments = {
      placeOf: (node: string) => this.#book.placeOf(node),
      segmentOf: (node: string) => node.split("-")[0] ?? "",
      dataChannel: (segment: string, group: string) => ({ group: `${segment} ${group}`, port: 7_403 }),
      nameOf: (node: string) => node,
    };
    const assignments = {
      notice: ({ id, site, serial, sizeBytes }: Issued, transports: readonly string[]) => {
        return { id, site, serial, sizeBytes, transports };
      },
      carry: (id: string, node: string) => void carriers.set(id, (carriers.get(id) ?? new Set()).add(node)),
      endCarrying: (id: string) => void carriers.delete(id),
    };
    const events = { emit: ({ type }: { type: string }) => void this.emitted.push(type) };
    const parts = { hub, segments, assignments, log: this.log };
    Object.assign(parts, { events: { ...events, listen: (signal: AbortSignal) => this.#events.listen(signal) } });
    this.spreading = new Spreading(parts as unknown as JobParts, {
      ...{ job: "job", group: "web", transport: "http", segmentTransport: "mctp", ceilings: [], quorumShare: 1 },
      ...options,
    });
  }

  /** From now on the first of these leads the others, all of the segment after which they are called. */
  lead(leader: string, members: readonly string[], reach: "multicast" | "unicast" = "multicast"): this {
    const segment = leader.split("-")[0] ?? "";
    for (const id of [leader, ...members]) {
      this.#book.enrol(0, { id, name: id, segment });
      this.#book.connected(0, id);
    }
    this.#epoch += 1;
    const report = reportOf(leader, members, { epoch: this.#epoch });
    this.#book.take(0, leader, { type: "segment", segment, report, reach });
    const state = { epoch: this.#epoch, members: members.length, state: "led", reason: "" };
    this.#events.emit({ type: "segment", segment, leader, ...state });
    return this;
  }

  disconnect(node: string): this {
    this.#away.add(node);
    return this;
  }

  connect(node: string): this {
    this.#away.delete(node);
    for (const watcher of this.#watchers) watcher.connected(node);
    return this;
  }

  /** These are to prepare, at the same time; what is said then. */
  async prepare(nodes: readonly string[], ...sections: readonly Issued[]): Promise<this> {
    this.sent = [];
    for (const node of nodes) this.spreading.prepare(node, sections);
    return this.settled();
  }

  /** Everything that follows from what happened was said. */
  async settled(): Promise<this> {
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    return this;
  }

  /** To whom members are to be brought what, by what: `leader <- members [sections] by transport`. */
  get spreads(): string[] {
    return this.sent.flatMap(({ to, order }) => {
      if (order.type !== "spread") return [];
      const sections = order.sections.map(({ id }) => id).join(" ");
      return [`${to} <- ${order.members.join(" ")} [${sections}] by ${order.transport ?? "one by one"}`];
    });
  }

  /** Who is to prepare, near whom, by what: `node near leader by transports`. */
  get prepares(): string[] {
    return this.sent.flatMap(({ to, order }) => {
      if (order.type !== "prepare") return [];
      const near = order.near === undefined ? "" : ` near ${order.near.id}`;
      return [`${to}${near} by ${order.sections[0]?.transports.join(" ")}`];
    });
  }
}
