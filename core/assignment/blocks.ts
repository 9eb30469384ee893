import type { Cipher, Compressor } from "distributary/sdk";
import { blockBytes } from "./assignment.ts";
import type { Part } from "./assignment.ts";

/**
 * Cuts a stream into blocks of exactly `blockBytes`, the last one excepted. A block is valid until the next is asked
 * for.
 */
export function* cutBlocks(chunks: Iterable<Uint8Array>, size = blockBytes): Iterable<Uint8Array> {
  const block = Buffer.allocUnsafe(size);
  let filled = 0;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const count = Math.min(size - filled, chunk.length - at);
      block.set(chunk.subarray(at, at + count), filled);
      [at, filled] = [at + count, filled + count];
      if (filled < size) continue;
      yield block;
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}

/** A cipher with the key of one assignment. */
export interface Sealing {
  readonly cipher: Cipher;
  readonly key: Uint8Array;
  /** What every block is bound to, so that none can stand in for another's. */
  readonly bound: Uint8Array;
}

/** Where a block stands in its assignment, and of which delta engine it is. */
export interface Place {
  readonly part: number;
  readonly block: number;
  readonly engine: string;
}

/** Compresses a block if that makes it smaller, then seals it if there is a cipher. */
export function packBlock(
  block: Uint8Array,
  place: Place,
  compressor: Compressor | undefined,
  sealing: Sealing | undefined,
): { bytes: Uint8Array; compressed: boolean } {
  const smaller = compressor?.compress(block);
  const compressed = smaller !== undefined && smaller.length < block.length;
  const bytes = compressed ? smaller : block;
  if (sealing === undefined) return { bytes, compressed };
  return { bytes: sealing.cipher.seal(sealing.key, nonceOf(place, sealing.cipher), bytes, sealing.bound), compressed };
}

/** Undoes `packBlock`. Throws what the providers throw on anything that was changed. */
export function unpackBlock(
  stored: Uint8Array,
  place: Place & { sizeBytes: number; compressed: boolean },
  compressor: Compressor | undefined,
  sealing: Sealing | undefined,
): Uint8Array {
  const opened =
    sealing === undefined
      ? stored
      : sealing.cipher.open(sealing.key, nonceOf(place, sealing.cipher), stored, sealing.bound);
  return place.compressed && compressor !== undefined ? compressor.decompress(opened, place.sizeBytes) : opened;
}

/**
 * A block's place names it within its assignment, and each assignment has its own key: no nonce is used twice. A part
 * may have been built both as a delta and whole before one was chosen, so that stands in it too.
 */
function nonceOf({ part, block, engine }: Place, cipher: Cipher): Uint8Array {
  const nonce = Buffer.alloc(cipher.nonceBytes);
  nonce.writeUInt32BE(part, 0);
  nonce.writeUInt32BE(block, 4);
  nonce.writeUInt8(engine === "whole" ? 0 : 1, 8);
  return nonce;
}

/** Length of a block's delta bytes. */
export function plainBytes(part: Part, block: number): number {
  return Math.min(blockBytes, part.deltaBytes - block * blockBytes);
}

/** What the blocks of an update are bound to: its site and the tree it makes. */
export function boundOf(site: string, result: string): Uint8Array {
  return Buffer.from(`distributary ${site} ${result}`);
}
