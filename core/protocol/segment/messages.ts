import type { Millis } from "distributary/sdk";

/*
 * What the members of a segment say to each other in datagrams, which may be lost, doubled, late and out of turn.
 * Who says it stands in the sealed envelope around it, not in the message; an address is only where to answer.
 *
 *   to everybody       alive, claim, resign, report, leave, probe (at the start)
 *   to one member      alive (as an answer), claim (to a rival), register, registered, introduce, here, probe, answer
 */

/** Where a member receives datagrams that are for itself. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** The channel a segment talks on. Of two the higher number is the newer one; a leader moves its segment to it. */
export interface Channel {
  readonly number: number;
  /** Multicast address and port. */
  readonly group: string;
  readonly port: number;
}

/** Who leads, in which tenure. Of two tenures the one with the higher epoch is newer; none has the epoch of another. */
export interface Tenure {
  readonly leader: string;
  readonly epoch: number;
}

/** From the leader, periodically, and at once to whoever seems not to hear it. */
export interface Alive {
  readonly type: "alive";
  readonly at: Endpoint;
  readonly priority: number;
  readonly epoch: number;
  /** Rises by one a period; both copies of one that is sent twice have the same. */
  readonly sequence: number;
  /** Of the last registration report. */
  readonly revision: number;
  readonly channel: Channel;
  /** What the leader announces for a transport. */
  readonly rides?: Uint8Array;
}

/** A candidate's claim; or, if it leads already, its answer to somebody else who does. */
export interface Claim {
  readonly type: "claim";
  readonly at: Endpoint;
  readonly priority: number;
  readonly leading: boolean;
  /** Its own tenure's if it leads, else the highest it knows of. */
  readonly epoch: number;
  /** The other leader that this answers: proof that it was heard. */
  readonly hears?: string;
}

/** The leader leads no more; who hears it goes to its successor, or elects one. */
export interface Resign {
  readonly type: "resign";
  readonly epoch: number;
  readonly successor?: {
    readonly id: string;
    readonly at: Endpoint;
    readonly priority: number;
    readonly epoch: number;
  };
}

/** When was the leader heard last? Answered by `answer`, and by the leader itself with `alive`. */
export interface Probe {
  readonly type: "probe";
  readonly at: Endpoint;
  readonly nonce: number;
}

export interface Answer {
  readonly type: "answer";
  readonly nonce: number;
  /** How the probe came: so that who asked learns whether its multicast arrives. */
  readonly heardBy: Way;
  /** Whom it follows, how long ago it heard it, and whether that leader knows it; absent if it follows nobody. */
  readonly follows?: Tenure & {
    readonly at: Endpoint;
    readonly priority: number;
    readonly ageMs: Millis;
    readonly isRegistered: boolean;
  };
}

/** A member makes itself known to its leader, which answers with `registered`. */
export interface Register {
  readonly type: "register";
  readonly at: Endpoint;
  readonly name: string;
  readonly priority: number;
  readonly eligible: boolean;
  /** The highest epoch it has acted on. */
  readonly epoch: number;
  /** Multicast does not reach it: what is for everybody is to be sent to it as well. */
  readonly byUnicast: boolean;
}

/** The registration arrived, and stands in every report from this revision on. */
export interface Registered {
  readonly type: "registered";
  readonly epoch: number;
  readonly revision: number;
}

/** The leader does not know who sent `here`: register, please. */
export interface Introduce {
  readonly type: "introduce";
  readonly epoch: number;
}

/** A registered member is there, once a period. */
export interface Here {
  readonly type: "here";
  readonly at: Endpoint;
  readonly epoch: number;
  readonly sequence: number;
  /** How many of 1,000 `alive` it misses, as far as it can tell. */
  readonly lostPermille: number;
  readonly byUnicast: boolean;
}

/** One registered member in a report. */
export interface Listed {
  readonly id: string;
  readonly at: Endpoint;
  readonly priority: number;
  readonly eligible: boolean;
  readonly byUnicast: boolean;
}

/**
 * A part of what the leader believes: of the ids from `from` (with it) to `to` (without it; "" for no end), exactly
 * these are registered, in the order of their ids.
 */
export interface RegistrationReport {
  readonly type: "report";
  readonly epoch: number;
  readonly revision: number;
  readonly from: string;
  readonly to: string;
  readonly members: readonly Listed[];
}

/** The member goes. */
export interface Leave {
  readonly type: "leave";
}

export type SegmentMessage =
  Alive | Claim | Resign | Probe | Answer | Register | Registered | Introduce | Here | RegistrationReport | Leave;

/** How a datagram came: by the channel's multicast group, or to this member alone. */
export type Way = "multicast" | "unicast";

/** Most members that fit into one part of a report within a datagram of usual size. */
export const membersPerReport = 16;
/** What rides on an `alive`, so that both fit into a datagram of usual size. */
export const mostRidesBytes = 600;
/** Most members of a segment: more are not registered, and that is said. */
export const mostMembers = 4_096;
