import type { PieceStore } from "distributary/sdk";
import { sealBlock } from "../wire/block-seal.ts";
import type { SessionKeys } from "../wire/block-seal.ts";
import type { FrameField } from "../field.ts";
import { sealBytes } from "../geometry.ts";
import type { Geometry } from "../geometry.ts";

/** Blocks that are kept sealed, because what is lacking of them is asked for soon. */
const mostKept = 48;

/** The blocks of a session as they are sent, made from the pieces when they are needed. */
export class SealedBlocks {
  readonly #field: FrameField;
  readonly #geometry: Geometry;
  readonly #store: PieceStore;
  readonly #keys: SessionKeys;
  /** Where each is, the one used last behind the others. */
  readonly #kept = new Map<number, number>();
  readonly #blockBytes: number;
  #piece: { readonly index: number; readonly bytes: Uint8Array } | undefined;

  constructor(field: FrameField, geometry: Geometry, store: PieceStore, keys: SessionKeys) {
    this.#field = field;
    this.#geometry = geometry;
    this.#store = store;
    this.#keys = keys;
    this.#blockBytes = geometry.sourcesOf(0) * geometry.cut.frameBytes;
  }

  /** Where the source frames of a block stand in the field, one behind the other. */
  at(block: number): number {
    const known = this.#kept.get(block);
    if (known !== undefined) {
      this.#kept.delete(block);
      this.#kept.set(block, known);
      return known;
    }
    const offset = this.#makeRoom();
    const plain = this.#read(block);
    const end = offset + this.#geometry.sourcesOf(block) * this.#geometry.cut.frameBytes;
    const sealed = this.#field.bytes.subarray(offset, offset + plain.length + sealBytes);
    sealBlock(this.#keys, block, plain, sealed);
    this.#field.bytes.fill(0, offset + sealed.length, end);
    this.#kept.set(block, offset);
    return offset;
  }

  release(): void {
    for (const offset of this.#kept.values()) this.#field.release(offset);
    this.#kept.clear();
    this.#piece = undefined;
  }

  #makeRoom(): number {
    const [oldest] = this.#kept;
    if (this.#kept.size < mostKept || oldest === undefined) return this.#field.allocate(this.#blockBytes);
    this.#kept.delete(oldest[0]);
    return oldest[1];
  }

  #read(block: number): Uint8Array {
    const { pieceBytes } = this.#geometry.extent;
    const [start, length] = [this.#geometry.startOf(block), this.#geometry.lengthOf(block)];
    const { from, to } = this.#geometry.piecesOf(block);
    if (to - from > 1)
      return Buffer.concat(
        range(from, to).map((piece) => this.#store.read(piece)),
        length,
      );
    // A piece is checked whenever it is read, and its other blocks are wanted next.
    if (this.#piece?.index !== from) this.#piece = { index: from, bytes: this.#store.read(from) };
    const at = start - from * pieceBytes;
    return this.#piece.bytes.subarray(at, at + length);
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at);
}
