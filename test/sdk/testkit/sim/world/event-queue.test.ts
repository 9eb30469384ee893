import { describe, expect, it } from "vitest";
import { SimRandom } from "../../../../../sdk/testkit/sim/random.ts";
import { EventQueue } from "../../../../../sdk/testkit/sim/world/event-queue.ts";

describe("a queue of events", () => {
  it("gives them in the order of their moments, those of one moment in the order in which they came", () => {
    const random = new SimRandom(5);
    const queue = new EventQueue();
    const given: [number, number][] = [];
    const expected: [number, number][] = [];
    let number = 0;
    const push = () => {
      const at = queue.now + random.below([2, 50, 4_000][random.below(3)] ?? 1);
      queue.push(at, number % 200, number);
      expected.push([at, number]);
      number += 1;
    };
    for (let round = 0; round < 5_000; round += 1) {
      while (queue.length < 20 + random.below(300)) push();
      for (let left = random.below(400); left > 0 && queue.next(Infinity); left -= 1) {
        expect(queue.kind).toBe(queue.node % 200);
        given.push([queue.now, queue.node]);
      }
    }
    while (queue.next(Infinity)) given.push([queue.now, queue.node]);
    expect(given).toEqual(expected.sort(([a, first], [b, second]) => a - b || first - second));
  });

  it("keeps what is far ahead", () => {
    const queue = new EventQueue();
    for (const at of [10_000_000, 4_096, 4_095, 60_000]) queue.push(at, 1, at);
    const given: number[] = [];
    while (queue.next(Infinity)) given.push(queue.now, queue.node);
    expect(given).toEqual([4_095, 4_095, 4_096, 4_096, 60_000, 60_000, 10_000_000, 10_000_000]);
  });

  it("goes to the limit and no further", () => {
    const queue = new EventQueue();
    queue.push(100, 1, 0, "payload");
    expect(queue.next(99)).toBe(false);
    expect(queue.now).toBe(99);
    queue.push(50, 1, 1);
    expect(queue.next(99)).toBe(true);
    expect([queue.now, queue.node, queue.payload]).toEqual([99, 1, undefined]);
    expect(queue.next(100)).toBe(true);
    expect([queue.now, queue.payload]).toEqual([100, "payload"]);
    expect(queue.next(1_000)).toBe(false);
    expect([queue.now, queue.length]).toEqual([1_000, 0]);
  });
});
