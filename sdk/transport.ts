import type { Io, Peer } from "./io.ts";

/** The pieces of one assignment's data, on disk. All but the last are `pieceBytes` long. */
export interface PieceStore {
  /** Hex hash of the signed command buffer. */
  readonly assignment: string;
  readonly sizeBytes: number;
  readonly pieceBytes: number;
  readonly pieceCount: number;
  has(index: number): boolean;
  /** The bytes of a piece that `has`; checked against its hash again. */
  read(index: number): Uint8Array;
  /**
   * Stores a piece; twice does nothing. Throws DIST_ERR_TRANSFER_PIECE if its hash is not the signed one. Whoever calls
   * may use `bytes` for the next.
   */
  write(index: number, bytes: Uint8Array): void;
}

/** Pieces that follow each other. */
export interface PieceRange {
  /** First piece. */
  readonly from: number;
  /** One past the last. */
  readonly to: number;
}

/** Brings pieces from a peer that has them. */
export interface PeerTransport {
  readonly reach: "peer";
  /** Offers what `find` knows to peers, until disposed. `find` answers undefined for what this peer may not have. */
  serve(io: Io, find: (assignment: string, peerId: string) => PieceStore | undefined): Disposable;
  /**
   * Writes the pieces of `range` that `into` lacks. Resolves when all are there; rejects with a retryable
   * DIST_ERR_TRANSFER_BROKEN otherwise, having kept what arrived. Obeys the signal within a second.
   */
  fetch(io: Io, source: Peer, range: PieceRange, into: PieceStore, signal: AbortSignal): Promise<void>;
}

/** Brings pieces to all members of a segment at once. */
export interface MembersTransport {
  readonly reach: "members";
  /** Takes what the leader sends until disposed. Rejects if this host cannot listen there. */
  join(io: Io, channel: Channel, intake: Intake): Promise<AsyncDisposable>;
  /**
   * Sends pieces to members of the segment, from its leader. Resolves when each of them either has all of them or was
   * given up, which takes a bounded time; what nobody lacks is not sent. Obeys the signal within a second.
   */
  send(io: Io, channel: Channel, delivery: Delivery, signal: AbortSignal): Promise<Delivered>;
}

/** What the leader is to bring to members of its segment. */
export interface Delivery {
  /** May still be filling: a piece is sent once it `has` it. */
  readonly from: PieceStore;
  readonly range: PieceRange;
  /** Ids of the nodes that are to have it, at most 4,096. Others may take what they hear, and nobody waits for them. */
  readonly members: readonly string[];
  /** When so many have everything, the others are waited for only a little. All of them if absent. */
  readonly quorum?: number;
  /** The data channel of those it is for (CM-18): a multicast address and port. */
  readonly group: string;
  readonly port: number;
  /** The most that may be sent at this moment, in bytes a second on the wire; asked again and again. */
  mostBytesPerSecond?(): number;
}

/** What became of a delivery. */
export interface Delivered {
  /** Ids of those that have everything. */
  readonly complete: readonly string[];
  /** The others, and why each was given up: they are served by a peer transport. */
  readonly left: readonly { readonly member: string; readonly reason: string }[];
  /** Numbers for people, such as how much was sent; names in camelCase with their unit. */
  readonly counters: Readonly<Record<string, number>>;
}

/** What a member lets a transport bring. */
export interface Intake {
  /** Where the pieces of an assignment go; undefined for what this node does not want, or not any more. */
  find(assignment: string): PieceStore | undefined;
  /** The leader sends an assignment that `find` knows. Said again after `ended` if it is sent anew. */
  began(assignment: string): void;
  /**
   * Nothing more comes of it from this sender: because everything is there, or for the reason given. Follows every
   * `began` within a bounded time, unless what `join` gave was disposed before.
   */
  ended(assignment: string, reason: string | undefined): void;
}

/** The members of a segment, as a transport reaches them. */
export interface Channel {
  /** The id of this node. */
  readonly self: string;
  /** This host's, in the LAN. */
  readonly interfaceAddress: string;
  /** How many routers datagrams may pass. */
  readonly ttl: number;
  /** The longest datagram that leaves this host in one packet. */
  readonly datagramBytes: number;
  /**
   * From the leader to all members, sealed and signed: said at once, and again with every sign of life, until something
   * else is. At most 600 bytes; undefined ends it. Lost as datagrams are, so it bears repeating.
   */
  announce(bytes: Uint8Array | undefined): void;
  /** Takes what the leader of the segment announces, until disposed. */
  listen(heard: (leader: string, bytes: Uint8Array) => void): Disposable;
}

/** A way for pieces from one host to others. */
export type Transport = PeerTransport | MembersTransport;
