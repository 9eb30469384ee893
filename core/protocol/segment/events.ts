import type { Millis } from "distributary/sdk";
import type { Channel, Endpoint, SegmentMessage, Tenure, Way } from "./messages.ts";

/** The five states of the election (EL, Fig. 5). */
export type ElectionState = "leader known" | "leader unknown" | "voting open" | "conceding" | "leader is me";

/** A member this one may talk to, as control or a report knows it. */
export interface Acquaintance {
  readonly id: string;
  readonly at: Endpoint;
}

/** What happens to a member of a segment. */
export type SegmentEvent =
  | { readonly type: "start" }
  /** A datagram that was opened: sealed by a member of this segment, new, and fit for what its sender is attested. */
  | { readonly type: "message"; readonly from: string; readonly message: SegmentMessage; readonly way: Way }
  /** How this member ranks now, and whether it may lead. */
  | { readonly type: "rank"; readonly priority: number; readonly eligible: boolean }
  /** Members control knows of. */
  | { readonly type: "acquaintances"; readonly members: readonly Acquaintance[] }
  /** How late this process notices things, as measured by itself. */
  | { readonly type: "lag"; readonly lagMs: Millis }
  /** Control asks the leader to move the segment to this channel. */
  | { readonly type: "move"; readonly channel: Channel }
  /** What a leader announces for a transport from now on, at once and with every `alive`; undefined for nothing. */
  | { readonly type: "announce"; readonly rides: Uint8Array | undefined }
  /** Control asks for a report. */
  | { readonly type: "ask" }
  | { readonly type: "leave" };

/** What a member of a segment does, in this order. */
export type SegmentEffect =
  | { readonly type: "send"; readonly to: Endpoint; readonly message: SegmentMessage }
  /** To everybody who listens on these channels. */
  | { readonly type: "multicast"; readonly channels: readonly Channel[]; readonly message: SegmentMessage }
  /** To be durable before anything that follows is done; given back to the member that starts next. */
  | { readonly type: "store"; readonly memory: SegmentMemory }
  /** Exactly these channels are listened on from now on. */
  | { readonly type: "listen"; readonly channels: readonly Channel[] }
  /** For control, from the leader. */
  | { readonly type: "report"; readonly report: SegmentReport }
  /** For control, from a member whose leader does not register it. */
  | { readonly type: "unregistered"; readonly leader: string; readonly tries: number }
  | { readonly type: "tell"; readonly fact: SegmentFact };

/** What outlives a member's process. */
export interface SegmentMemory {
  /** The highest epoch it has acted on. */
  readonly epoch: number;
  readonly channel: Channel;
}

/** What a leader tells control of its segment: on every change, periodically, on request and when it becomes leader. */
export interface SegmentReport {
  readonly epoch: number;
  /** Rises with every change of the members within an epoch. */
  readonly revision: number;
  readonly leader: string;
  /** How long it has been leading. */
  readonly leadingMs: Millis;
  readonly channel: Channel;
  /** Without the leader, in the order of their ids. */
  readonly members: readonly ReportedMember[];
  /** Those gone since the last report to control, at most 1,000. */
  readonly gone: readonly { readonly id: string; readonly why: "left" | "silent" }[];
}

export interface ReportedMember {
  readonly id: string;
  readonly name: string;
  readonly at: Endpoint;
  readonly priority: number;
  readonly eligible: boolean;
  readonly byUnicast: boolean;
  /** How many of 1,000 datagrams of it are lost. */
  readonly lostPermille: number;
}

/** What a member wants known: for logs, live events and the simulator's checkers. Never read back by it. */
export type SegmentFact =
  | { readonly what: "state"; readonly state: ElectionState; readonly tenure: Tenure | undefined; readonly why: string }
  | { readonly what: "member"; readonly member: string; readonly is: "registered" | "left" | "silent" }
  /** Multicast does not reach this member any more, or does again. */
  | { readonly what: "reach"; readonly byUnicast: boolean }
  /** A leader was heard that does not hear. */
  | { readonly what: "deaf"; readonly member: string }
  | { readonly what: "moved"; readonly channel: Channel }
  | { readonly what: "full"; readonly member: string };
