/**
 * A delta is a row of segments. A segment is a header and five streams, like with like:
 *
 * | stream     | holds                                                                                      |
 * | ---------- | ------------------------------------------------------------------------------------------ |
 * | copies     | per operation: how many bytes to copy from the base                                         |
 * | literals   | per operation: the length of the literal that follows, twice; plus one if it ends in a jump |
 * | jumps      | how far the place in the base moves after a jump, zigzag                                    |
 * | raw        | the bytes of literals that end in a jump                                                    |
 * | aligned    | the bytes of the other literals: they stand where as many bytes of the base stood           |
 *
 * Numbers are little-endian base 128. Place and target go on from segment to segment. With `differences` an aligned
 * literal holds what has to be added to the bytes of the base, as one little-endian number modulo its length.
 */
export const streamCount = 5;

/** One byte of flags and the sizes of the streams, 32 bits each. */
export const headerBytes = 1 + 4 * streamCount;

/** The flag of a segment whose aligned bytes are differences; all others are zero. */
export const differencesFlag = 1;

/** An encoder ends a segment once it holds so much. */
export const segmentLimitBytes = 0x40_0000;

/** The target is described in blocks of at most this size. */
export const blockBytes = 0x40_0000;

/** No segment is larger; a decoder refuses one that says so. */
export const maxSegmentBytes = 0x100_0000;
