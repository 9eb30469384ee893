import { isFailure } from "distributary/sdk";
import type { PieceStore } from "distributary/sdk";
import type { Geometry } from "../geometry.ts";

/** What became of a block that was opened. */
export type Stored =
  | { readonly is: "stored" }
  /** These blocks together are not what control signed, or there is no room for more pieces that are not whole. */
  | { readonly is: "refused"; readonly from: number; readonly to: number }
  /** The store cannot take it, whatever it is. */
  | { readonly is: "broken"; readonly error: Error };

const stored: Stored = { is: "stored" };

/** Makes pieces of blocks, and stores each when it is whole. */
export class PieceAssembly {
  readonly #geometry: Geometry;
  readonly #store: PieceStore;
  readonly #mostPartial: number;
  readonly #partial = new Map<number, { readonly bytes: Uint8Array; missingBlocks: number }>();

  constructor(geometry: Geometry, store: PieceStore, mostBytes: number) {
    this.#geometry = geometry;
    this.#store = store;
    this.#mostPartial = Math.max(2, Math.floor(mostBytes / geometry.extent.pieceBytes));
  }

  take(block: number, bytes: Uint8Array): Stored {
    const { from, to } = this.#geometry.piecesOf(block);
    const { from: first, to: last } = this.#geometry.blocksOf(from);
    return last - first === 1 ? this.#takeWhole(from, to, block, bytes) : this.#takePart(from, block, bytes);
  }

  #takeWhole(from: number, to: number, block: number, bytes: Uint8Array): Stored {
    const { pieceBytes } = this.#geometry.extent;
    for (let piece = from; piece < to; piece += 1) {
      const at = (piece - from) * pieceBytes;
      const result = this.#write(piece, bytes.subarray(at, at + pieceBytes), { from: block, to: block + 1 });
      if (result.is !== "stored") return result;
    }
    return stored;
  }

  #takePart(piece: number, block: number, bytes: Uint8Array): Stored {
    const blocks = this.#geometry.blocksOf(piece);
    let partial = this.#partial.get(piece);
    if (partial === undefined) {
      if (this.#partial.size >= this.#mostPartial) return { is: "refused", from: block, to: block + 1 };
      partial = { bytes: new Uint8Array(this.#lengthOf(piece)), missingBlocks: blocks.to - blocks.from };
      this.#partial.set(piece, partial);
    }
    partial.bytes.set(bytes, this.#geometry.startOf(block) - piece * this.#geometry.extent.pieceBytes);
    partial.missingBlocks -= 1;
    if (partial.missingBlocks > 0) return stored;
    this.#partial.delete(piece);
    return this.#write(piece, partial.bytes, blocks);
  }

  #write(piece: number, bytes: Uint8Array, blocks: { from: number; to: number }): Stored {
    try {
      this.#store.write(piece, bytes);
      return stored;
    } catch (error) {
      if (isFailure(error, "DIST_ERR_TRANSFER_PIECE")) return { is: "refused", ...blocks };
      return { is: "broken", error: error instanceof Error ? error : new Error(String(error)) };
    }
  }

  #lengthOf(piece: number): number {
    const { pieceBytes, sizeBytes } = this.#geometry.extent;
    return Math.min(pieceBytes, sizeBytes - piece * pieceBytes);
  }
}
