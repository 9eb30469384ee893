import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { decode, decodeFirst, encode } from "cborg";
import { fixedBytes } from "../../../core/assignment/encode.ts";
import { hashBytes, hashOf } from "../../../core/content/hash.ts";
import type { SimRandom } from "../../../sdk/testkit/sim/random.ts";

type Value = unknown;

const oddNames = [
  "",
  ".",
  "..",
  "/",
  "a/../b",
  "../x",
  "/etc/passwd",
  "a//b",
  "a\0b",
  "x".repeat(300),
  "a/".repeat(300),
  "file",
  "update",
  "none",
];
const oddNumbers = [-1, 0, 1, 0.5, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 53 - 1, -(2 ** 53), 1e300];

/** A buffer with one thing in it changed, in a way that gets far: lengths and trailer are made right again, mostly. */
export function mutateBuffer(buffer: Uint8Array, random: SimRandom): Uint8Array {
  const { header, sequence } = partsOf(buffer);
  switch (random.below(6)) {
    case 0:
      return mutateBytes(buffer, random);
    case 1:
      return assemble(mutateBytes(header, random), sequence);
    case 2:
      return assemble(header, mutateBytes(sequence, random));
    case 3:
      return assemble(encode(mutateValue(decode(header), random)), sequence);
    case 4:
      return assemble(header, Buffer.concat(mutateList(commandsOf(sequence), random).map((each) => encode(each))));
    default:
      return lieAboutLengths(buffer, random);
  }
}

function partsOf(bytes: Uint8Array): { header: Uint8Array; sequence: Uint8Array } {
  const buffer = Buffer.from(bytes);
  const bodyStart = fixedBytes + buffer.readUInt32BE(5);
  const body = buffer.subarray(bodyStart, bodyStart + buffer.readUInt32BE(9));
  return {
    header: buffer.subarray(fixedBytes, bodyStart),
    sequence: body.length === 0 ? body : zstdDecompressSync(body),
  };
}

function commandsOf(sequence: Uint8Array): Value[] {
  const commands: Value[] = [];
  for (let rest = sequence; rest.length > 0;) {
    const [value, next] = decodeFirst(rest);
    commands.push(value);
    rest = next;
  }
  return commands;
}

/** A buffer around any header and any commands, with right lengths and trailer. */
export function assemble(header: Uint8Array, sequence: Uint8Array): Uint8Array {
  const body = sequence.length === 0 ? sequence : zstdCompressSync(sequence);
  const fixed = Buffer.alloc(fixedBytes);
  fixed.write("DSTA");
  fixed.writeUInt8(1, 4);
  for (const [index, { length }] of [header, body, sequence].entries()) fixed.writeUInt32BE(length, 5 + index * 4);
  return Buffer.concat([fixed, header, body, hashOf(sequence)]);
}

/** Flips, cuts, inserts, repeats or overwrites some bytes. */
export function mutateBytes(bytes: Uint8Array, random: SimRandom): Uint8Array {
  const copy = Buffer.from(bytes);
  const at = random.below(Math.max(1, copy.length));
  const length = 1 + random.below(16);
  switch (random.below(6)) {
    case 0:
      copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
      return copy;
    case 1:
      copy.fill(
        [0, 0xff, 0x7f, 0x80][random.below(4)] ?? 0,
        Math.min(at, copy.length),
        Math.min(at + length, copy.length),
      );
      return copy;
    case 2:
      return copy.subarray(0, at);
    case 3:
      return Buffer.concat([copy.subarray(0, at), random.bytes(length), copy.subarray(at)]);
    case 4:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + length)]);
    default:
      return Buffer.concat([copy.subarray(0, at + length), copy.subarray(at)]);
  }
}

function lieAboutLengths(buffer: Uint8Array, random: SimRandom): Uint8Array {
  const copy = Buffer.from(buffer);
  const values = [0, 1, hashBytes, copy.length, 0x7fff_ffff, 0xffff_ffff, random.below(copy.length * 2)];
  copy.writeUInt32BE(values[random.below(values.length)] ?? 0, 5 + random.below(3) * 4);
  return copy;
}

function mutateValue(value: Value, random: SimRandom): Value {
  if (random.below(8) === 0) return oddValue(random);
  if (Array.isArray(value)) return mutateList(value, random);
  if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) return mutateMap(value, random);
  if (typeof value === "number")
    return random.below(2) === 0 ? value + random.below(5) - 2 : oddNumbers[random.below(oddNumbers.length)];
  if (typeof value === "string") return random.below(2) === 0 ? `${value}x` : oddNames[random.below(oddNames.length)];
  if (value instanceof Uint8Array) return mutateBytes(value, random);
  return oddValue(random);
}

function mutateMap(value: object, random: SimRandom): Value {
  const entries = Object.entries(value);
  const at = random.below(entries.length);
  const [key, old] = entries[at] ?? ["", 0];
  const kind = random.below(8);
  if (kind === 0) entries.splice(at, 1);
  else if (kind === 1) entries.push(["unknown", oddValue(random)]);
  else entries[at] = [key, mutateValue(old, random)];
  return Object.fromEntries(entries);
}

function mutateList(list: readonly Value[], random: SimRandom): Value[] {
  const copy = [...list];
  const at = random.below(Math.max(1, copy.length));
  const kind = random.below(6);
  if (kind === 0) copy.splice(at, 1);
  else if (kind === 1) copy.splice(at, 0, copy[at] ?? oddValue(random));
  else if (kind === 2) copy.push(oddValue(random));
  else if (copy.length > 0) copy[at] = mutateValue(copy[at], random);
  return copy;
}

function oddValue(random: SimRandom): Value {
  const deep = Array.from({ length: 50 }).reduce<Value>((inner) => [inner], 0);
  const values = [
    null,
    true,
    "",
    "x",
    -1,
    0,
    2 ** 40,
    0.5,
    [],
    {},
    [[]],
    deep,
    new Uint8Array(3),
    { kind: "file" },
    oddNames[random.below(oddNames.length)],
  ];
  return values[random.below(values.length)];
}
