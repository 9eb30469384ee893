import type { Kysely } from "kysely";
import { failure } from "distributary/sdk";
import type { Log } from "distributary/sdk";
import type { Kernel } from "../../kernel/kernel.ts";
import type { SegmentGrant, SegmentRequest, SegmentWord } from "../../protocol/messages.ts";
import type { Authority } from "../authority.ts";
import type { Enrolment } from "../enrolment.ts";
import type { Events } from "../events.ts";
import type { NodeHub } from "../node-hub.ts";
import { SegmentBook } from "./book.ts";
import type { BookChange, SegmentNode } from "./book.ts";
import { SegmentGrants } from "./grants.ts";
import { SegmentKeys } from "./keys.ts";
import type { SegmentPart } from "./picture.ts";
import { SegmentRoster } from "./roster.ts";
import { SegmentSettings } from "./settings.ts";
import { SegmentStore } from "./store.ts";
import { Teller } from "./teller.ts";
import type { SegmentSummary, SegmentView } from "./view.ts";
import type { Schema } from "../store/schema.ts";

export interface SegmentParts {
  readonly db: Kysely<Schema>;
  readonly hub: NodeHub;
  readonly enrolment: Enrolment;
  readonly authority: Authority;
  readonly events: Events;
  readonly log: Log;
  kernel(): Kernel;
}

const tickMs = 1_000;
const hookMs = 60_000;
const refusalMs = 60_000;

/** Control's side of segments: who is in which, what they need to talk to each other, and what is known of them. */
export class Segments implements AsyncDisposable {
  readonly #parts: SegmentParts;
  readonly #book: SegmentBook;
  readonly #roster: SegmentRoster;
  readonly #settings: SegmentSettings;
  readonly #keys: SegmentKeys;
  readonly #store: SegmentStore;
  readonly #grants: SegmentGrants;
  /** Segments whose key could not be replaced yet. */
  readonly #late = new Set<string>();
  readonly #teller: Teller;
  #timer: NodeJS.Timeout | undefined;
  /** When a word of a node was last said to be refused. */
  readonly #refusedAt = new Map<string, number>();
  #ticking: Promise<void> | undefined;

  constructor(parts: SegmentParts) {
    this.#parts = parts;
    this.#teller = new Teller(parts.hub);
    this.#book = new SegmentBook(Date.now());
    this.#roster = new SegmentRoster(parts.db);
    this.#settings = new SegmentSettings(parts.db);
    this.#keys = new SegmentKeys(parts.db);
    this.#store = new SegmentStore(parts.db, this.#book);
    const [roster, settings, keys] = [this.#roster, this.#settings, this.#keys];
    this.#grants = new SegmentGrants({ ...parts, roster, settings, keys });
  }

  /** With what was known when control stopped; listens to nodes from now on. */
  async start(): Promise<void> {
    await this.#load();
    this.#parts.enrolment.watch({
      enrolled: (node) => this.#enrolled(node),
      revoked: (node) => void this.#remove(node),
    });
    this.#parts.hub.watch({
      connected: (node) => this.#connected(node),
      disconnected: (node) => this.#happened(this.#book.disconnected(Date.now(), node)),
      doubled: (node) => void this.#lockOut(this.#roster.get(node)?.segment),
      said: (node, word) => this.#take(node, word),
    });
    this.#timer = setInterval(() => void (this.#ticking ??= this.#tick()), tickMs);
  }

  async #load(): Promise<void> {
    const [late] = await Promise.all([this.#keys.load(), this.#roster.load(), this.#settings.load()]);
    for (const segment of late) this.#late.add(segment);
    for (const name of this.#settings.declared()) this.#book.declare(name);
    for (const node of this.#roster.all()) this.#book.enrol(Date.now(), node);
    await this.#store.load();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#teller[Symbol.dispose]();
    await this.#ticking;
    await this.#flush();
  }

  /** All segments, by name. */
  summaries(): SegmentSummary[] {
    const now = Date.now();
    return this.#book.segments().flatMap((name) => this.#book.summary(name, now) ?? []);
  }

  /** Throws DIST_ERR_SEGMENT_UNKNOWN. */
  view(segment: string): SegmentView {
    const view = this.#book.view(segment, Date.now());
    if (view === undefined) throw failure("DIST_ERR_SEGMENT_UNKNOWN", { segment });
    // Where its leader has reached a node counts more than where the node says it is.
    return { ...view, nodes: view.nodes.map((node) => ({ ...this.#roster.get(node.id)?.member?.at, ...node })) };
  }

  /** The part of its segment that a node is in; undefined while no leader has reported it. */
  placeOf(node: string): SegmentPart | undefined {
    return this.#book.placeOf(node);
  }

  /** The segment of a node; "" if nobody knows the node. */
  segmentOf(node: string): string {
    return this.#roster.get(node)?.segment ?? "";
  }

  /** Where data for a group is sent in a segment (CM-18). */
  dataChannel(segment: string, group: string): { group: string; port: number } {
    return this.#settings.dataChannelOf(segment, group);
  }

  nameOf(node: string): string {
    return this.#roster.get(node)?.name ?? node;
  }

  /** What a node needs to take part in its segment. Throws DIST_ERR_NODE_UNKNOWN and DIST_ERR_AUTH_TWICE. */
  async grant(id: string, request: SegmentRequest): Promise<SegmentGrant> {
    this.#parts.hub.checkSingle(id);
    const grant = await this.#grants.of(id, request);
    const epoch = this.#book.epochOf(grant.segment, id);
    return epoch === undefined ? grant : { ...grant, epoch };
  }

  /** Declarations may have changed: members of segments that are declared otherwise now are told. */
  async declared(): Promise<void> {
    const { changed, moved } = await this.#settings.reload((segment) => this.#roster.in(segment).length > 0);
    for (const segment of changed) {
      this.#book.declare(segment);
      this.#teller.tell(this.#roster.in(segment), { type: "segment" });
    }
    for (const segment of moved) this.#tellToMove(segment);
  }

  /** A node is in this segment from now on; that is stored already. */
  async put(id: string, segment: string): Promise<void> {
    const entry = this.#roster.get(id);
    if (entry === undefined || entry.segment === segment) return;
    this.#roster.put({ ...entry, segment });
    this.#happened(this.#book.enrol(Date.now(), { ...entry, segment }));
    if (this.#parts.hub.isConnected(id)) this.#happened(this.#book.connected(Date.now(), id));
    this.#teller.tell([id], { type: "segment" });
    await this.#lockOut(entry.segment);
  }

  /** Its leader moves the segment to another channel. Throws DIST_ERR_SEGMENT_UNKNOWN. */
  async move(segment: string, channel: string): Promise<SegmentGrant["channel"]> {
    this.view(segment);
    const moved = await this.#settings.move(segment, channel, this.#book.channelNumberIn(segment));
    this.#tellToMove(segment);
    return moved;
  }

  /** Asks the leaders of a segment to report now; returns their names. Throws DIST_ERR_SEGMENT_UNKNOWN. */
  ask(segment: string): string[] {
    this.view(segment);
    const leaders = this.#book.leadersOf(segment);
    this.#teller.tell(leaders, { type: "segment-report" });
    return leaders.map((leader) => this.nameOf(leader));
  }

  #enrolled(node: SegmentNode): void {
    this.#roster.put(node);
    this.#happened(this.#book.enrol(Date.now(), node));
  }

  async #remove(node: string): Promise<void> {
    const { segment } = this.#roster.get(node) ?? {};
    this.#roster.remove(node);
    this.#refusedAt.delete(node);
    this.#happened(this.#book.remove(Date.now(), node));
    await this.#lockOut(segment);
  }

  /** Somebody who knows the segment's key is not to know what is said from now on. */
  async #lockOut(segment: string | undefined): Promise<void> {
    if (segment === undefined) return;
    try {
      await this.#keys.replace(segment, Date.now());
      this.#teller.tell(this.#roster.in(segment), { type: "segment" });
    } catch (error) {
      this.#late.add(segment);
      this.#warn(error, "a segment has no new key yet");
    }
  }

  #connected(node: string): void {
    this.#happened(this.#book.connected(Date.now(), node));
    const { segment } = this.#roster.get(node) ?? {};
    if (segment === undefined || !this.#book.leadersOf(segment).includes(node)) return;
    this.#parts.hub.send(node, { type: "segment-report" });
  }

  #take(node: string, word: SegmentWord): void {
    const segment = this.#roster.get(node)?.segment ?? "";
    const before = this.#book.refusedIn(segment)?.reports ?? 0;
    this.#happened(this.#book.take(Date.now(), node, word));
    const refused = this.#book.refusedIn(segment);
    if (refused !== undefined && refused.reports > before) {
      this.#warnOfRefusal(node, segment, refused.last);
      return;
    }
    if (word.type === "unregistered") this.#parts.log.warn({ node, ...word }, "a leader does not register a member");
    const channel = this.#settings.channelOf(segment);
    const isBehind = word.type === "segment" && word.report.channel.number < channel.number;
    if (isBehind) this.#parts.hub.send(node, { type: "segment-move", channel });
  }

  /** At most once a minute a node: who sends nonsense must not fill the log. */
  #warnOfRefusal(node: string, segment: string, why: string): void {
    const now = Date.now();
    if (now - (this.#refusedAt.get(node) ?? -Infinity) < refusalMs) return;
    this.#refusedAt.set(node, now);
    this.#parts.log.warn({ node, segment, why }, "word of a segment refused");
  }

  /** Without a leader every node has to be told by itself. */
  #tellToMove(segment: string): void {
    const leaders = this.#book.leadersOf(segment).filter((leader) => this.#parts.hub.isConnected(leader));
    const channel = this.#settings.channelOf(segment);
    if (leaders.length > 0) this.#teller.tell(leaders, { type: "segment-move", channel });
    else this.#teller.tell(this.#roster.in(segment), { type: "segment" });
  }

  #happened(changes: readonly BookChange[]): void {
    const { events, log } = this.#parts;
    const { hooks } = this.#parts.kernel();
    const within = () => AbortSignal.timeout(hookMs);
    for (const change of changes) {
      const { segment } = change;
      this.#store.note(change);
      if (change.type === "leader") {
        log.info({ segment, node: change.node, epoch: change.epoch }, "a segment has a leader");
        this.#hook(() => hooks.leaderElected.promise(segment, change.node, within()));
      }
      if (change.type === "joined") this.#hook(() => hooks.nodeJoined.promise(change.node, within()));
      if (change.type === "left") this.#hook(() => hooks.nodeLeft.promise(change.node, within()));
      if (change.type === "summary") {
        const { leader, epoch, members, state, reason } = change.summary;
        events.emit({ type: "segment", segment, leader: leader ?? null, epoch: epoch ?? 0, members, state, reason });
      }
    }
  }

  /** What a plugin does about it is its own affair. */
  #hook(call: () => Promise<unknown>): void {
    call().catch((error: unknown) => this.#warn(error, "a hook failed"));
  }

  async #tick(): Promise<void> {
    const now = Date.now();
    try {
      this.#happened(this.#book.tick(now));
      // Those that fail again are for the next time.
      for (const segment of [...this.#late]) {
        this.#late.delete(segment);
        await this.#lockOut(segment);
      }
      const stepped = await this.#keys.tick(now, (segment) => this.#isThere(segment));
      for (const segment of stepped) this.#teller.tell(this.#roster.in(segment), { type: "segment" });
    } catch (error) {
      this.#warn(error, "segments could not be looked after");
    }
    await this.#flush();
    this.#ticking = undefined;
  }

  /** Whether all who take part in a segment are connected: a new key would part the others from it. */
  #isThere(segment: string): boolean {
    const { hub } = this.#parts;
    return this.#roster.in(segment).every((node) => hub.isConnected(node) || this.placeOf(node) === undefined);
  }

  async #flush(): Promise<void> {
    await this.#store.flush(Date.now()).catch((error: unknown) => this.#warn(error, "segments could not be stored"));
  }

  #warn(error: unknown, what: string): void {
    this.#parts.log.warn({ error: (error as Error).message }, what);
  }
}
