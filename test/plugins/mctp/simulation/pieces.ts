import type { Pieces } from "./world.ts";

/** The pieces that a node has, and whether that has changed since it was stored. */
export class PieceShelf {
  #pieces: Map<number, Uint8Array>;
  #hasChanged = false;

  constructor(stored: Pieces | undefined) {
    this.#pieces = new Map(stored);
  }

  has(assignment: number, piece: number): boolean {
    return this.#pieces.get(assignment)?.[piece] === 1;
  }

  add(assignment: number, piece: number): void {
    if (this.has(assignment, piece)) return;
    const before = this.#pieces.get(assignment) ?? new Uint8Array();
    const after = new Uint8Array(Math.max(before.length, piece + 1));
    after.set(before);
    after[piece] = 1;
    this.#pieces.set(assignment, after);
    this.#hasChanged = true;
  }

  /** What is to be stored; undefined if that is stored already. */
  changed(): Pieces | undefined {
    if (!this.#hasChanged) return undefined;
    this.#hasChanged = false;
    return new Map(this.#pieces);
  }
}

/** Whether all of a range is there. */
export function hasAll(pieces: Pieces | undefined, assignment: number, range: { from: number; to: number }): boolean {
  for (let piece = range.from; piece < range.to; piece += 1) if (pieces?.get(assignment)?.[piece] !== 1) return false;
  return true;
}
