import { describe, expect, it } from "vitest";
import { sequence } from "distributary/testkit";
import { cutFor, cutProblem, Geometry, mostFrames, sealBytes } from "../../../plugins/mctp/geometry.ts";
import type { Extent } from "../../../plugins/mctp/geometry.ts";

const kib = 1_024;
const mib = kib * kib;

function* drawn(seed: number, count: number): Generator<{ extent: Extent; mostFrameBytes: number }> {
  const next = sequence(seed);
  const below = (limit: number) => Math.floor((next() / 2 ** 32) * limit);
  for (let each = 0; each < count; each += 1) {
    const pieceBytes = (below(2) === 0 ? kib * 2 ** below(17) : kib + below(64 * mib - kib)) as number;
    const pieces = 1 + below(below(2) === 0 ? 4 : 200);
    const last = below(4) === 0 ? pieceBytes : 1 + below(pieceBytes);
    const sizeBytes = (pieces - 1) * pieceBytes + last;
    const from = below(pieces);
    const range = below(2) === 0 ? { from: 0, to: pieces } : { from, to: from + 1 + below(pieces - from) };
    yield { extent: { sizeBytes, pieceBytes, range }, mostFrameBytes: 530 + below(8_430) };
  }
  yield { extent: { sizeBytes: 1, pieceBytes: mib, range: { from: 0, to: 1 } }, mostFrameBytes: 1_428 };
}

describe("a cut that was chosen", () => {
  it("may be made, whatever the sizes, and fits into datagrams", () => {
    for (const { extent, mostFrameBytes } of drawn(1, 20_000)) {
      const cut = cutFor(extent, mostFrameBytes);
      expect(cutProblem(extent, cut)).toBeUndefined();
      expect(cut.frameBytes).toBeLessThanOrEqual(mostFrameBytes);
    }
  });

  it("fills datagrams and blocks where there is enough for it", () => {
    for (const { extent, mostFrameBytes } of drawn(2, 2_000)) {
      const dataBytes =
        Math.min(extent.range.to * extent.pieceBytes, extent.sizeBytes) - extent.range.from * extent.pieceBytes;
      if (dataBytes < mib || extent.pieceBytes < 256 * kib) continue;
      const { blockBytes, frameBytes } = cutFor(extent, mostFrameBytes);
      expect(frameBytes / mostFrameBytes).toBeGreaterThan(0.97);
      expect(blockBytes).toBeGreaterThan(90 * mostFrameBytes);
    }
  });
});

describe("blocks", () => {
  const geometries = [...drawn(3, 1_500)]
    .map(({ extent, mostFrameBytes }) => new Geometry(extent, cutFor(extent, mostFrameBytes)))
    .filter(({ blockCount }) => blockCount <= 20_000);

  it("follow one another without gaps, and none goes beyond a piece unless it holds whole ones", () => {
    for (const geometry of geometries) expect(gapsOf(geometry)).toEqual([]);
  });

  it("and pieces know each other alike", () => {
    for (const geometry of geometries) {
      const { range } = geometry.extent;
      const ranges = new Map<number, { from: number; to: number }>();
      for (let block = 0; block < geometry.blockCount; block += 1) {
        const { from, to } = geometry.piecesOf(block);
        for (let piece = from; piece < to; piece += 1)
          ranges.set(piece, { from: ranges.get(piece)?.from ?? block, to: block + 1 });
      }
      const pieces = Array.from({ length: range.to - range.from }, (_, at) => range.from + at);
      expect([...ranges]).toEqual(pieces.map((piece) => [piece, geometry.blocksOf(piece)]));
    }
  });
});

/** What is wrong with the blocks, one behind the other. */
function gapsOf(geometry: Geometry): string[] {
  const { sizeBytes, pieceBytes, range } = geometry.extent;
  const wrong: string[] = [];
  let [at, frameCount] = [range.from * pieceBytes, 0];
  for (let block = 0; block < geometry.blockCount; block += 1) {
    const [start, length, sources] = [geometry.startOf(block), geometry.lengthOf(block), geometry.sourcesOf(block)];
    const { from, to } = geometry.piecesOf(block);
    const end = start + length;
    const holdsWhole = start % pieceBytes === 0 && (end % pieceBytes === 0 || end === sizeBytes);
    if (start !== at || !(length > 0)) wrong.push(`${block} begins at ${start} instead of ${at}, with ${length} bytes`);
    if (from !== Math.floor(start / pieceBytes) || to !== Math.ceil(end / pieceBytes))
      wrong.push(`${block}: ${from}, ${to}`);
    if (to - from > 1 && !holdsWhole) wrong.push(`${block} goes beyond the end of a piece`);
    if (sources !== Math.ceil((length + sealBytes) / geometry.cut.frameBytes))
      wrong.push(`${block}: ${sources} frames`);
    if (sources > (mostFrames * 3) / 4) wrong.push(`${block} has ${sources} frames`);
    [at, frameCount] = [end, frameCount + sources];
  }
  if (at !== Math.min(range.to * pieceBytes, sizeBytes)) wrong.push(`the last block ends at ${at}`);
  if (frameCount !== geometry.frameCount) wrong.push(`${frameCount} frames instead of ${geometry.frameCount}`);
  return wrong;
}

describe("a cut that was announced", () => {
  const extent: Extent = { sizeBytes: 10 * mib, pieceBytes: mib, range: { from: 2, to: 10 } };
  const good = cutFor(extent, 1_428);

  it.for([
    ["a range that ends before it begins", { ...extent, range: { from: 3, to: 3 } }, good],
    ["a range beyond the data", { ...extent, range: { from: 2, to: 11 } }, good],
    ["a range before the data", { ...extent, range: { from: -1, to: 4 } }, good],
    ["frames of nothing", extent, { ...good, frameBytes: 0 }],
    ["blocks of nothing", extent, { ...good, blockBytes: 0 }],
    ["blocks that end within a piece", extent, { frameBytes: 8_000, blockBytes: mib + 1 }],
    ["more frames of a block than a byte counts", extent, { blockBytes: good.blockBytes, frameBytes: 700 }],
    [
      "more blocks than three bytes count",
      { ...extent, sizeBytes: 2 ** 30, range: { from: 0, to: 1_024 } },
      { blockBytes: 10, frameBytes: 26 },
    ],
    ["no numbers", extent, { blockBytes: Number.NaN, frameBytes: 1_400 }],
  ] as const)("is refused with %s", ([, announced, cut]) => {
    expect(cutProblem(announced, cut)).toBeDefined();
  });

  it("is taken if it is right", () => expect(cutProblem(extent, good)).toBeUndefined());
});
