import { createHash } from "node:crypto";
import { failure } from "distributary/sdk";
import type { PieceStore } from "distributary/sdk";

/** Pieces in memory, which counts what is asked of it and can be made to lie. */
export class MemoryPieces implements PieceStore {
  readonly assignment: string;
  readonly sizeBytes: number;
  readonly pieceBytes: number;
  readonly pieceCount: number;
  /** Indexes of the pieces that were read, in that order. */
  readonly reads: number[] = [];
  /** Indexes of the pieces that were stored, in that order. */
  readonly writes: number[] = [];
  readonly #hashes: readonly string[];
  readonly #pieces = new Map<number, Uint8Array>();

  /** A store that is to hold `bytes`, and holds the pieces for which `held` is true. */
  constructor(bytes: Uint8Array, pieceBytes: number, held: (index: number) => boolean = () => true) {
    const pieces = cut(bytes, pieceBytes);
    this.sizeBytes = bytes.length;
    this.pieceBytes = pieceBytes;
    this.pieceCount = pieces.length;
    this.#hashes = pieces.map(hashOf);
    this.assignment = hashOf(Buffer.from([pieceBytes, ...this.#hashes].join()));
    for (const [index, piece] of pieces.entries()) if (held(index)) this.#pieces.set(index, piece);
  }

  has(index: number): boolean {
    return this.#pieces.has(index);
  }

  read(index: number): Uint8Array {
    const piece = this.#pieces.get(index);
    if (piece === undefined) throw new Error(`piece ${index} is not there`);
    this.reads.push(index);
    return piece;
  }

  write(index: number, bytes: Uint8Array): void {
    if (hashOf(bytes) !== this.#hashes[index]) {
      throw failure("DIST_ERR_TRANSFER_PIECE", { index, assignment: this.assignment });
    }
    if (this.#pieces.has(index)) return;
    this.#pieces.set(index, Uint8Array.from(bytes));
    this.writes.push(index);
  }

  /** Changes a byte of a piece that is held, so that its hash is wrong from now on. */
  damage(index: number): void {
    const piece = Uint8Array.from(this.#pieces.get(index) ?? []);
    piece[0] = (piece[0] ?? 0) ^ 1;
    this.#pieces.set(index, piece);
  }

  /** The indexes of all pieces that are held. */
  get held(): readonly number[] {
    return [...this.#pieces.keys()].sort((a, b) => a - b);
  }
}

function cut(bytes: Uint8Array, pieceBytes: number): Uint8Array[] {
  const count = Math.ceil(bytes.length / pieceBytes);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes));
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
