import { noiseBytes, sequence, textBytes } from "./sample-bytes.ts";

/** An old and a new version. */
export interface Pair {
  readonly name: string;
  make(): readonly [base: Uint8Array, target: Uint8Array];
}

const size = 200_000;

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function repeated(pattern: string, sizeBytes: number): Uint8Array {
  return new Uint8Array(sizeBytes).fill(0).map((_, index) => pattern.charCodeAt(index % pattern.length));
}

const contents: readonly (readonly [name: string, make: (sizeBytes: number, seed: number) => Uint8Array])[] = [
  ["text", textBytes],
  ["noise", noiseBytes],
];

const edits: readonly (readonly [name: string, edit: (old: Uint8Array, inserted: Uint8Array) => Uint8Array])[] = [
  ["an insertion at the start", (old, inserted) => join(inserted, old)],
  ["an insertion in the middle", (old, inserted) => join(old.subarray(0, 77_777), inserted, old.subarray(77_777))],
  ["an insertion at the end", (old, inserted) => join(old, inserted)],
  ["a deletion at the start", (old) => old.slice(1_001)],
  ["a deletion in the middle", (old) => join(old.subarray(0, 50_001), old.subarray(52_002))],
  ["a deletion at the end", (old) => old.slice(0, -1_001)],
  ["an overwritten start", (old, inserted) => join(inserted, old.subarray(inserted.length))],
  [
    "an overwritten middle",
    (old, inserted) => join(old.subarray(0, 9_999), inserted, old.subarray(9_999 + inserted.length)),
  ],
  ["an overwritten end", (old, inserted) => join(old.subarray(0, old.length - inserted.length), inserted)],
  ["two halves that changed places", (old) => join(old.subarray(size / 2), old.subarray(0, size / 2))],
  ["a part that moved far", (old) => join(old.subarray(30_000), old.subarray(0, 30_000))],
  ["a part that came twice", (old) => join(old, old.subarray(1_000, 60_000))],
  ["single bytes changed all over", (old) => old.map((byte, index) => (index % 997 === 5 ? byte ^ 0x55 : byte))],
  ["addresses that moved", (old) => old.map((byte, index) => (index % 16 === 4 ? (byte + 0x31) & 255 : byte))],
];

const edited: readonly Pair[] = contents.flatMap(([content, make]) =>
  edits.map(([name, edit]) => ({
    name: `${content} with ${name}`,
    make: () => {
      const old = make(size, 1);
      return [old, edit(old, make(333, 2))] as const;
    },
  })),
);

/** Pairs that differ in every way content does. */
export const pairs: readonly Pair[] = [
  { name: "nothing from nothing", make: () => [new Uint8Array(0), new Uint8Array(0)] },
  { name: "something from nothing", make: () => [new Uint8Array(0), textBytes(50_000)] },
  { name: "nothing from something", make: () => [textBytes(50_000), new Uint8Array(0)] },
  { name: "a byte from a byte", make: () => [Uint8Array.of(1), Uint8Array.of(2)] },
  { name: "text from the same text", make: () => [textBytes(size), textBytes(size)] },
  { name: "noise from other noise", make: () => [noiseBytes(size, 1), noiseBytes(size, 2)] },
  { name: "text from noise that is shorter", make: () => [noiseBytes(999, 1), textBytes(size, 2)] },
  ...edited,
];

/** Pairs that repeat themselves so often that a careless search never ends. */
export const repetitivePairs: readonly Pair[] = [
  { name: "zeros from zeros", make: () => [new Uint8Array(6_000_000), new Uint8Array(6_300_001)] },
  {
    name: "zeros from zeros with a byte here and there",
    make: () => [
      new Uint8Array(5_000_000).map((_, index) => (index % 70_001 === 9 ? 1 : 0)),
      new Uint8Array(5_000_000).map((_, index) => (index % 65_537 === 3 ? 2 : 0)),
    ],
  },
  ...["ab", "abc", "\u0001\u0004\u0009\u0010\u0019", "the same line again and again\n"].map((pattern) => ({
    name: `repetitions of ${JSON.stringify(pattern)}`,
    make: () =>
      [
        repeated(pattern, 3_000_000),
        join(repeated(pattern, 1_000_001), textBytes(5_000), repeated(pattern, 2_000_000)),
      ] as const,
  })),
];

/** A pair of up to some thousand bytes with random edits, the same for the same seed. */
export function randomPair(seed: number): readonly [base: Uint8Array, target: Uint8Array] {
  const next = sequence(seed);
  const upTo = (limit: number) => (next() >>> 8) % (limit + 1);
  const make = upTo(1) === 0 ? textBytes : noiseBytes;
  const base = make(upTo(upTo(1) === 0 ? 200 : 9_000), seed);
  let target = base;
  for (let count = upTo(6); count > 0; count--) {
    const at = upTo(target.length);
    const removed = upTo(1) * upTo(Math.min(500, target.length - at));
    const from = upTo(base.length);
    const added = upTo(2) === 0 ? base.subarray(from, from + upTo(3_000)) : make(upTo(1) * upTo(300), next());
    target = join(target.subarray(0, at), added, target.subarray(at + removed));
  }
  return [base, target];
}
