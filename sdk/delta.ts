/** Bytes that can be read at any place, in any order. Longer than memory may be. */
export interface Content {
  readonly sizeBytes: number;
  /** Exactly `length` bytes from `offset`; the caller stays within `sizeBytes`. Valid until the next call. */
  read(offset: number, length: number): Uint8Array;
}

/**
 * Describes new content by old content. Control has both; a node has the old one and the delta.
 *
 * The delta is not compressed: the core cuts it into blocks and gives these to a compressor, so an engine keeps
 * like with like (lengths, offsets, literals) and leaves the rest to it. Results are the same on every host.
 * Memory is bounded, whatever the sizes.
 */
export interface DeltaEngine {
  /** Yields the delta that makes `target` of `base`. A yielded chunk is valid until the next is asked for. */
  encode(base: Content, target: Content): Iterable<Uint8Array>;
  /**
   * Yields the target: exactly `sizeBytes` bytes, in chunks valid until the next is asked for.
   * Throws on a delta that is damaged, reads outside `base`, or yields more or less.
   */
  decode(base: Content, delta: Iterable<Uint8Array>, sizeBytes: number): Iterable<Uint8Array>;
}
