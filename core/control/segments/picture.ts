import type { Millis } from "distributary/sdk";
import { formatDuration } from "../../../config/units.ts";
import type { SegmentWord } from "../../protocol/messages.ts";
import type { ReportedMember, SegmentReport } from "../../protocol/segment/events.ts";

type LeaderWord = Extract<SegmentWord, { type: "segment" }>;

/** A part of a segment: a leader, and who it says follows it. A segment that is not cut up has one. */
export interface SegmentPart extends Omit<SegmentReport, "members" | "gone" | "leadingMs"> {
  /** When it became leader. */
  readonly since: Millis;
  readonly reportedAt: Millis;
  readonly reach: LeaderWord["reach"];
  readonly counters: Readonly<Record<string, number>>;
  /** By id. Some may follow the leader of a newer tenure by now. */
  readonly members: Map<string, ReportedMember>;
}

/** What came of something that happened. */
export type SegmentChange =
  /** A new tenure. */
  | { readonly type: "leader"; readonly node: string; readonly epoch: number }
  /** A node is in a part that was in none, or is in none any more. */
  | { readonly type: "joined" | "left"; readonly node: string }
  /** A part is another one now, was only confirmed, or is over. */
  | { readonly type: "part" | "heard" | "over"; readonly leader: string };

/** How often leaders report, and so many reports may be missing. */
const reportIntervalMs = 60_000;
const wordMs = 3 * reportIntervalMs;
/** A leader that is not connected for longer is either dead, and replaced by now, or nobody knows. */
const awayMs = 60_000;
/** So long a node that no report names any more may need to register with another leader. */
const settleMs = 30_000;
/** Epochs rise by one a tenure; who is so far ahead made one up. */
const mostAhead = 2 ** 20;

const mostCounters = 100;

interface Enrolled {
  readonly name: string;
  /** Since when it is not connected to control; undefined if it is. */
  awaySince: Millis | undefined;
}

/** What a node said of a leader that does not register it. */
interface Complaint {
  readonly leader: string;
  readonly tries: number;
  readonly at: Millis;
}

/** What is known of one segment, told from the word of its leaders. Time and word go in, changes come out. */
export class SegmentPicture {
  readonly #startedAt: Millis;
  readonly #enrolled = new Map<string, Enrolled>();
  readonly #parts = new Map<string, SegmentPart>();
  /** Tenures of a node up to this epoch are over. */
  readonly #over = new Map<string, number>();
  /** Whom each node follows, or that it leads. */
  #placed = new Map<string, SegmentPart>();
  /** Nodes of parts that are over, since when, until they are named again or count as gone. */
  readonly #loose = new Map<string, Millis>();
  readonly #complaints = new Map<string, Complaint>();
  /** Since when nobody leads, if nobody does. */
  #leaderlessSince: Millis;
  readonly refused = { reports: 0, members: 0, last: "" };

  constructor(startedAt: Millis) {
    this.#startedAt = startedAt;
    this.#leaderlessSince = startedAt;
  }

  get leaderlessSince(): Millis {
    return this.#leaderlessSince;
  }

  get enrolled(): ReadonlyMap<string, Readonly<Enrolled>> {
    return this.#enrolled;
  }

  get parts(): readonly SegmentPart[] {
    return [...this.#parts.values()].sort((a, b) => (isNewer(a, b) ? -1 : 1));
  }

  enrol(now: Millis, node: string, name: string): void {
    this.#enrolled.set(node, { name, awaySince: this.#enrolled.get(node)?.awaySince ?? now });
  }

  /** Puts back what was known before control stopped; undefined stands for a tenure that is over. */
  restore(leader: string, epoch: number, part: SegmentPart | undefined): void {
    if (part === undefined || !this.#enrolled.has(leader)) this.#over.set(leader, epoch);
    else {
      // Some may have gone since their leader spoke.
      for (const id of part.members.keys()) if (!this.#enrolled.has(id)) part.members.delete(id);
      this.#parts.set(leader, part);
    }
    this.#placed = this.#placement();
  }

  /** The node is not in the segment any more. */
  remove(now: Millis, node: string): SegmentChange[] {
    this.#enrolled.delete(node);
    this.#complaints.delete(node);
    const hasLed = this.#over.delete(node) || this.#parts.has(node);
    this.#parts.delete(node);
    for (const { members } of this.#parts.values()) members.delete(node);
    const wasThere = this.#placed.has(node) || this.#loose.delete(node);
    const changes = this.#settle(now, new Set([node]));
    const isSaid = changes.some((change) => change.type === "left" && change.node === node);
    return [
      ...(hasLed ? [{ type: "over", leader: node } as const] : []),
      ...(wasThere && !isSaid ? [{ type: "left", node } as const] : []),
      ...changes,
    ];
  }

  connected(node: string): void {
    const entry = this.#enrolled.get(node);
    if (entry !== undefined) entry.awaySince = undefined;
  }

  disconnected(now: Millis, node: string): SegmentChange[] {
    const entry = this.#enrolled.get(node);
    if (entry !== undefined) entry.awaySince ??= now;
    // Only leaders speak; and all nodes may lose control at the same moment.
    return this.#parts.has(node) ? this.#settle(now) : [];
  }

  /** Takes the report of a leader; one that cannot be is counted, and changes nothing. */
  report(now: Millis, from: string, { report, reach, counters = {} }: LeaderWord): SegmentChange[] {
    const objection = this.#objectionTo(from, report);
    if (objection !== undefined) {
      this.refuse(from, objection);
      return [];
    }
    const before = this.#parts.get(from);
    const { leadingMs, members: listed, gone, ...tenure } = report;
    const known = listed.filter(({ id }) => id !== from && this.#enrolled.has(id));
    this.refused.members += listed.length - known.length;
    const began = now - Math.min(leadingMs, now);
    // It may have led on under a newer epoch.
    const isStill = before !== undefined && (before.epoch === report.epoch || began <= before.reportedAt);
    const since = isStill ? before.since : began;
    const members = new Map(known.map((member) => [member.id, member]));
    const shown = Object.fromEntries(Object.entries(counters).slice(0, mostCounters));
    this.#parts.set(from, { ...tenure, since, reportedAt: now, reach, counters: shown, members });
    const isSame = before?.epoch === report.epoch;
    const isOld = isSame && before.revision === report.revision && before.channel.number === report.channel.number;
    const changes: SegmentChange[] = [{ type: isOld ? "heard" : "part", leader: from }];
    if (!isStill) changes.push({ type: "leader", node: from, epoch: report.epoch });
    for (const other of this.parts) {
      if (!members.has(other.leader) || other.epoch > report.epoch) continue;
      this.#end(other);
      changes.push({ type: "over", leader: other.leader });
    }
    for (const [node, { leader }] of this.#complaints) {
      if (node === from || (leader !== from && members.has(node))) this.#complaints.delete(node);
    }
    return [...changes, ...this.#settle(now, new Set(gone.map(({ id }) => id)))];
  }

  /** A node's word that its leader does not register it. */
  complain(now: Millis, node: string, leader: string, tries: number): void {
    if (this.#enrolled.has(leader) && leader !== node) this.#complaints.set(node, { leader, tries, at: now });
    else this.refuse(node, "it complains of a node that is not in the segment");
  }

  /** How many nodes say that their leader does not register them. */
  get complaintCount(): number {
    return this.#complaints.size;
  }

  refuse(node: string, why: string): void {
    this.refused.reports += 1;
    this.refused.last = `of ${this.#nameOf(node)}: ${why}`;
  }

  /** Time has passed. */
  tick(now: Millis): SegmentChange[] {
    for (const [node, { at }] of this.#complaints) if (now - at > wordMs) this.#complaints.delete(node);
    const late = [...this.#loose].filter(([, since]) => now - since > settleMs).map(([node]) => node);
    for (const node of late) this.#loose.delete(node);
    return [...this.#settle(now), ...late.map((node) => ({ type: "left", node }) as const)];
  }

  /** The last tenure of a node that is over. */
  overOf(leader: string): number | undefined {
    return this.#over.get(leader);
  }

  /** Whom a node follows; itself if it leads. Undefined for one that no report names. */
  partOf(node: string): SegmentPart | undefined {
    return this.#placed.get(node);
  }

  /** How many nodes follow this leader, with itself. */
  sizeOf(part: SegmentPart): number {
    let count = 0;
    for (const at of this.#placed.values()) if (at === part) count += 1;
    return count;
  }

  /** How many nodes are connected to control. */
  get connectedCount(): number {
    let count = 0;
    for (const { awaySince } of this.#enrolled.values()) if (awaySince === undefined) count += 1;
    return count;
  }

  /** Why nothing is known of a part at the moment; undefined if something is. */
  silenceOf({ leader, reportedAt }: SegmentPart, now: Millis): string | undefined {
    const awaySince = this.#enrolled.get(leader)?.awaySince;
    const name = this.#nameOf(leader);
    const isAway = awaySince !== undefined && now - awaySince > awayMs;
    if (isAway) return `its leader ${name} is not connected to control`;
    const lastWord = Math.max(reportedAt, this.#startedAt);
    return now - lastWord > wordMs ? `its leader ${name} is connected, but does not report` : undefined;
  }

  /** Why a node is in no part, as far as it or its connection says; undefined for one that is in one. */
  absenceOf(node: string, now: Millis): string | undefined {
    const complaint = this.#complaints.get(node);
    if (complaint !== undefined)
      return `${this.#nameOf(complaint.leader)} does not register it (${complaint.tries} tries)`;
    if (this.#placed.has(node)) return undefined;
    const awaySince = this.#enrolled.get(node)?.awaySince;
    if (awaySince !== undefined) return `not connected for ${formatDuration(now - awaySince)}`;
    return "no leader has reported it";
  }

  #objectionTo(from: string, { leader, epoch, revision }: SegmentReport): string | undefined {
    if (leader !== from) return "it reports in the name of another";
    const before = this.#parts.get(from);
    if (epoch <= (this.#over.get(from) ?? -1)) return `its tenure ${epoch} is over`;
    if (before !== undefined && (epoch < before.epoch || (epoch === before.epoch && revision < before.revision)))
      return `it said something newer than ${epoch}.${revision} before`;
    const newer = this.parts.find((part) => part.epoch >= epoch && part.members.has(from));
    if (newer !== undefined) return `it follows ${this.#nameOf(newer.leader)}, whose tenure is not older`;
    const highest = Math.max(...this.#over.values(), ...this.parts.map((part) => part.epoch));
    return epoch > highest + mostAhead && highest >= 0 ? `tenure ${epoch} is too far ahead` : undefined;
  }

  #end({ leader, epoch }: SegmentPart): void {
    this.#parts.delete(leader);
    this.#over.set(leader, epoch);
  }

  /** Drops parts in which nobody is left, and says who is in a part now, and who is not any more. */
  #settle(now: Millis, gone: ReadonlySet<string> = new Set()): SegmentChange[] {
    const changes: SegmentChange[] = [];
    let placed = this.#placement();
    const speaks = (part: SegmentPart) =>
      this.silenceOf(part, now) === undefined && this.#enrolled.get(part.leader)?.awaySince === undefined;
    for (const part of this.parts) {
      const isAlone = ![...placed].some(([node, at]) => at === part && node !== part.leader);
      if (!isAlone || speaks(part) || !this.parts.some(speaks)) continue;
      this.#end(part);
      changes.push({ type: "over", leader: part.leader });
      placed = this.#placement();
    }
    for (const node of placed.keys()) {
      if (!this.#loose.delete(node) && !this.#placed.has(node)) changes.push({ type: "joined", node });
    }
    for (const node of this.#placed.keys()) {
      if (placed.has(node)) continue;
      if (gone.has(node)) changes.push({ type: "left", node });
      else this.#loose.set(node, now);
    }
    this.#placed = placed;
    if (this.#parts.size > 0) this.#leaderlessSince = now;
    return changes;
  }

  /** Each node in the part of the newest tenure that names it. */
  #placement(): Map<string, SegmentPart> {
    const placed = new Map<string, SegmentPart>();
    for (const part of this.parts) {
      for (const node of [part.leader, ...part.members.keys()]) if (!placed.has(node)) placed.set(node, part);
    }
    return placed;
  }

  #nameOf(node: string): string {
    return this.#enrolled.get(node)?.name ?? node;
  }
}

/** Who did not hear of a tenure may begin another of the same epoch; then the later one counts. */
function isNewer(a: SegmentPart, b: SegmentPart): boolean {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch;
  return a.since === b.since ? a.leader > b.leader : a.since > b.since;
}
