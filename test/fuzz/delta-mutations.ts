import type { SimRandom } from "../../sdk/testkit/sim/random.ts";
import { mutateBytes, mutateOften, pick } from "./mutations.ts";

const headerBytes = 21;

/** A segment of a delta of rsync, taken apart. */
interface Segment {
  readonly flags: number;
  /** Copies, literals and jumps as numbers, then raw and aligned bytes as such. */
  readonly streams: readonly (readonly number[] | Uint8Array)[];
  /** What its header says of the length of a stream beyond what is so. */
  readonly lie?: { readonly stream: number; readonly by: number };
}

/** Takes a delta of rsync apart. */
export function segmentsOf(delta: Uint8Array): readonly Segment[] {
  const segments: Segment[] = [];
  for (let at = 0; at < delta.length;) {
    const header = new DataView(delta.buffer, delta.byteOffset + at, headerBytes);
    at += headerBytes;
    const streams = [0, 1, 2, 3, 4].map((stream) => {
      const bytes = delta.subarray(at, (at += header.getUint32(1 + 4 * stream, true)));
      return stream < 3 ? numbers(bytes) : bytes;
    });
    segments.push({ flags: header.getUint8(0), streams });
  }
  return segments;
}

/** A delta that is nearly right: segments and their operations changed in one to three places, or some bytes. */
export function mutateDelta(segments: readonly Segment[], random: SimRandom): Uint8Array {
  const changed = bytesOf(mutateOften(segments, random, mutateSegments));
  return random.below(4) === 0 ? mutateBytes(changed, random) : changed;
}

function mutateSegments(segments: readonly Segment[], random: SimRandom): readonly Segment[] {
  const at = random.below(segments.length);
  const segment = segments[at];
  if (segment === undefined) return segments;
  const kind = random.below(12);
  if (kind === 0) return segments.toSpliced(at, 1);
  if (kind === 1) return segments.toSpliced(random.below(segments.length), 0, segment);
  if (kind === 2) return segments.with(at, { ...segment, flags: random.below(4) || random.below(256) });
  if (kind === 3) {
    const by = pick(random, [1, -1, 2 ** 24, 2 ** 31, odd(random)]);
    return segments.with(at, { ...segment, lie: { stream: random.below(5), by } });
  }
  const stream = random.below(5);
  const changed = mutateStream([...(segment.streams[stream] ?? [])], stream < 3, random);
  const streams = segment.streams.with(stream, stream < 3 ? changed : Uint8Array.from(changed));
  return segments.with(at, { ...segment, streams });
}

function mutateStream(stream: readonly number[], isNumbers: boolean, random: SimRandom): readonly number[] {
  const at = random.below(Math.max(1, stream.length));
  const value = stream[at] ?? 0;
  const put = (next: number) => stream.toSpliced(at, 1, isNumbers ? next : next & 255);
  const changes: readonly (() => readonly number[])[] = [
    () => put(isNumbers ? odd(random) : random.below(256)),
    () => put(value + 1),
    () => put(Math.max(0, value - 1)),
    () => put(value * 2),
    () => stream.toSpliced(at, 1 + random.below(random.below(2) === 0 ? 1 : 9)),
    () => stream.toSpliced(at, 0, value),
    () => stream.toSpliced(at, 0, ...stream.slice(0, random.below(20))),
    () => stream.toReversed(),
    () => stream.slice(0, at),
  ];
  return pick(random, changes)();
}

function odd(random: SimRandom): number {
  const power = 2 ** random.below(54);
  return pick(random, [0, 1, power - 1, power, power + 1, random.below(70_000)]);
}

function numbers(bytes: Uint8Array): number[] {
  const values: number[] = [];
  let value = 0;
  let scale = 1;
  for (const byte of bytes) {
    value += (byte & 127) * scale;
    scale *= 128;
    if (byte > 127) continue;
    values.push(value);
    [value, scale] = [0, 1];
  }
  return values;
}

function base128(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

function bytesOf(segments: readonly Segment[]): Uint8Array {
  const parts = segments.flatMap(({ flags, streams, lie }) => {
    const bodies = streams.map((stream) =>
      stream instanceof Uint8Array ? stream : Buffer.from(stream.flatMap(base128)),
    );
    const header = Buffer.alloc(headerBytes);
    header.writeUInt8(flags);
    for (const [index, { length }] of bodies.entries())
      header.writeUInt32LE((length + (lie?.stream === index ? lie.by : 0)) >>> 0, 1 + 4 * index);
    return [header, ...bodies];
  });
  return Buffer.concat(parts);
}
