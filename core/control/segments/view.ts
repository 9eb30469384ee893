import type { Millis } from "distributary/sdk";
import type { ReportedMember } from "../../protocol/segment/events.ts";
import type { Channel } from "../../protocol/segment/messages.ts";
import type { SegmentPart, SegmentPicture } from "./picture.ts";

/**
 * How a segment is. `led`: by one leader, which reports. `split`: several leaders report, who do not hear each other.
 * `no word`: there is a leader, but nothing was heard of it for long. `no leader`: none has reported. `empty`: it has
 * no nodes.
 */
export type SegmentState = "led" | "split" | "no word" | "no leader" | "empty";

/** A segment in one line. Moments are milliseconds since 1970. */
export interface SegmentSummary {
  readonly segment: string;
  readonly state: SegmentState;
  /** Why it is so; empty if it is as it should be. */
  readonly reason: string;
  /** Since when there is no leader, or no word. */
  readonly since?: Millis;
  /** The name of its leader; of that of the newest tenure, if there are several. */
  readonly leader?: string;
  readonly epoch?: number;
  readonly leaderSince?: Millis;
  /** When a leader reported last. */
  readonly heardAt?: Millis;
  /** Nodes that follow that leader, and itself. */
  readonly members: number;
  readonly enrolled: number;
  readonly connected: number;
  readonly reach?: "multicast" | "unicast";
  readonly channel?: Channel;
}

/** One node of a segment. */
export interface SegmentMemberView {
  readonly id: string;
  readonly name: string;
  readonly connected: boolean;
  readonly is: "leader" | "member" | "missing";
  /** The name of the leader it follows. */
  readonly leader?: string;
  readonly address?: string;
  readonly port?: number;
  readonly priority?: number;
  readonly eligible?: boolean;
  readonly byUnicast?: boolean;
  readonly lostPermille?: number;
  /** Why it is missing, or what it complains of. */
  readonly reason?: string;
}

/** All that is known of a segment. */
export interface SegmentView extends SegmentSummary {
  readonly parts: readonly {
    readonly leader: string;
    readonly epoch: number;
    readonly revision: number;
    readonly since: Millis;
    readonly reportedAt: Millis;
    readonly members: number;
    readonly counters: Readonly<Record<string, number>>;
    /** Why nothing is known of it at the moment. */
    readonly silence?: string;
  }[];
  readonly nodes: readonly SegmentMemberView[];
  /** Reports, and members in reports, that could not be. */
  readonly refused: { readonly reports: number; readonly members: number; readonly last: string };
}

/** A segment in one line, as it is now. */
export function summaryOf(segment: string, picture: SegmentPicture, now: Millis): SegmentSummary {
  const { enrolled, parts } = picture;
  const spoken = parts.filter((part) => picture.silenceOf(part, now) === undefined);
  const main = spoken[0] ?? parts[0];
  const connected = picture.connectedCount;
  const counts = { enrolled: enrolled.size, connected };
  if (main === undefined) {
    const since = picture.leaderlessSince;
    if (enrolled.size === 0) return { segment, state: "empty", reason: "no node is in it", members: 0, ...counts };
    const reason = connected === 0 ? "none of its nodes is connected" : "no leader has reported";
    return { segment, state: "no leader", reason, since, members: 0, ...counts };
  }
  const silence = picture.silenceOf(main, now);
  const members = picture.sizeOf(main);
  const state = silence !== undefined ? "no word" : spoken.length > 1 ? "split" : "led";
  return {
    segment,
    state,
    reason: silence ?? reasonOf(picture, spoken, members),
    ...(silence === undefined ? {} : { since: main.reportedAt }),
    leader: nameOf(picture, main.leader),
    epoch: main.epoch,
    leaderSince: main.since,
    heardAt: Math.max(...parts.map(({ reportedAt }) => reportedAt)),
    members,
    ...counts,
    reach: main.reach,
    channel: main.channel,
  };
}

function reasonOf(picture: SegmentPicture, spoken: readonly SegmentPart[], members: number): string {
  const names = spoken.map(({ leader }) => nameOf(picture, leader));
  if (names.length > 1) return `${names.join(" and ")} lead, and do not hear each other`;
  const [missing, complaints] = [picture.enrolled.size - members, picture.complaintCount];
  const reasons = [
    ...(missing === 0 ? [] : [`${missing} of its nodes ${missing === 1 ? "does" : "do"} not follow ${names[0] ?? ""}`]),
    ...(complaints === 0 ? [] : [`${complaints} ${complaints === 1 ? "says it is" : "say they are"} not registered`]),
  ];
  return reasons.join("; ");
}

/** All that is known of a segment now. */
export function viewOf(segment: string, picture: SegmentPicture, now: Millis): SegmentView {
  const parts = picture.parts.map((part) => {
    const { leader, epoch, revision, since, reportedAt, counters } = part;
    const silence = picture.silenceOf(part, now);
    const members = picture.sizeOf(part);
    const tenure = { leader: nameOf(picture, leader), epoch, revision, since, reportedAt, members, counters };
    return { ...tenure, ...(silence === undefined ? {} : { silence }) };
  });
  const nodes = [...picture.enrolled.keys()].map((node) => memberOf(picture, node, now));
  nodes.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...summaryOf(segment, picture, now), parts, nodes, refused: picture.refused };
}

function memberOf(picture: SegmentPicture, id: string, now: Millis): SegmentMemberView {
  const { name = id, awaySince } = picture.enrolled.get(id) ?? {};
  const part = picture.partOf(id);
  const reason = picture.absenceOf(id, now);
  const said = part?.members.get(id);
  return {
    id,
    name,
    connected: awaySince === undefined,
    is: part === undefined ? "missing" : part.leader === id ? "leader" : "member",
    ...(part === undefined ? {} : { leader: nameOf(picture, part.leader) }),
    ...(said === undefined ? {} : { ...factsOf(said) }),
    ...(reason === undefined ? {} : { reason }),
  };
}

function factsOf({ at, priority, eligible, byUnicast, lostPermille }: ReportedMember) {
  return { ...at, priority, eligible, byUnicast, lostPermille };
}

function nameOf(picture: SegmentPicture, node: string): string {
  return picture.enrolled.get(node)?.name ?? node;
}
