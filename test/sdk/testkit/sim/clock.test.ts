import { describe, expect, it } from "vitest";
import { SimClock } from "../../../../sdk/testkit/sim/clock.ts";

describe("a simulated clock", () => {
  it("wakes everybody at their moment, in order, also those who wait again", async () => {
    const clock = new SimClock();
    const seen: string[] = [];
    const wait = async (name: string, moment: number) => {
      await clock.until(moment);
      seen.push(`${name} ${clock.now()}`);
    };
    void wait("late", 30);
    void wait("first", 10).then(() => wait("again", 20));
    void wait("second", 10);
    void wait("never", 31);
    await clock.advance(30);
    expect(seen).toEqual(["first 10", "second 10", "again 20", "late 30"]);
    expect(clock.nextMoment).toBe(31);
  });

  it("resolves at once for a moment that has come", async () => {
    const clock = new SimClock();
    await clock.advance(5);
    await clock.until(5);
    expect(clock.now()).toBe(5);
  });

  it("rejects with the signal's reason and forgets who waited", async () => {
    const clock = new SimClock();
    const controller = new AbortController();
    const waiting = clock.until(10, controller.signal);
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(clock.until(10, controller.signal)).rejects.toThrow("enough");
    expect(clock.nextMoment).toBe(Infinity);
  });

  it("shows a wall time that can be set, while time goes on", async () => {
    const clock = new SimClock(1_000);
    await clock.advance(10);
    expect(clock.wallTime()).toBe(1_010);
    clock.setWallTime(500);
    await clock.advance(1);
    expect([clock.wallTime(), clock.now()]).toEqual([501, 11]);
  });
});
