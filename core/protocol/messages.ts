import type { Peer } from "distributary/sdk";
import type { SegmentReport } from "./segment/events.ts";
import type { Channel, Endpoint } from "./segment/messages.ts";
import type { SegmentTimings } from "./segment/timings.ts";

/*
 * What control and nodes say to each other over their link (mutual TLS). A node keeps one stream open, on which control
 * writes a `FromControl` a line; whatever the node has to say it posts as a `FromNode`. Both are JSON.
 *
 * Orders carry no authority by themselves: what is done follows from the signed assignment they name.
 */

/** Where an assignment can be fetched: the sealed buffer itself while it is small. */
export interface AssignmentNotice {
  readonly id: string;
  readonly site: string;
  readonly serial: number;
  readonly sizeBytes: number;
  /** Base64 of the sealed buffer, if it has at most 256 KiB. */
  readonly sealed?: string;
  /** Names of the transports to try, in order. */
  readonly transports: readonly string[];
}

export type FromControl =
  | { readonly type: "welcome"; readonly node: string; readonly control: string }
  /** Is there room? Answered by `room`. */
  | {
      readonly type: "ask";
      readonly job: string;
      readonly site: string;
      readonly diskBytes: number;
      readonly entryCount: number;
    }
  /** Bring the release of these sections beside what is live. Answered by `prepared` or `failed`. */
  | {
      readonly type: "prepare";
      readonly job: string;
      readonly sections: readonly AssignmentNotice[];
      /** The leader of its segment, which hands them on. */
      readonly near?: Peer;
    }
  /** To the leader of a segment: bring these to members of it. A job's later one adds to it. Answered by `spread`. */
  | ({ readonly type: "spread" } & SpreadOrder)
  /** To the same: nobody needs it any more. */
  | { readonly type: "spread-over"; readonly job: string }
  /** Carry out a commit, rollback or remove. Answered by `switched` or `failed`. */
  | { readonly type: "switch"; readonly job: string; readonly assignment: AssignmentNotice }
  /** The job is over for this node: what was prepared for it and not committed may go. */
  | { readonly type: "forget"; readonly job: string; readonly site: string; readonly serial: number }
  /** The node's segment, its keys or its rank changed: it is to fetch its grant anew. */
  | { readonly type: "segment" }
  /** To the leader of a segment: report now. */
  | { readonly type: "segment-report" }
  /** To the leader of a segment: move it to this channel. */
  | { readonly type: "segment-move"; readonly channel: Channel }
  | { readonly type: "ping" };

/** What the leader of a segment is to bring to members of it, for a job. */
export interface SpreadOrder {
  readonly job: string;
  readonly sections: readonly AssignmentNotice[];
  /** Ids of the members that are to have them. */
  readonly members: readonly string[];
  /** What sends to all members at once; absent where they can only be served one by one. */
  readonly transport?: string;
  /** The data channel of those it is for: a multicast address and port. */
  readonly data: { readonly group: string; readonly port: number };
  /** When so many members have everything, the others are hardly waited for. */
  readonly quorum: number;
  /** What may be sent at which time of the day, where the leader is; the first that fits counts. */
  readonly ceilings: readonly Ceiling[];
}

/** The most that may be sent at a time of the day: minutes since midnight, without the end, across it if earlier. */
export interface Ceiling {
  readonly bytesPerSecond: number;
  readonly fromMinute: number;
  readonly toMinute: number;
}

/** What became of one assignment that a leader sent to its segment. */
export interface SpreadWord {
  readonly job: string;
  readonly assignment: string;
  readonly transport: string;
  /** How many members have all of it. */
  readonly complete: number;
  /** Members that were given up, at most 1,000 of them, and why. They are served one by one. */
  readonly left: readonly { readonly member: string; readonly reason: string }[];
  readonly counters: Readonly<Record<string, number>>;
}

/** What a node has of a site. */
export interface SiteState {
  readonly site: string;
  /** Serial, version and tree of what is live; absent if nothing is. */
  readonly live?: ReleaseState;
  readonly backup?: ReleaseState;
  readonly prepared?: ReleaseState;
  /** Why the live release cannot serve as a base, if it cannot. */
  readonly damage?: string;
  /** The highest serial carried out. */
  readonly lastSerial: number;
}

export interface ReleaseState {
  readonly serial: number;
  readonly version: number;
  readonly tree: string;
}

export type FromNode =
  | {
      readonly type: "hello";
      /** New at every start of the agent. */
      readonly bootId: string;
      readonly name: string;
      /** Labels and segment count as they were when it enrolled; what it says since then is only shown. */
      readonly labels: Readonly<Record<string, string>>;
      readonly segment?: string;
      readonly location?: string;
      readonly platform: string;
      readonly version: string;
      readonly cpuCount: number;
      readonly memoryBytes: number;
      readonly freeDiskBytes: number;
      /** Where other nodes can fetch from it what it is told to hand on. */
      readonly serves?: Endpoint;
      /** Providers by kind, for control to choose from. */
      readonly providers: Readonly<Record<string, readonly string[]>>;
      readonly sites: readonly SiteState[];
    }
  | { readonly type: "room"; readonly job: string; readonly able: boolean; readonly reason?: string }
  | { readonly type: "progress"; readonly job: string; readonly doneBytes: number; readonly totalBytes: number }
  | {
      readonly type: "prepared";
      readonly job: string;
      readonly state: SiteState;
      /** How many bytes of its data came by which transport. */
      readonly came?: Readonly<Record<string, number>>;
    }
  | ({ readonly type: "spread" } & SpreadWord)
  | { readonly type: "switched"; readonly job: string; readonly state: SiteState }
  | {
      readonly type: "failed";
      readonly job: string;
      readonly code: string;
      readonly reason: string;
      readonly state?: SiteState;
    }
  | SegmentWord;

/** What a node says of its segment. */
export type SegmentWord =
  /** From the leader: who is there, what it counted, and how its own multicast fares. */
  | {
      readonly type: "segment";
      readonly segment: string;
      readonly report: SegmentReport;
      readonly counters?: Readonly<Record<string, number>>;
      readonly reach: "multicast" | "unicast";
    }
  /** From a member which its leader does not register, however often it asks. */
  | { readonly type: "unregistered"; readonly segment: string; readonly leader: string; readonly tries: number };

/** `POST /link/segment`: where the node is reached by the others, and what they check its word with. */
export interface SegmentRequest {
  readonly at: Endpoint;
  /** Base64 of its Ed25519 public key for datagrams, 32 bytes. */
  readonly key: string;
  /** When the record it has was issued: the next one is to be later, whatever control's clock says by then. */
  readonly issuedAfter?: number;
  /** The segment whose other members it knows: they need not be told to it again, which would be much in a big one. */
  readonly knows?: string;
}

/** What a node needs to take part in its segment. */
export interface SegmentGrant {
  readonly segment: string;
  /** The newest tenure of this node that control knows of; a node that forgot it begins with a newer one. */
  readonly epoch?: number;
  readonly channel: Channel;
  readonly ttl: number;
  readonly reach: "auto" | "multicast" | "unicast";
  readonly timings: SegmentTimings;
  /** Keys by which datagrams are opened: base64 of 32 bytes each, older epochs first. */
  readonly keys: readonly { readonly epoch: number; readonly key: string }[];
  /** The epoch of the key that seals. */
  readonly sealWith: number;
  /** Base64 of the record, signed by control, with which the node shows the others who it is. */
  readonly record: string;
  /** The provider that ranks it, and the rank that control attests. */
  readonly priority: string;
  readonly rank: number;
  readonly eligible: boolean;
  /** Other members that control knows an address of. */
  readonly peers: readonly ({ readonly id: string } & Endpoint)[];
}

/** Paths of the link below which control answers nodes. */
export const linkPaths = {
  stream: "/link/stream",
  report: "/link/report",
  buffer: "/link/assignments/",
  key: "/link/keys/",
  segment: "/link/segment",
  enrol: "/enrol",
  renew: "/renew",
} as const;
