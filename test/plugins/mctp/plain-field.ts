/** What field.c computes, written down as it is defined, bit by bit and slowly. */

/** 0, 1 … 255. */
export const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);

/** In GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1, bit by bit. */
export function multiplied(a: number, b: number): number {
  let product = 0;
  for (let bit = 0; bit < 8; bit += 1) product ^= ((b >> bit) & 1) * (a << bit);
  for (let bit = 14; bit >= 8; bit -= 1) product ^= ((product >> bit) & 1) * (0x11d << (bit - 8));
  return product;
}

/** Of every element; 0 has none. */
export const inverses = everyByte.map((byte) => everyByte.findIndex((other) => multiplied(byte, other) === 1));

/** A parity frame by its definition. */
export function plainParity(sources: readonly Uint8Array[], number: number): Uint8Array {
  const parity = new Uint8Array(sources[0]?.length ?? 0);
  sources.forEach((bytes, source) => {
    const factor = inverses[number ^ source] ?? 0;
    bytes.forEach((byte, at) => (parity[at] = (parity[at] ?? 0) ^ multiplied(byte, factor)));
  });
  return parity;
}

/** The low half of SipHash-2-4 as the paper has it, in whole numbers. */
export function plainTag(key: Uint8Array, message: Uint8Array): number {
  const word = (bytes: Uint8Array, at: number) => Buffer.from(bytes).readBigUInt64LE(at);
  const rotated = (value: bigint, by: bigint) => BigInt.asUintN(64, (value << by) | (value >> (64n - by)));
  const [k0, k1] = [word(key, 0), word(key, 8)];
  let [a, b] = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn];
  let [c, d] = [k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n];
  const rounds = (count: number) => {
    for (let round = 0; round < count; round += 1) {
      [a, c] = [BigInt.asUintN(64, a + b), BigInt.asUintN(64, c + d)];
      [b, d, a] = [rotated(b, 13n) ^ a, rotated(d, 16n) ^ c, rotated(a, 32n)];
      [c, a] = [BigInt.asUintN(64, c + b), BigInt.asUintN(64, a + d)];
      [b, d, c] = [rotated(b, 17n) ^ c, rotated(d, 21n) ^ a, rotated(c, 32n)];
    }
  };
  const padded = new Uint8Array(Math.floor(message.length / 8) * 8 + 8);
  padded.set(message);
  padded[padded.length - 1] = message.length;
  for (let at = 0; at < padded.length; at += 8) {
    d ^= word(padded, at);
    rounds(2);
    a ^= word(padded, at);
  }
  c ^= 0xffn;
  rounds(4);
  return Number(BigInt.asUintN(32, a ^ b ^ c ^ d));
}
