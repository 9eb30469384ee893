import { describe, expect, it } from "vitest";
import { LossEstimate } from "../../../../core/protocol/segment/liveness.ts";
import { SimRandom } from "../../../../sdk/testkit/sim/random.ts";

/** The estimate after so many datagrams of which each is lost with this chance. */
function after(count: number, lossPermille: number, seed = 1): LossEstimate {
  const random = new SimRandom(seed);
  const estimate = new LossEstimate();
  for (let sequence = 1; sequence <= count; sequence += 1) {
    if (random.below(1_000) >= lossPermille) estimate.note(sequence);
  }
  return estimate;
}

/** The fewest misses in a row that happen by chance less than once in 3,600 periods (IC-7), computed exactly. */
function fewest(shareIn2To20: bigint): number {
  for (let n = 2n; n <= 20n; n += 1n) if (3_600n * n * shareIn2To20 ** n < (2n ** 20n) ** n) return Number(n);
  return 20;
}

describe("the estimate of loss", () => {
  it("allows two misses where nothing gets lost, but five until it has seen enough", () => {
    expect(after(100, 0)).toMatchObject({ misses: 5, measuredMisses: 2, lostPermille: 0 });
    expect(after(200, 0)).toMatchObject({ misses: 2, lostPermille: 0 });
  });

  it.each([10, 50, 100, 200, 300])("allows as many misses at %i of 1,000 as the formula", (permille) => {
    const estimates = Array.from({ length: 40 }, (_, seed) => after(3_000, permille, seed));
    const mean = estimates.reduce((sum, { lostPermille }) => sum + lostPermille, 0) / estimates.length;
    expect(Math.abs(mean - permille)).toBeLessThan(permille * 0.2 + 5);
    for (const { lostPermille, misses } of estimates) {
      // What is kept is finer, and the share of what arrived.
      const shareOf = (permille: number) => BigInt(Math.floor((permille * 2 ** 20) / (1_000 - permille)));
      expect([fewest(shareOf(lostPermille)), fewest(shareOf(lostPermille + 1))]).toContain(misses);
    }
  });

  it("changes nothing at datagrams that are late or doubled", () => {
    const [plain, disturbed] = [new LossEstimate(), new LossEstimate()];
    for (let sequence = 1; sequence < 1_000; sequence += 3) {
      plain.note(sequence);
      for (const each of [sequence, sequence, sequence - 1, 0]) disturbed.note(each);
    }
    expect(disturbed.lostPermille).toBe(plain.lostPermille);
    expect(disturbed.lostPermille).toBeGreaterThan(300);
  });

  it("is clamped: after an outage of any length it is back within 350 datagrams", () => {
    const estimate = after(500, 0);
    estimate.note(1_000_000);
    let count = 0;
    while (estimate.misses > 2) {
      count += 1;
      estimate.note(1_000_000 + count);
    }
    expect(count).toBeLessThan(350);
  });

  it("never allows more than twenty", () => {
    const estimate = new LossEstimate();
    for (let sequence = 0; sequence < 100_000; sequence += 100) estimate.note(sequence);
    expect(estimate.misses).toBeLessThanOrEqual(20);
  });

  it("goes on with what it learned when the sender begins anew", () => {
    const estimate = after(3_000, 200);
    const { misses } = estimate;
    estimate.restart();
    estimate.note(1);
    expect(estimate.misses).toBe(misses);
  });
});
