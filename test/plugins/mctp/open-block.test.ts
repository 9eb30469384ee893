import { describe, expect, it } from "vitest";
import { sequence } from "distributary/testkit";
import { OpenBlock } from "../../../plugins/mctp/receive/open-block.ts";

const bits = (bytes: Uint8Array, count: number) =>
  Array.from({ length: count }, (_, index) => index).filter(
    (index) => ((bytes[index >> 3] as number) >> (index & 7)) & 1,
  );

describe("a block of four source frames", () => {
  it("keeps source frames in their places", () => {
    const block = new OpenBlock(4);
    expect([3, 0, 2, 1].map((index) => block.rowFor(index))).toEqual([3, 0, 2, 1]);
    expect([...block.holds]).toEqual([0, 1, 2, 3]);
    expect(block.lacking).toBe(0);
  });

  it("keeps parity where nothing is", () => {
    const block = new OpenBlock(4);
    expect([1, 200, 7, 3].map((index) => block.rowFor(index))).toEqual([1, 0, 2, 3]);
    expect([...block.holds]).toEqual([200, 1, 7, 3]);
    expect(block.highestIndex).toBe(200);
  });

  it("takes no frame twice", () => {
    const block = new OpenBlock(4);
    expect([1, 1, 9, 9].map((index) => block.rowFor(index))).toEqual([1, undefined, 0, undefined]);
    expect(block.count).toBe(2);
  });

  it("lets go of parity for the source frame that belongs there", () => {
    const block = new OpenBlock(4);
    expect([9, 0].map((index) => block.rowFor(index))).toEqual([0, 0]);
    expect([block.count, ...block.holds]).toEqual([1, 0, -1, -1, -1]);
    // What was let go of may come again.
    expect(block.rowFor(9)).toBe(1);
  });

  it("has no room for parity when it is whole", () => {
    const block = new OpenBlock(4);
    for (const index of [4, 5, 6, 7]) block.rowFor(index);
    expect(block.rowFor(8)).toBeUndefined();
    expect(block.lacking).toBe(0);
  });

  it("says which source frames would help: those in whose place there is nothing", () => {
    const block = new OpenBlock(4);
    for (const index of [2, 9]) block.rowFor(index);
    expect(bits(block.missing(), 4)).toEqual([1, 3]);
  });
});

it("a block is whole after as many different frames as it has sources, and holds each once", () => {
  const next = sequence(1);
  const below = (limit: number) => Math.floor((next() / 2 ** 32) * limit);
  for (let run = 0; run < 1_000; run += 1) {
    const sources = 1 + below(192);
    const block = new OpenBlock(sources);
    let wrong = 0;
    for (let step = 0; block.lacking > 0 && step < 100_000; step += 1) {
      const index = below(256);
      const before = block.count;
      const row = block.rowFor(index);
      if (row === undefined ? block.count !== before : block.holds[row] !== index || block.count > before + 1)
        wrong += 1;
    }
    expect([wrong, block.lacking, new Set(block.holds).size, bits(block.missing(), sources)]).toEqual([
      0,
      0,
      sources,
      [],
    ]);
    expect(block.holds.every((index, row) => index === row || index >= sources)).toBe(true);
  }
});
