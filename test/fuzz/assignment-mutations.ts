import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { decode, decodeFirst, encode } from "cborg";
import { fixedBytes } from "../../core/assignment/encode.ts";
import { hashBytes, hashOf } from "../../core/content/hash.ts";
import type { SimRandom } from "../../sdk/testkit/sim/random.ts";
import { mutateBytes, mutateList, mutateOften, mutateValue, pick } from "./mutations.ts";

/** A command buffer taken apart. */
export interface Dissected {
  readonly buffer: Buffer;
  readonly header: Uint8Array;
  readonly headerMap: unknown;
  /** The commands: compressed, as bytes, and one by one. */
  readonly body: Uint8Array;
  readonly sequence: Uint8Array;
  readonly commands: readonly unknown[];
}

export function dissect(bytes: Uint8Array): Dissected {
  const buffer = Buffer.from(bytes);
  const bodyStart = fixedBytes + buffer.readUInt32BE(5);
  const header = buffer.subarray(fixedBytes, bodyStart);
  const body = buffer.subarray(bodyStart, bodyStart + buffer.readUInt32BE(9));
  const sequence = body.length === 0 ? body : zstdDecompressSync(body);
  return { buffer, header, headerMap: decode(header), body, sequence, commands: commandsOf(sequence) };
}

function commandsOf(sequence: Uint8Array): unknown[] {
  const commands: unknown[] = [];
  for (let rest = sequence; rest.length > 0;) {
    const [value, next] = decodeFirst(rest);
    commands.push(value);
    rest = next;
  }
  return commands;
}

/** A buffer around any header and any commands, with right lengths and trailer; `body` is the commands, compressed. */
export function assemble(header: Uint8Array, sequence: Uint8Array, body = compressed(sequence)): Uint8Array {
  const fixed = Buffer.alloc(fixedBytes);
  fixed.write("DSTA");
  fixed.writeUInt8(1, 4);
  for (const [index, { length }] of [header, body, sequence].entries()) fixed.writeUInt32BE(length, 5 + index * 4);
  return Buffer.concat([fixed, header, body, hashOf(sequence)]);
}

function compressed(sequence: Uint8Array): Uint8Array {
  return sequence.length === 0 ? sequence : zstdCompressSync(sequence);
}

/** A buffer with a few things in it changed, in a way that gets far: lengths and trailer are right again, mostly. */
export function mutateBuffer(
  { buffer, header, headerMap, body, sequence, commands }: Dissected,
  random: SimRandom,
): Uint8Array {
  switch (random.below(8)) {
    case 0:
      return mutateOften<Uint8Array>(buffer, random, mutateBytes);
    case 1:
      return assemble(mutateOften(header, random, mutateCbor), sequence, body);
    case 2:
      return assemble(header, mutateOften(sequence, random, mutateCbor));
    case 3:
    case 4:
      return assemble(encode(mutateOften(headerMap, random, mutateValue)), sequence, body);
    case 5:
    case 6:
      return assemble(header, Buffer.concat(mutateOften(commands, random, mutateList).map((each) => encode(each))));
    default:
      return lieAboutLengths(buffer, random);
  }
}

/** Changes bytes, or what a byte says of how much follows it: lengths up to 2^64, lists and maps without end, tags. */
function mutateCbor(bytes: Uint8Array, random: SimRandom): Uint8Array {
  if (random.below(2) === 0) return mutateBytes(bytes, random);
  const copy = Buffer.from(bytes);
  const at = random.below(Math.max(1, copy.length));
  const major = pick(random, [(copy[at] ?? 0) & 0xe0, 0x40, 0x60, 0x80, 0xa0, 0xc0, 0xe0]);
  const lengths = [
    "00",
    "18ff",
    "19ffff",
    "1a00100000",
    "1affffffff",
    "1b0020000000000000",
    "1bffffffffffffffff",
    "1f",
  ];
  const head = Buffer.from(pick(random, lengths), "hex");
  head[0] = (head[0] ?? 0) | major;
  const nested = random.below(16) === 0 ? Buffer.alloc(pick(random, [10, 100, 10_000]), 0x81) : head;
  return Buffer.concat([copy.subarray(0, at), nested, copy.subarray(at + random.below(2))]);
}

function lieAboutLengths(buffer: Buffer, random: SimRandom): Uint8Array {
  const copy = Buffer.from(buffer);
  const lengths = [0, 1, hashBytes, copy.length, 0x7fff_ffff, 0xffff_ffff, random.below(copy.length * 2)];
  copy.writeUInt32BE(pick(random, lengths), 5 + random.below(3) * 4);
  return copy;
}
