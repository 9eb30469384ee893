/**
 * Makes blocks smaller. A block is compressed and restored by itself: the core cuts content into blocks of at most
 * 4 MiB, so nothing is ever held in memory whole and every restored size is known before.
 *
 * Both calls are synchronous, keep no state between blocks, leave their input as it is, and may be made
 * from several threads, each with its own instance.
 */
export interface Compressor {
  compress(block: Uint8Array): Uint8Array;
  /**
   * Restores a block of exactly `sizeBytes` bytes.
   * Throws on anything else: damaged input, a result that is shorter, or longer. Never allocates much more than that.
   */
  decompress(block: Uint8Array, sizeBytes: number): Uint8Array;
}
