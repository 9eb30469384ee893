import { DistributaryError, failure, isFailure } from "distributary/sdk";
import type { Io, Millis, Peer, PeerTransport, PieceStore, Transport } from "distributary/sdk";
import type { Assignment } from "../../assignment/assignment.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import type { Arrivals } from "./arrivals.ts";
import type { SpooledPieces } from "./spool.ts";
import type { Turns } from "./turns.ts";

/** From whom, by which transports, and whom to tell how far it is. */
export interface CollectSource {
  readonly control: Peer;
  /** How often in a row control is asked in vain; as long as the assignment is good if absent. */
  readonly mostTries?: number;
  /** One at a time fetches an assignment, by its id. */
  readonly turns: Turns;
  /** The leader of the segment, if it has been told to bring it or to hand it on. */
  readonly near?: Peer;
  /** Names, in the order to try them. One that reaches members means that the leader sends to all at once. */
  readonly transports: readonly string[];
  /** Absent where what is sent to all members does not arrive. */
  readonly segment?: SegmentSource;
  report(): void;
}

/** What the leader of the segment sends to all its members. */
export interface SegmentSource {
  readonly arrivals: Arrivals;
  /** How long the segment may need for another leader. */
  readonly electionMs: Millis;
  /** When this node was last heard to lead. */
  heardLeading(node: string): Millis;
}

const firstPauseMs = 200;
const longestPauseMs = 5_000;
const reportEveryMs = 500;
/** How long the leader may take to begin, and how long another one beyond its election. */
const beginMs = 4_000;
/** Attempts in a row that bring nothing until a peer that is near is given up: a few seconds. */
const mostNearTries = 6;
const everythingIsHere = new Error("everything is here");

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
  const { near, segment, report } = source;
  const transports = usableOf(kernel, source.transports, io);
  const toAll = transports.find(({ transport }) => transport.reach === "members");
  const collecting = new Collecting(io, assignment, pieces, source, transports, signal);
  if (toAll !== undefined && segment !== undefined && !collecting.isWhole) {
    using expected = segment.arrivals.expect(collecting.storeFor(toAll.name));
    await expected.over(beginMs, signal);
    collecting.throwTrouble();
    const askedAt = io.clock.now();
    await collecting.fromNear();
    // A leader that is gone is replaced by one that goes on with what this node has; one that is there is not.
    const isThere = near !== undefined && segment.heardLeading(near.id) >= askedAt;
    if (!collecting.isWhole && !isThere) await expected.over(segment.electionMs + beginMs, signal);
    await collecting.fromControl();
  } else {
    await collecting.fromNear();
    await collecting.fromControl();
  }
  report();
}

interface Named<Kind> {
  readonly name: string;
  readonly transport: Kind;
}

/** Those that can be used here; what comes by others comes another way. Throws if there is none. */
function usableOf(kernel: Kernel, names: readonly string[], io: Io): Named<Transport>[] {
  let problem: unknown;
  const usable = (names.length === 0 ? ["http"] : names).flatMap((name) => {
    try {
      return [{ name, transport: kernel.usable("transports", name, io) }];
    } catch (error) {
      problem = error;
      return [];
    }
  });
  if (usable.length === 0) throw problem;
  return usable;
}

class Collecting {
  readonly #io: Io;
  readonly #assignment: Assignment;
  readonly #pieces: SpooledPieces;
  readonly #source: CollectSource;
  readonly #signal: AbortSignal;
  /** Those that bring it from a peer, in turn. */
  readonly #peers: readonly Named<PeerTransport>[];
  /** Aborted when what is sent to all has brought the rest: nobody needs to be asked any more. */
  readonly #whole = new AbortController();
  /** For as long as somebody is to be asked. */
  readonly #asking: AbortSignal;
  #reportedAt: Millis;
  /** What kept it from storing a piece. */
  #trouble: unknown;

  constructor(
    io: Io,
    assignment: Assignment,
    pieces: SpooledPieces,
    source: CollectSource,
    transports: readonly Named<Transport>[],
    signal: AbortSignal,
  ) {
    this.#io = io;
    this.#assignment = assignment;
    this.#pieces = pieces;
    this.#source = source;
    this.#signal = signal;
    this.#asking = AbortSignal.any([signal, this.#whole.signal]);
    this.#reportedAt = io.clock.now();
    this.#peers = transports.flatMap(({ name, transport }) =>
      transport.reach === "peer" ? [{ name, transport }] : [],
    );
  }

  get isWhole(): boolean {
    return this.#pieces.arrivedBytes >= this.#pieces.sizeBytes;
  }

  /** The store for what is sent to all by this transport. */
  storeFor(transport: string): PieceStore {
    return this.#storing((index, bytes) => {
      this.#write(transport, index, bytes);
      if (this.isWhole) this.#whole.abort(everythingIsHere);
    });
  }

  /** From the leader, as long as more comes: it may still be getting it itself. Whatever fails there, others follow. */
  async fromNear(): Promise<void> {
    const { near } = this.#source;
    if (near === undefined) return;
    await this.#inTurn(() => this.#from(near, mostNearTries)).catch(() => undefined);
    this.#signal.throwIfAborted();
    this.throwTrouble();
  }

  fromControl(): Promise<void> {
    const { control, mostTries = Infinity } = this.#source;
    return this.#inTurn(() => this.#from(control, mostTries));
  }

  /** Who passes it on collects it as well; nothing is to come twice. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    return this.#source.turns.take(this.#assignment.id, this.#signal, work);
  }

  /** Until it is whole. Throws what came of the last of so many attempts in a row that brought nothing. */
  async #from(peer: Peer, mostTries: number): Promise<void> {
    for (let tries = 0; !this.isWhole;) {
      const next = this.#peers[tries % this.#peers.length];
      if (next === undefined) {
        const [name = "", reason] = [this.#source.transports[0], "it does not reach control"];
        throw failure("DIST_ERR_PROVIDER_UNUSABLE", { kind: "transport", name, reason });
      }
      const before = this.#pieces.arrivedBytes;
      try {
        await this.#fetch(next, peer);
      } catch (error) {
        if (this.isWhole) return;
        this.#throwIfUseless(error);
        tries = this.#pieces.arrivedBytes > before ? 1 : tries + 1;
        if (tries >= mostTries) throw error;
        await this.#pause(Math.min(longestPauseMs, firstPauseMs * 2 ** (tries - 1)));
      }
    }
  }

  async #fetch({ name, transport }: Named<PeerTransport>, peer: Peer): Promise<void> {
    const range = { from: 0, to: this.#pieces.pieceCount };
    const store = this.#storing((index, bytes) => this.#write(name, index, bytes));
    await transport.fetch(this.#io, peer, range, store, this.#asking);
    if (this.isWhole) return;
    const problem = `transport '${name}' left pieces out`;
    throw failure("DIST_ERR_TRANSFER_BROKEN", { peer: peer.id, problem });
  }

  async #pause(pauseMs: Millis): Promise<void> {
    const { clock } = this.#io;
    await clock.until(clock.now() + pauseMs, this.#asking).catch(() => this.#signal.throwIfAborted());
  }

  /** A full disk does not become emptier by asking somebody else. */
  throwTrouble(): void {
    if (this.#trouble !== undefined) throw this.#trouble;
  }

  #throwIfUseless(error: unknown): void {
    this.#signal.throwIfAborted();
    this.throwTrouble();
    const mayTryAgain =
      error instanceof DistributaryError &&
      error.retryable &&
      this.#io.clock.wallTime() < this.#assignment.header.expiresAt;
    if (!mayTryAgain) throw error;
  }

  #storing(write: PieceStore["write"]): PieceStore {
    const { assignment, sizeBytes, pieceBytes, pieceCount } = this.#pieces;
    return {
      ...{ assignment, sizeBytes, pieceBytes, pieceCount, write },
      has: (index) => this.#pieces.has(index),
      read: (index) => this.#pieces.read(index),
    };
  }

  /** Counts what a transport brings, and tells how far it is from time to time. */
  #write(transport: string, index: number, bytes: Uint8Array): void {
    const { came, arrivedBytes: before } = this.#pieces;
    try {
      this.#pieces.write(index, bytes);
    } catch (error) {
      if (!isFailure(error, "DIST_ERR_TRANSFER_PIECE")) this.#trouble = error;
      throw error;
    }
    const broughtBytes = this.#pieces.arrivedBytes - before;
    if (broughtBytes > 0) came.set(transport, (came.get(transport) ?? 0) + broughtBytes);
    if (this.#io.clock.now() - this.#reportedAt < reportEveryMs) return;
    this.#reportedAt = this.#io.clock.now();
    this.#source.report();
  }
}
