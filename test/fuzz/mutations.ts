import type { SimRandom } from "../../sdk/testkit/sim/random.ts";

/** Numbers at which arithmetic goes wrong. */
const oddNumbers = [
  ...[-1, 0, 1, 0.5, -0, 127, 128, 255, 256, 65_535, 65_536, 1e300, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ...[2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 2 ** 63, -(2 ** 31), -(2 ** 53)],
];
const oddWords = [0n, 1n, -1n, 2n ** 15n, 2n ** 16n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n].concat(
  [2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 63n - 1n].map((word) => BigInt.asIntN(64, word)),
);
const oddTexts = [
  ...["", " ", ".", "..", "/", "a/../b", "../x", "/etc/passwd", "a//b", "a\0b", "a\n", "constructor", "__proto__"],
  ...["null", "none", "true", "0", "-1", "1e999", "NaN", "%00", "\u2028", "\ud800", "\udcff", "\ufeff", "é", "e\u0301"],
  ...["x".repeat(300), "a/".repeat(300), "9".repeat(400), "😀".repeat(70)],
];

/** One of them. */
export function pick<T>(random: SimRandom, from: readonly T[]): T {
  return from[random.below(from.length)] as T;
}

/** One mutation, sometimes two or three. */
export function mutateOften<T>(sample: T, random: SimRandom, mutate: (sample: T, random: SimRandom) => T): T {
  let result = mutate(sample, random);
  for (let more = Math.max(0, random.below(6) - 3); more > 0; more -= 1) result = mutate(result, random);
  return result;
}

/** Flips, fills, cuts, inserts, deletes, repeats or overwrites some bytes, or goes on as `other` does. */
export function mutateBytes(bytes: Uint8Array, random: SimRandom, other: Uint8Array = bytes): Buffer {
  const copy = Buffer.from(bytes);
  const at = random.below(copy.length + 1);
  const end = Math.min(copy.length, at + 1 + random.below(16));
  switch (random.below(10)) {
    case 0:
      return copy.fill(pick(random, [0, 0xff, 0x7f, 0x80]), at, end);
    case 1:
      return copy.subarray(0, at);
    case 2:
      return Buffer.concat([copy.subarray(0, at), random.bytes(1 + random.below(16)), copy.subarray(at)]);
    case 3:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(end)]);
    case 4:
      return Buffer.concat([copy.subarray(0, end), copy.subarray(at)]);
    case 5:
      return Buffer.concat([copy.subarray(0, at), other.subarray(random.below(other.length + 1))]);
    case 6:
    case 7:
      return mutateWord(copy, random);
    default:
      if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
      return copy;
  }
}

/** Puts an odd number where one may stand, of any width and either order, or changes what stands there a little. */
function mutateWord(copy: Buffer, random: SimRandom): Buffer {
  const width = 1 << random.below(4);
  if (copy.length < width) return copy;
  const at = random.below(copy.length - width + 1);
  const word = copy.subarray(at, at + width);
  const isLittle = random.below(2) === 0;
  if (isLittle) word.reverse();
  const whole = Buffer.alloc(8);
  word.copy(whole, 8 - width);
  const value = whole.readBigUInt64BE();
  const isStep = random.below(2) === 0;
  const next = isStep ? value + BigInt(random.below(9) - 4) : pick(random, [...oddWords, BigInt(copy.length)]);
  whole.writeBigUInt64BE(BigInt.asUintN(64, next));
  whole.copy(word, 0, 8 - width);
  if (isLittle) word.reverse();
  return copy;
}

/** Replaces, repeats, moves or deletes stretches of a text, and puts in `pieces`. */
export function mutateText(text: string, random: SimRandom, pieces: readonly string[] = oddTexts): string {
  const at = random.below(text.length + 1);
  const length = random.below(4) === 0 ? random.below(200) : random.below(4);
  const from = random.below(text.length + 1);
  const inserted = [
    () => pick(random, pieces),
    () => text.slice(from, from + random.below(100)),
    () => String.fromCharCode(random.below(random.below(8) === 0 ? 65_536 : 128)),
    () => "",
  ][random.below(4)];
  return text.slice(0, at) + inserted?.() + text.slice(at + length);
}

/** Changes one thing somewhere in lists, maps, texts, numbers and bytes; the rest is shared with the sample. */
export function mutateValue(value: unknown, random: SimRandom): unknown {
  if (random.below(10) === 0) return oddValue(random);
  if (Array.isArray(value)) return mutateList(value, random);
  if (value instanceof Uint8Array) return mutateBytes(value, random);
  if (typeof value === "object" && value !== null) return mutateMap(value, random);
  if (typeof value === "number") return random.below(2) === 0 ? value + random.below(5) - 2 : pick(random, oddNumbers);
  if (typeof value === "boolean" && random.below(2) === 0) return !value;
  if (typeof value !== "string") return oddValue(random);
  return random.below(2) === 0 ? mutateText(value, random) : pick(random, oddTexts);
}

/** Takes one out, repeats one, adds one, swaps two, or changes one. */
export function mutateList(list: readonly unknown[], random: SimRandom): unknown[] {
  const copy = [...list];
  const at = random.below(Math.max(1, copy.length));
  const to = random.below(copy.length + 1);
  const kind = random.below(8);
  if (kind === 0) copy.splice(at, 1);
  else if (kind === 1) copy.splice(to, 0, copy[at] ?? oddValue(random));
  else if (kind === 2) copy.push(oddValue(random));
  else if (kind === 3) copy.splice(to, 0, ...copy.splice(at, 1));
  else if (copy.length > 0) copy[at] = mutateValue(copy[at], random);
  return copy;
}

function mutateMap(value: object, random: SimRandom): unknown {
  const entries = Object.entries(value);
  const at = random.below(entries.length);
  const [key = "", old] = entries[at] ?? [];
  const kind = random.below(10);
  if (kind === 0) entries.splice(at, 1);
  else if (kind === 1) entries.push([pick(random, ["unknown", "__proto__", "constructor", ""]), oddValue(random)]);
  else if (kind === 2 && entries.length > 1) entries[at] = [key, pick(random, entries)[1]];
  else if (entries.length > 0) entries[at] = [key, mutateValue(old, random)];
  return Object.fromEntries(entries);
}

function oddValue(random: SimRandom): unknown {
  const deep = (levels: number) => Array.from({ length: levels }).reduce<unknown>((inner) => [inner], 0);
  const values: readonly (() => unknown)[] = [
    () => pick(random, [null, true, false, [], {}, [[]], [null], { kind: "file" }, { "": 0 }]),
    () => pick(random, oddNumbers),
    () => pick(random, oddTexts),
    () => deep(pick(random, [2, 50, 100])),
  ];
  return pick(random, values)();
}
