/** A score is a whole number, 0 … 16,384, whatever is passed. */
export const scoreMax = 16_384;

/** The score of a fact that is missing: neither praise nor blame. */
export const neutral = scoreMax / 2;

/** Ranks count between −1,000 and 1,000; 0 is that of a node without one. */
export const rankMax = 1_000;

/** `value` without its fraction, held between `least` and `most`; `missing` if it is no number. */
export function whole(value: unknown, least: number, most: number, missing: number): number {
  return isNumber(value) ? Math.trunc(Math.min(Math.max(value, least), most)) : missing;
}

/** 0 at `least` (1 or more) and below, `scoreMax` at `most` and above, and the same step for every doubling between. */
export function logScore(value: unknown, least: number, most: number, missing = neutral): number {
  if (!isNumber(value)) return missing;
  const above = log1024(whole(value, least, most, least)) - log1024(least);
  return Math.floor((above * scoreMax) / (log1024(most) - log1024(least)));
}

/** The score of a share, 0 … 1. */
export function shareScore(value: unknown): number {
  return isNumber(value) ? Math.floor(Math.min(Math.max(value, 0), 1) * scoreMax) : neutral;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && !Number.isNaN(value);
}

/**
 * 1,024 × log₂ of a whole number from 1 to 2⁵³, with straight lines between the powers of two. Math.log2 may differ in
 * its last digit between hosts; this cannot, since every step of it is exact.
 */
function log1024(value: number): number {
  let power = 1;
  let steps = 0;
  while (power * 2 <= value) {
    power *= 2;
    steps += 1_024;
  }
  return steps + Math.floor(((value - power) * 1_024) / power);
}
