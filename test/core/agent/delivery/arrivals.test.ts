import { describe, expect, it } from "vitest";
import { Arrivals } from "../../../../core/agent/delivery/arrivals.ts";
import type { Expected } from "../../../../core/agent/delivery/arrivals.ts";
import { MemoryPieces } from "../../../../sdk/testkit/memory-pieces.ts";
import { SimClock } from "../../../../sdk/testkit/sim/clock.ts";

const beginMs = 4_000;
const newStore = () => new MemoryPieces(Buffer.from("some data"), 4);
const id = newStore().assignment;

/** What one node waits for. */
class Waiting {
  readonly clock = new SimClock();
  readonly told: string[] = [];
  readonly arrivals = new Arrivals(
    this.clock,
    (assignment, what) => void this.told.push(`${assignment === id}: ${what}`),
  );
  readonly store = newStore();
  readonly expected: Expected = this.arrivals.expect(this.store);
  readonly stop = new AbortController();

  /** When it was over, or why it broke off; "not yet" for as long as it goes on. */
  over(): { outcome: string } {
    const state = { outcome: "not yet" };
    this.expected.over(beginMs, this.stop.signal).then(
      () => (state.outcome = `after ${this.clock.now()}`),
      (error: unknown) => (state.outcome = (error as Error).message),
    );
    return state;
  }
}

describe("what a leader is to bring", () => {
  it("is given up if it has not begun in time, not before", async () => {
    const node = new Waiting();
    const wait = node.over();
    await node.clock.advance(beginMs - 1);
    expect(wait.outcome).toBe("not yet");
    await node.clock.advance(1);
    expect(wait.outcome).toBe(`after ${beginMs}`);
  });

  it("is waited for as long as it takes once it has begun, and not a moment longer", async () => {
    const node = new Waiting();
    const wait = node.over();
    await node.clock.advance(beginMs - 1);
    node.arrivals.began(id);
    await node.clock.advance(3_600_000);
    expect(wait.outcome).toBe("not yet");
    node.arrivals.ended(id, undefined);
    await node.clock.advance(0);
    expect(wait.outcome).toBe(`after ${beginMs - 1 + 3_600_000}`);
  });

  it("may have begun before anybody waited", async () => {
    const node = new Waiting();
    node.arrivals.began(id);
    const wait = node.over();
    await node.clock.advance(10 * beginMs);
    expect(wait.outcome).toBe("not yet");
    node.arrivals.ended(id, "the leader fell silent");
    await node.clock.advance(0);
    expect(wait.outcome).toBe(`after ${10 * beginMs}`);
  });

  it("is over at once when it ends early, whole or for a reason", async () => {
    const node = new Waiting();
    const wait = node.over();
    node.arrivals.began(id);
    node.arrivals.ended(id, "it loses more than the others");
    await node.clock.advance(0);
    expect(wait.outcome).toBe("after 0");
    expect(node.told).toEqual(["true: the leader sends it to the segment", "true: it loses more than the others"]);
  });

  it("can be waited for again: for another leader that begins anew", async () => {
    const node = new Waiting();
    node.over();
    node.arrivals.began(id);
    node.arrivals.ended(id, "the leader fell silent");
    await node.clock.advance(1_000);
    const again = node.over();
    await node.clock.advance(beginMs - 1);
    node.arrivals.began(id);
    await node.clock.advance(beginMs);
    expect(again.outcome).toBe("not yet");
    node.arrivals.ended(id, undefined);
    await node.clock.advance(0);
    expect(again.outcome).toMatch(/^after/);
  });

  it("is not waited for any more after the signal, whether it has begun or not", async () => {
    for (const pauseMs of [0, beginMs - 1, beginMs + 1]) {
      const node = new Waiting();
      const wait = node.over();
      node.arrivals.began(id);
      await node.clock.advance(pauseMs);
      node.stop.abort(new Error("enough"));
      await node.clock.advance(0);
      expect(wait.outcome).toBe("enough");
      expect(node.over().outcome).toBe("not yet");
      await node.clock.advance(0);
      expect(node.clock.nextMoment).toBe(Infinity);
    }
  });

  it("goes to the store of whoever expects it, as long as it is expected", () => {
    const node = new Waiting();
    expect([node.arrivals.find(id), node.arrivals.find("b")]).toEqual([node.store, undefined]);
    node.expected[Symbol.dispose]();
    expect(node.arrivals.find(id)).toBeUndefined();
    for (const assignment of [id, "b"]) {
      node.arrivals.began(assignment);
      node.arrivals.ended(assignment, undefined);
    }
    expect(node.told).toEqual([]);
  });

  it("goes to the one who expected it last, whenever the one before has done", () => {
    const node = new Waiting();
    const later = newStore();
    using _expected = node.arrivals.expect(later);
    node.expected[Symbol.dispose]();
    expect(node.arrivals.find(id)).toBe(later);
  });
});
