import { sequence } from "distributary/testkit";

const headerBytes = 21;

interface Segment {
  flags: number;
  /** Copies, literals and jumps as numbers, then raw and aligned bytes as such. */
  readonly streams: number[][];
}

function parse(delta: Uint8Array): Segment[] {
  const segments: Segment[] = [];
  for (let at = 0; at < delta.length;) {
    const header = new DataView(delta.buffer, delta.byteOffset + at, headerBytes);
    const segment: Segment = { flags: header.getUint8(0), streams: [] };
    at += headerBytes;
    for (let stream = 0; stream < 5; stream++) {
      const bytes = [...delta.subarray(at, (at += header.getUint32(1 + 4 * stream, true)))];
      segment.streams.push(stream < 3 ? numbers(bytes) : bytes);
    }
    segments.push(segment);
  }
  return segments;
}

function numbers(bytes: readonly number[]): number[] {
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

function serialize(segments: readonly Segment[], sizeError: (stream: number) => number): Uint8Array {
  const parts = segments.flatMap(({ flags, streams }) => {
    const bodies = streams.map((stream, index) => Uint8Array.from(index < 3 ? stream.flatMap(base128) : stream));
    const header = new DataView(new ArrayBuffer(headerBytes));
    header.setUint8(0, flags);
    bodies.forEach((body, index) => header.setUint32(1 + 4 * index, body.length + sizeError(index), true));
    return [new Uint8Array(header.buffer), ...bodies];
  });
  return new Uint8Array(Buffer.concat(parts));
}

/** Endless deltas that are nearly right: one that is, with one to four places changed. The same for the same seed. */
export function* mutations(delta: Uint8Array, seed: number): Generator<Uint8Array, never, undefined> {
  const next = sequence(seed);
  const below = (limit: number) => (next() >>> 8) % Math.max(1, limit);
  const odd = () => {
    const power = 2 ** below(54);
    return [0, 1, power - 1, power, power + 1, delta.length, below(70_000)][below(7)] ?? 0;
  };
  const original = parse(delta);
  for (;;) {
    const segments = structuredClone(original);
    let sizeError = (_: number) => 0;
    let cut = Number.POSITIVE_INFINITY;
    for (let count = 1 + below(4); count > 0; count--) {
      const segment = segments[below(segments.length)] ?? { flags: 0, streams: [] };
      const stream = segment.streams[below(segment.streams.length)] ?? [];
      const at = below(stream.length);
      const value = stream[at] ?? 0;
      const numeric = segment.streams.indexOf(stream) < 3;
      const other = below(5);
      const changes: readonly (() => void)[] = [
        () => void (stream[at] = numeric ? odd() : below(256)),
        () => void (stream[at] = numeric ? value + 1 : (value + 1) & 255),
        () => void (stream[at] = Math.max(0, value - 1)),
        () => void (stream[at] = numeric ? value * 2 : value ^ 128),
        () => void stream.splice(at, 1),
        () => void stream.splice(at, 1 + below(9)),
        () => void stream.splice(at, 0, value),
        () => void stream.splice(at, 0, ...stream.slice(0, below(20))),
        () => void stream.reverse(),
        () => void (stream.length = at),
        () => void (segment.flags = below(4) || below(256)),
        () => void segments.splice(below(segments.length), 0, structuredClone(segment)),
        () => void segments.splice(below(segments.length), 1),
        () => void (sizeError = (index) => (index === other ? ([1, -1, 2 ** 24, 2 ** 31, odd()][below(5)] ?? 0) : 0)),
        () => void (cut = below(delta.length)),
      ];
      changes[below(changes.length)]?.();
    }
    yield serialize(segments, sizeError).subarray(0, cut);
  }
}
