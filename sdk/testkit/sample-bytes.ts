/** Bytes that look random and cannot be made smaller; the same for the same seed. */
export function noiseBytes(sizeBytes: number, seed = 1): Uint8Array {
  const next = sequence(seed);
  const bytes = new Uint8Array(sizeBytes);
  for (let index = 0; index < sizeBytes; index++) bytes[index] = next() >>> 24;
  return bytes;
}

/** Text like that of a web page: words that come back, in lines. The same for the same seed. */
export function textBytes(sizeBytes: number, seed = 1): Uint8Array {
  const next = sequence(seed);
  const bytes = new Uint8Array(sizeBytes);
  const encoder = new TextEncoder();
  for (let end = 0; end < sizeBytes;) {
    const word = words[(next() >>> 16) % words.length] ?? "";
    end += encoder.encodeInto(`<p>${word} ${(next() >>> 16) % 1_000}</p>\n`, bytes.subarray(end)).written || sizeBytes;
  }
  return bytes;
}

/** A copy with one bit of it changed. */
export function withBitFlipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const index = bit >> 3;
  copy[index] = (copy[index] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

const words = "publish once every server gets only what changed and goes live at the same moment".split(" ");

/** A linear congruential generator of 32 bits (Numerical Recipes); its high bits are the good ones. */
export function sequence(seed: number): () => number {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0);
}
