import { describe, expect, it } from "vitest";
import { RateControl } from "../../../plugins/mctp/send/rate.ts";
import { tryLink } from "./link-trial.ts";
import type { LinkTrial } from "./link-trial.ts";

describe("a session that has a link to itself", () => {
  const cases: readonly LinkTrial[] = [
    {},
    { start: 20 },
    { start: 1_000 },
    { megabits: 1_000 },
    { members: 4, loss: 0.003 },
    { members: 4, loss: 0.01 },
    { members: 4, loss: 0.05 },
    { members: 8, loss: 0.1 },
    { members: 8, loss: 0.05, lateMs: 60 },
  ];
  it.each(cases)("uses nearly all of it: %j", (trial) => {
    for (const seed of [1, 2, 3]) expect(tryLink({ ...trial, seed }).session).toBeGreaterThan(0.93);
  });

  it("uses most of it even before a queue that holds a hundredth of a second", () => {
    for (const seed of [1, 2, 3]) expect(tryLink({ queueMs: 10, seed }).session).toBeGreaterThan(0.85);
  });
});

describe("a session beside a TCP stream", () => {
  const cases: readonly LinkTrial[] = [
    {},
    { start: 20 },
    { queueMs: 20 },
    { queueMs: 10 },
    { members: 4 },
    { members: 4, loss: 0.01 },
    { loss: 0.05 },
    { inPhase: true },
    { inPhase: true, start: 20, members: 4, loss: 0.01 },
  ];
  it.each(cases)("leaves it a good share, and has one: %j", (trial) => {
    for (const seed of [1, 2, 3]) {
      const { tcp, session } = tryLink({ ...trial, tcp: true, seed });
      expect({ seed, tcp: tcp > 0.3, session: session > 0.2, together: tcp + session > 0.9 }).toEqual({
        ...{ seed, tcp: true, session: true, together: true },
      });
    }
  });
});

describe("the rate", () => {
  const limits = { startBytesPerSecond: 1_000_000, leastBytesPerSecond: 10_000, mostBytesPerSecond: 2_000_000 };

  it("is never above what the policy allows, and as before when it allows more", () => {
    const rate = new RateControl(limits, 1_500, 0);
    rate.limit(300_000);
    expect(rate.bytesPerSecond).toBe(300_000);
    rate.limit(Infinity);
    expect(rate.bytesPerSecond).toBe(1_000_000);
  });

  it("is never below the least, whatever is allowed", () => {
    const rate = new RateControl(limits, 1_500, 0);
    rate.limit(0);
    expect(rate.bytesPerSecond).toBe(10_000);
  });

  it("does not grow beyond twice what really leaves", () => {
    const rate = new RateControl(limits, 1_500, 0);
    for (let now = 40; now < 4_000; now += 40) {
      rate.take({ member: 0, roundTripMs: 1, sent: 10, received: 10, isBehind: false });
      rate.look(now, now * 600, false);
    }
    expect(rate.bytesPerSecond).toBeLessThanOrEqual(1_200_000);
  });

  it("is not slowed down by one member of four that loses nearly everything", () => {
    const rate = new RateControl(limits, 1_500, 0);
    for (let now = 40; now < 4_000; now += 40) {
      for (const member of [0, 1, 2, 3])
        rate.take({ member, roundTripMs: 1, sent: 100, received: member === 0 ? 5 : 100, isBehind: false });
      rate.look(now, now * 1_000, false);
    }
    expect([rate.reductions, rate.bytesPerSecond >= 1_000_000]).toEqual([0, true]);
  });
});
