import { describe, expect, it } from "vitest";
import { SimRandom } from "../../../../sdk/testkit/sim/random.ts";

const draw = (random: SimRandom, count = 50) => Array.from({ length: count }, () => random.below(1_000));

describe("simulated randomness", () => {
  it("is the same for the same seed and stream, and differs between them", () => {
    expect(draw(new SimRandom(1))).toEqual(draw(new SimRandom(1)));
    expect(draw(new SimRandom(1))).not.toEqual(draw(new SimRandom(2)));
    const random = new SimRandom(1);
    expect(draw(random.fork("a"))).not.toEqual(draw(random.fork("b")));
    expect(draw(random.fork(1))).not.toEqual(draw(random.fork(2)));
  });

  it("gives a stream the same numbers whatever was drawn from others", () => {
    const random = new SimRandom(1);
    const before = draw(random.fork("a"));
    draw(random);
    expect(draw(random.fork("a"))).toEqual(before);
  });

  it("draws every number below the limit about as often, and never the limit", () => {
    const random = new SimRandom(3);
    const counts = Array.from({ length: 10 }, () => 0);
    for (let count = 0; count < 10_000; count += 1) {
      const drawn = random.below(10);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    expect(counts).toHaveLength(10);
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
    for (let count = 0; count < 1_000; count += 1) expect(random.below(2 ** 32)).toBeLessThan(2 ** 32);
    expect(random.below(1)).toBe(0);
  });

  it("fills bytes", () => {
    expect(new Set(new SimRandom(5).bytes(2_000)).size).toBe(256);
    expect(new SimRandom(5).bytes(0)).toHaveLength(0);
  });
});
