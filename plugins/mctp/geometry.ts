import type { PieceRange } from "distributary/sdk";

/** Frames of a block, parity included: they are told apart by a byte, and GF(2⁸) has so many elements. */
export const mostFrames = 256;
/** Source frames of a block. What is left is parity: a third more than there are. */
const mostSources = 192;
/** Every block costs whoever takes part some memory. The shortest datagrams of IPv6 make blocks of twice as much. */
const leastBlockBytes = 32 * 1024;
/** What sealing adds to a block. */
export const sealBytes = 16;

/** How the data of a session is cut: all a receiver must be told besides the assignment's own sizes. */
export interface Cut {
  /** Of one block before it is sealed: a part of a piece, or several whole pieces. */
  readonly blockBytes: number;
  /** What a frame carries. */
  readonly frameBytes: number;
}

/** The sizes of an assignment, and which of its pieces are sent. */
export interface Extent {
  readonly sizeBytes: number;
  readonly pieceBytes: number;
  readonly range: PieceRange;
}

/** The largest blocks that still fit, in frames that fill a datagram as evenly as possible. */
export function cutFor({ sizeBytes, pieceBytes, range }: Extent, mostFrameBytes: number): Cut {
  const roomBytes = mostSources * mostFrameBytes - sealBytes;
  const parts = Math.ceil(pieceBytes / roomBytes);
  const blockBytes = parts > 1 ? Math.ceil(pieceBytes / parts) : Math.floor(roomBytes / pieceBytes) * pieceBytes;
  const dataBytes = Math.min(range.to * pieceBytes, sizeBytes) - range.from * pieceBytes;
  const sealed = Math.min(blockBytes, dataBytes) + sealBytes;
  return { blockBytes, frameBytes: Math.ceil(sealed / Math.ceil(sealed / mostFrameBytes)) };
}

/**
 * Where the blocks of a session lie. A block never crosses the end of a piece unless it holds whole pieces, so that
 * each piece can be stored as soon as its own blocks are there.
 */
export class Geometry {
  readonly extent: Extent;
  readonly cut: Cut;
  readonly blockCount: number;
  /** Source frames of all blocks. */
  readonly frameCount: number;
  readonly #endByte: number;
  /** Blocks of a whole piece, or 0 if a block holds pieces. */
  readonly #blocksPerPiece: number;

  constructor(extent: Extent, cut: Cut) {
    const { sizeBytes, pieceBytes, range } = extent;
    this.extent = extent;
    this.cut = cut;
    this.#endByte = Math.min(range.to * pieceBytes, sizeBytes);
    this.#blocksPerPiece = cut.blockBytes < pieceBytes ? Math.ceil(pieceBytes / cut.blockBytes) : 0;
    const dataBytes = this.#endByte - range.from * pieceBytes;
    if (this.#blocksPerPiece > 0) {
      const wholePieces = Math.floor(dataBytes / pieceBytes);
      const restBlocks = Math.ceil((dataBytes - wholePieces * pieceBytes) / cut.blockBytes);
      this.blockCount = wholePieces * this.#blocksPerPiece + restBlocks;
    } else this.blockCount = Math.ceil(dataBytes / cut.blockBytes);
    this.frameCount = this.#countFrames();
  }

  /** Where a block begins in the assignment's data. */
  startOf(block: number): number {
    const { pieceBytes, range } = this.extent;
    const first = range.from * pieceBytes;
    if (this.#blocksPerPiece === 0) return first + block * this.cut.blockBytes;
    const piece = Math.floor(block / this.#blocksPerPiece);
    return first + piece * pieceBytes + (block % this.#blocksPerPiece) * this.cut.blockBytes;
  }

  lengthOf(block: number): number {
    const { pieceBytes } = this.extent;
    const start = this.startOf(block);
    const pieceEnd = this.#blocksPerPiece === 0 ? Infinity : (Math.floor(start / pieceBytes) + 1) * pieceBytes;
    return Math.min(this.cut.blockBytes, pieceEnd - start, this.#endByte - start);
  }

  /** How many source frames a block has. */
  sourcesOf(block: number): number {
    return Math.ceil((this.lengthOf(block) + sealBytes) / this.cut.frameBytes);
  }

  /** The pieces of which a block holds bytes. */
  piecesOf(block: number): PieceRange {
    const { pieceBytes } = this.extent;
    const start = this.startOf(block);
    return { from: Math.floor(start / pieceBytes), to: Math.ceil((start + this.lengthOf(block)) / pieceBytes) };
  }

  /** The blocks that hold bytes of a piece. */
  blocksOf(piece: number): PieceRange {
    const { pieceBytes, range } = this.extent;
    const index = piece - range.from;
    if (this.#blocksPerPiece === 0) {
      const from = Math.floor((index * pieceBytes) / this.cut.blockBytes);
      return { from, to: from + 1 };
    }
    const from = index * this.#blocksPerPiece;
    return { from, to: Math.min(from + this.#blocksPerPiece, this.blockCount) };
  }

  /** All blocks but those at the end of a piece or of everything have as many frames as the first one. */
  #countFrames(): number {
    let count = 0;
    const perPiece = this.#blocksPerPiece || 1;
    for (let at = 0; at < Math.min(perPiece, this.blockCount); at += 1) count += this.sourcesOf(at);
    const wholes = Math.max(0, Math.floor((this.blockCount - 1) / perPiece));
    if (wholes === 0) return this.#sum(0, this.blockCount);
    return count * wholes + this.#sum(wholes * perPiece, this.blockCount);
  }

  #sum(from: number, to: number): number {
    let count = 0;
    for (let block = from; block < to; block += 1) count += this.sourcesOf(block);
    return count;
  }
}

/**
 * Why nothing can be cut like that; undefined if it can. Whatever passes keeps a block within `mostFrames` and every
 * number of a session within the fields of a datagram.
 */
export function cutProblem(
  { sizeBytes, pieceBytes, range }: Extent,
  { blockBytes, frameBytes }: Cut,
): string | undefined {
  if (!(range.from >= 0 && range.from < range.to && range.to <= Math.ceil(sizeBytes / pieceBytes)))
    return "pieces that do not exist";
  if (!(frameBytes >= 1)) return `frames of ${frameBytes} bytes`;
  if (!(blockBytes >= Math.min(pieceBytes, leastBlockBytes))) return `blocks of ${blockBytes} bytes`;
  if (blockBytes > pieceBytes && blockBytes % pieceBytes !== 0) return "blocks that end within a piece";
  const dataBytes = Math.min(range.to * pieceBytes, sizeBytes) - range.from * pieceBytes;
  const sources = Math.ceil((Math.min(blockBytes, dataBytes) + sealBytes) / frameBytes);
  if (sources > mostSources) return `blocks of ${sources} frames`;
  const blockCount = Math.ceil(dataBytes / Math.min(blockBytes, pieceBytes));
  if (blockCount >= 2 ** 24) return `${blockCount} blocks`;
  return undefined;
}
