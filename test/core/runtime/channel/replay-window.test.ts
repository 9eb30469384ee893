import { expect, it } from "vitest";
import { ReplayWindow, windowLength } from "../../../../core/runtime/channel/replay-window.ts";
import { SimRandom } from "../../../../sdk/testkit/sim/random.ts";

it.each([1, 2, 3, 4, 5])("takes each number once and none that is too old, whatever the order (seed %i)", (seed) => {
  const random = new SimRandom(seed);
  const window = new ReplayWindow();
  const taken = new Set<number>();
  const wrong: string[] = [];
  let highest = 0;
  for (let step = 0; step < 20_000; step += 1) {
    const jump = random.below(500) === 0 ? random.below(5_000) : random.below(1_300) - 1_200;
    const sequence = Math.max(1, highest + jump);
    const isNew = sequence > highest - windowLength && !taken.has(sequence);
    if (window.isNew(sequence) !== isNew) wrong.push(`${sequence} after ${highest}, step ${step}`);
    if (!isNew) continue;
    window.take(sequence);
    taken.add(sequence);
    highest = Math.max(highest, sequence);
    if (window.highest !== highest) wrong.push(`${window.highest} is the highest at step ${step}`);
  }
  expect(wrong).toEqual([]);
});

it("takes nothing up to where it begins, and everything behind that once", () => {
  const window = new ReplayWindow(5_000);
  expect([1, 3_977, 4_000, 5_000].filter((sequence) => window.isNew(sequence))).toEqual([]);
  for (const sequence of [5_002, 5_001, 6_500]) {
    expect(window.isNew(sequence)).toBe(true);
    window.take(sequence);
    expect(window.isNew(sequence)).toBe(false);
  }
  expect(window.isNew(5_500)).toBe(true);
  expect(window.isNew(5_001)).toBe(false);
});

it("counts to the last number that fits into a datagram", () => {
  const window = new ReplayWindow();
  window.take(2 ** 48 - 1);
  expect(window.isNew(2 ** 48 - 1)).toBe(false);
  expect(window.isNew(2 ** 48 - 2)).toBe(true);
});
