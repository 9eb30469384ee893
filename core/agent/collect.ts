import { DistributaryError, failure, isFailure } from "distributary/sdk";
import type { Io, Millis, Peer, PeerTransport, PieceStore } from "distributary/sdk";
import type { Assignment } from "../assignment/assignment.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Arrivals } from "./arrivals.ts";
import type { SpooledPieces } from "./spool.ts";
import type { Turns } from "./turns.ts";

/** From whom, by which transports, and whom to tell how far it is. */
export interface CollectSource {
  readonly control: Peer;
  /** One at a time fetches an assignment, by its id. */
  readonly turns: Turns;
  /** The leader of the segment, if it has been told to bring it or to hand it on. */
  readonly near?: Peer;
  /** Names, in the order to try them. One that reaches members means that the leader sends to all at once. */
  readonly transports: readonly string[];
  /** What comes to all members, while this node is in a segment that it can hear. */
  readonly arrivals?: Arrivals;
  /** How long a segment may need for another leader. */
  readonly electionMs?: Millis;
  report(): void;
}

const firstPauseMs = 200;
const longestPauseMs = 5_000;
const reportEveryMs = 500;
/** How long the leader may take to begin, and how long another one beyond its election. */
const beginMs = 4_000;
/** Attempts in a row that bring nothing until a peer that is near is given up: a few seconds. */
const mostNearTries = 5;

/**
 * Brings what is missing of an assignment's data: as the leader sends it to all, from the leader, as the next leader
 * sends it, from control, whichever has it. Control is asked again after a broken transfer until the assignment
 * expires. Throws what the transport last threw if that is not worth another try, or the signal's reason.
 */
export async function collect(
  io: Io,
  kernel: Kernel,
  assignment: Assignment,
  pieces: SpooledPieces,
  source: CollectSource,
  signal: AbortSignal,
): Promise<void> {
  const { transports, near, arrivals, report } = source;
  const usable = transports.map((name) => ({ name, transport: kernel.usable("transports", name, io) }));
  const members = usable.find(({ transport }) => transport.reach === "members");
  const collecting = new Collecting(io, kernel, assignment, pieces, source, signal);
  if (members !== undefined && arrivals !== undefined && !collecting.isWhole) {
    using expected = arrivals.expect(collecting.watched(members.name));
    await expected.over(beginMs, signal);
    if (near !== undefined) await collecting.tryFrom(near);
    // Its leader is gone, perhaps; another one goes on with what this node has.
    if (!collecting.isWhole) await expected.over((source.electionMs ?? 0) + beginMs, signal);
    if (!collecting.isWhole) await collecting.fromControl();
  } else {
    if (near !== undefined) await collecting.tryFrom(near);
    await collecting.fromControl();
  }
  report();
}

class Collecting {
  readonly #io: Io;
  readonly #assignment: Assignment;
  readonly #pieces: SpooledPieces;
  readonly #source: CollectSource;
  readonly #signal: AbortSignal;
  /** Those that bring it from a peer, in turn. */
  readonly #peers: readonly { readonly name: string; readonly transport: PeerTransport }[];
  #reportedAt: Millis;
  /** What kept it from storing a piece. */
  #trouble: unknown;

  constructor(
    io: Io,
    kernel: Kernel,
    assignment: Assignment,
    pieces: SpooledPieces,
    source: CollectSource,
    signal: AbortSignal,
  ) {
    this.#io = io;
    this.#assignment = assignment;
    this.#pieces = pieces;
    this.#source = source;
    this.#signal = signal;
    this.#reportedAt = io.clock.now();
    const named = source.transports.length === 0 ? ["http"] : source.transports;
    this.#peers = named.flatMap((name) => {
      const transport = kernel.usable("transports", name, io);
      return transport.reach === "peer" ? [{ name, transport }] : [];
    });
  }

  get isWhole(): boolean {
    return this.#pieces.arrivedBytes >= this.#pieces.sizeBytes;
  }

  /** The store, for one transport: counts what it brings, and tells how far it is from time to time. */
  watched(transport: string): PieceStore {
    const { assignment, sizeBytes, pieceBytes, pieceCount } = this.#pieces;
    return {
      ...{ assignment, sizeBytes, pieceBytes, pieceCount },
      has: (index) => this.#pieces.has(index),
      read: (index) => this.#pieces.read(index),
      write: (index, bytes) => this.#write(transport, index, bytes),
    };
  }

  /** From a peer that is near, as long as more comes: it may still be getting it itself. There are others. */
  tryFrom(peer: Peer): Promise<void> {
    return this.#inTurn(() => this.#from(peer, mostNearTries));
  }

  fromControl(): Promise<void> {
    return this.#inTurn(() => this.#from(this.#source.control, Infinity));
  }

  /** Who passes it on collects it as well; nothing is to come twice. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    return this.#source.turns.take(this.#assignment.id, this.#signal, work);
  }

  /** Until it is whole, or that many attempts in a row brought nothing. */
  async #from(peer: Peer, mostTries: number): Promise<void> {
    for (let attempt = 0; !this.isWhole && attempt < mostTries; attempt += 1) {
      const next = this.#peers[attempt % this.#peers.length];
      if (next === undefined) {
        const [name = "", reason] = [this.#source.transports[0], "it does not reach control"];
        throw failure("DIST_ERR_PROVIDER_UNUSABLE", { kind: "transport", name, reason });
      }
      const before = this.#pieces.arrivedBytes;
      try {
        await this.#fetch(next, peer);
        if (this.isWhole) return;
        const problem = `transport '${next.name}' left pieces out`;
        throw failure("DIST_ERR_TRANSFER_BROKEN", { peer: peer.id, problem });
      } catch (error) {
        this.#throwIfUseless(error);
        if (this.#pieces.arrivedBytes > before) attempt = 0;
        const { clock } = this.#io;
        await clock.until(clock.now() + Math.min(longestPauseMs, firstPauseMs * 2 ** attempt), this.#signal);
      }
    }
  }

  async #fetch({ name, transport }: { name: string; transport: PeerTransport }, peer: Peer): Promise<void> {
    const range = { from: 0, to: this.#pieces.pieceCount };
    await transport.fetch(this.#io, peer, range, this.watched(name), this.#signal);
  }

  #throwIfUseless(error: unknown): void {
    this.#signal.throwIfAborted();
    // A full disk does not become emptier by asking the peer again.
    if (this.#trouble !== undefined) throw this.#trouble;
    const mayTryAgain =
      error instanceof DistributaryError &&
      error.retryable &&
      this.#io.clock.wallTime() < this.#assignment.header.expiresAt;
    if (!mayTryAgain) throw error;
  }

  #write(transport: string, index: number, bytes: Uint8Array): void {
    const before = this.#pieces.arrivedBytes;
    try {
      this.#pieces.write(index, bytes);
    } catch (error) {
      if (!isFailure(error, "DIST_ERR_TRANSFER_PIECE")) this.#trouble = error;
      throw error;
    }
    const { came } = this.#pieces;
    came.set(transport, (came.get(transport) ?? 0) + this.#pieces.arrivedBytes - before);
    if (this.#io.clock.now() - this.#reportedAt < reportEveryMs) return;
    this.#reportedAt = this.#io.clock.now();
    this.#source.report();
  }
}
