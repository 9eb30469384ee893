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
  /** Takes part in the sessions of a segment until disposed. `find` answers undefined for what is not for this node. */
  join(io: Io, channel: Channel, find: (assignment: string) => PieceStore | undefined): Promise<AsyncDisposable>;
  /**
   * Sends `range` to the members named; resolves with the ids of those that have everything. The rest is served by a
   * peer transport.
   */
  send(
    io: Io,
    channel: Channel,
    range: PieceRange,
    from: PieceStore,
    members: readonly Peer[],
    signal: AbortSignal,
  ): Promise<readonly string[]>;
}

/** Where the members of a segment are reached at once, and the key that seals what is sent there. */
export interface Channel {
  readonly group: string;
  readonly port: number;
  readonly interfaceAddress: string;
  readonly key: Uint8Array;
}

/** A way for pieces from one host to others. */
export type Transport = PeerTransport | MembersTransport;
