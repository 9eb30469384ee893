import assert from "node:assert/strict";
import type { Content } from "distributary/sdk";

/**
 * Content that holds its reader to the contract: it refuses reads out of bounds, and what it gave before is overwritten
 * at the next read.
 */
export class StrictContent implements Content {
  readonly sizeBytes: number;
  readonly #bytes: Uint8Array;
  #given: Uint8Array = new Uint8Array(0);

  constructor(bytes: Uint8Array) {
    this.sizeBytes = bytes.length;
    this.#bytes = bytes;
  }

  read(offset: number, length: number): Uint8Array {
    const inBounds = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
    assert.ok(inBounds && offset + length <= this.sizeBytes, `read ${length} bytes at ${offset} of ${this.sizeBytes}`);
    this.#given.fill(0xa5);
    this.#given = new Uint8Array(this.#bytes.subarray(offset, offset + length));
    return this.#given;
  }
}

/** Gives bytes in chunks of a size; each is overwritten when the next is asked for. */
export function* passingChunks(bytes: Uint8Array, chunkBytes: number): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const chunk = new Uint8Array(bytes.subarray(at, at + chunkBytes));
    yield chunk;
    chunk.fill(0xa5);
  }
}

/** All the chunks as one, but no more than `limit` bytes: beyond it throws. */
export function collect(chunks: Iterable<Uint8Array>, limit = Number.POSITIVE_INFINITY): Uint8Array {
  const copies: Uint8Array[] = [];
  let size = 0;
  for (const chunk of chunks) {
    size += chunk.length;
    assert.ok(size <= limit, `more than ${limit} bytes were yielded`);
    copies.push(new Uint8Array(chunk));
  }
  return new Uint8Array(Buffer.concat(copies));
}
