import { DistributaryError, failure, isFailure } from "distributary/sdk";
import type { Io, Peer, PieceStore } from "distributary/sdk";
import type { Assignment } from "../assignment/assignment.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { SpooledPieces } from "./spool.ts";

/** From whom, by which transports, and whom to tell how far it is. */
export interface CollectSource {
  readonly control: Peer;
  /** Names, in the order to try them. */
  readonly transports: readonly string[];
  report(): void;
}

const firstPauseMs = 200;
const longestPauseMs = 5_000;
const reportEveryMs = 500;

/**
 * Fetches what is missing of an assignment's data, trying again after a broken transfer until the assignment expires.
 * Throws what the transport last threw if that is not worth another try, or the signal's reason.
 */
export async function collect(
  io: Io,
  kernel: Kernel,
  { header }: Assignment,
  pieces: SpooledPieces,
  { control, transports, report }: CollectSource,
  signal: AbortSignal,
): Promise<void> {
  let reportedAt = io.clock.now();
  const watched = new WatchedPieces(pieces, () => {
    if (io.clock.now() - reportedAt < reportEveryMs) return;
    reportedAt = io.clock.now();
    report();
  });
  for (let attempt = 0; pieces.arrivedBytes < pieces.sizeBytes; attempt += 1) {
    const name = transports[attempt % transports.length] ?? "http";
    const transport = kernel.usable("transports", name, io);
    if (transport.reach !== "peer")
      throw failure("DIST_ERR_PROVIDER_UNUSABLE", { kind: "transport", name, reason: "it does not reach control" });
    const before = pieces.arrivedBytes;
    try {
      await transport.fetch(io, control, { from: 0, to: pieces.pieceCount }, watched, signal);
      if (pieces.arrivedBytes < pieces.sizeBytes) {
        throw failure("DIST_ERR_TRANSFER_BROKEN", { peer: control.id, problem: `transport '${name}' left pieces out` });
      }
    } catch (error) {
      signal.throwIfAborted();
      // A full disk does not become emptier by asking the peer again.
      if (watched.trouble !== undefined) throw watched.trouble;
      const mayTryAgain =
        error instanceof DistributaryError && error.retryable && io.clock.wallTime() < header.expiresAt;
      if (!mayTryAgain) throw error;
      if (pieces.arrivedBytes > before) attempt = 0;
      await io.clock.until(io.clock.now() + Math.min(longestPauseMs, firstPauseMs * 2 ** attempt), signal);
    }
  }
  report();
}

/** The same store, telling after every piece, and remembering what kept it from storing one. */
class WatchedPieces implements PieceStore {
  readonly assignment: string;
  readonly sizeBytes: number;
  readonly pieceBytes: number;
  readonly pieceCount: number;
  trouble: unknown;
  readonly #pieces: SpooledPieces;
  readonly #arrived: () => void;

  constructor(pieces: SpooledPieces, arrived: () => void) {
    this.#pieces = pieces;
    this.#arrived = arrived;
    ({
      assignment: this.assignment,
      sizeBytes: this.sizeBytes,
      pieceBytes: this.pieceBytes,
      pieceCount: this.pieceCount,
    } = pieces);
  }

  has(index: number): boolean {
    return this.#pieces.has(index);
  }

  read(index: number): Uint8Array {
    return this.#pieces.read(index);
  }

  write(index: number, bytes: Uint8Array): void {
    try {
      this.#pieces.write(index, bytes);
    } catch (error) {
      if (!isFailure(error, "DIST_ERR_TRANSFER_PIECE")) this.trouble = error;
      throw error;
    }
    this.#arrived();
  }
}
