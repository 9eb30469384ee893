import { failure, isFailure } from "distributary/sdk";
import type { Http, HttpAnswer, Peer, PieceRange, PieceStore } from "distributary/sdk";
import { countHeader, formatPath } from "./request-path.ts";

/**
 * Asks `source` for every run of pieces that `into` lacks, and stores each piece as soon as it is whole. Throws a
 * retryable DIST_ERR_TRANSFER_BROKEN if any is still missing at the end; what arrived is kept.
 */
export async function fetchPieces(
  http: Http,
  source: Peer,
  range: PieceRange,
  into: PieceStore,
  signal: AbortSignal,
  piecesPerRequest: number,
): Promise<void> {
  const end = Math.min(range.to, into.pieceCount);
  try {
    for (let run = nextRun(into, range.from, end, piecesPerRequest); run !== undefined;) {
      signal.throwIfAborted();
      const answer = await http.request(source, formatPath(into.assignment, run), { signal });
      await receive(answer, run, into, signal);
      run = nextRun(into, run.to, end, piecesPerRequest);
    }
  } catch (cause) {
    if (isFailure(cause, "DIST_ERR_TRANSFER_BROKEN")) throw cause;
    throw broken(source, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** The first pieces from `from` on that are missing, one after the other. */
function nextRun(into: PieceStore, from: number, end: number, most: number): PieceRange | undefined {
  let first = from;
  while (first < end && into.has(first)) first += 1;
  let last = first;
  while (last < end && last - first < most && !into.has(last)) last += 1;
  return first === last ? undefined : { from: first, to: last };
}

/**
 * Cuts a body into pieces. A piece with a wrong hash is left out and the others are kept: one bad block on the
 * source's disk should not keep them from coming. The error then thrown is that of the first such piece.
 */
async function receive({ status, headers, body }: HttpAnswer, run: PieceRange, into: PieceStore, signal: AbortSignal) {
  const iterator = chunksOf(body);
  const memory = new Uint8Array(Math.min(into.pieceBytes, into.sizeBytes));
  try {
    if (status !== 200) throw new Error(`it answers ${status}`);
    const count = Number(headers?.[countHeader]);
    const isPossible = Number.isSafeInteger(count) && count >= 0 && count <= run.to - run.from;
    if (!isPossible) throw new Error("it does not say how many pieces it sends");
    let firstRefusal: unknown;
    let rest: Uint8Array = new Uint8Array(0);
    for (let index = run.from; index < run.from + count; index += 1) {
      const piece = memory.subarray(0, into.sizeBytes - index * into.pieceBytes);
      for (let filled = 0; filled < piece.length;) {
        while (rest.length === 0) rest = await next(iterator, signal);
        const part = rest.subarray(0, piece.length - filled);
        piece.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
      }
      firstRefusal ??= store(into, index, piece);
    }
    if (firstRefusal !== undefined) throw firstRefusal;
    if (count < run.to - run.from) throw new Error(`it lacks piece ${run.from + count}`);
    if (rest.length > 0 || !(await isOver(iterator))) throw new Error("it sends more than was asked for");
  } finally {
    await iterator.return?.();
  }
}

/** The error, if the piece is not the one that was signed. */
function store(into: PieceStore, index: number, piece: Uint8Array): unknown {
  try {
    into.write(index, piece);
    return undefined;
  } catch (error) {
    if (isFailure(error, "DIST_ERR_TRANSFER_PIECE")) return error;
    throw error;
  }
}

type Chunks = AsyncIterator<Uint8Array> | Iterator<Uint8Array>;

function chunksOf(body: HttpAnswer["body"]): Chunks {
  return Symbol.asyncIterator in body ? body[Symbol.asyncIterator]() : body[Symbol.iterator]();
}

async function next(chunks: Chunks, signal: AbortSignal): Promise<Uint8Array> {
  signal.throwIfAborted();
  const { done, value } = await chunks.next();
  if (done === true) throw new Error("it sends less than it said");
  return value;
}

async function isOver(chunks: Chunks): Promise<boolean> {
  return (await chunks.next()).done === true;
}

function broken(source: Peer, problem: string, cause: unknown): Error {
  return failure("DIST_ERR_TRANSFER_BROKEN", { peer: source.id, problem }, { cause });
}
