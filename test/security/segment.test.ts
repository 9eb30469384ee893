import { describe, expect, it } from "vitest";
import type { Channel } from "../../core/protocol/segment/messages.ts";
import { channel, others, Stage, timings } from "../core/protocol/segment/stage.ts";
import { tryOut } from "../core/protocol/segment/trial.ts";

const { periodMs, registerMs, reportMs } = timings;
const elsewhere: Channel = { number: 99, group: "239.9.9.9", port: 9_999 };

const leading = () => new Stage().until("leader is me").forget();
const following = () => {
  const stage = new Stage().alive("better").wait(registerMs);
  return stage.hear("better", { type: "registered", epoch: 1, revision: 1 }, "unicast").forget();
};

describe("a member of the segment that does what it may not", () => {
  it("SEC-6: who says it leads without having been elected is not followed while the leader is heard", () => {
    const stage = following();
    for (let turn = 0; turn < 100; turn += 1)
      stage
        .alive("twin", { epoch: 50, sequence: turn })
        .wait(periodMs / 10)
        .alive("better");
    expect(stage.member.election.tenure).toEqual({ leader: "better", epoch: 1 });
    expect(stage.effects.filter(({ type }) => type === "store")).toEqual([]);
  });

  it("SEC-6: nor does the leader give way to it", () => {
    const stage = leading();
    for (let turn = 0; turn < 100; turn += 1) stage.alive("better", { epoch: 50, sequence: turn }).wait(periodMs / 10);
    expect(stage.state).toBe("leader is me");
  });

  it("SEC-7: a flood of claims leaves the leader its place, and is hardly answered", () => {
    const stage = leading();
    for (let count = 0; count < 100_000; count += 1) {
      stage.claim("better", { epoch: count }).wait(0.01);
    }
    expect(stage.state).toBe("leader is me");
    expect(stage.effects.length).toBeLessThan(200);
  });

  it("SEC-7: so does a flood of alive, also of ever newer epochs", () => {
    const stage = leading();
    for (let count = 0; count < 100_000; count += 1) {
      stage.alive("worse", { epoch: count, sequence: count }).wait(0.01);
    }
    expect(stage.state).toBe("leader is me");
    expect(stage.effects.length).toBeLessThan(300);
  });

  it("SEC-7: members follow their leader through either", () => {
    const stage = following();
    for (let count = 0; count < 100_000; count += 1) {
      stage.claim("worse").alive("twin", { epoch: count, sequence: count });
      if (count % 10_000 === 0) stage.wait(1).alive("better");
    }
    expect(stage.member.election.tenure).toEqual({ leader: "better", epoch: 1 });
    expect(stage.effects.length).toBeLessThan(100);
  });

  it("SEC-7: a flood of registrations is one report", () => {
    const stage = leading();
    for (let count = 0; count < 100_000; count += 1) {
      const { at } = others.worse;
      const message = {
        type: "register",
        at,
        name: `n${count}`,
        priority: 1,
        eligible: true,
        epoch: 1,
        byUnicast: false,
      } as const;
      stage.hear("worse", message, "unicast");
      if (count % 1_000 === 0) stage.forget();
    }
    stage.forget().wait(reportMs[1]);
    expect(stage.said("report")).toHaveLength(1);
  });

  it.each([
    ["somebody who does not lead", () => following().alive("twin", { channel: elsewhere, epoch: 9 })],
    ["the leader of an epoch that is over", () => following().alive("better", { channel: elsewhere, epoch: 0 })],
    ["a leader, to another one", () => leading().alive("worse", { channel: elsewhere, epoch: 1 })],
  ])("SEC-10: is not moved to another channel by %s", (_, hear) => {
    const stage = hear();
    expect(stage.effects.filter(({ type }) => type === "listen")).toEqual([]);
    stage.wait(1);
    expect(stage.said("alive").every((message) => message.channel.group === channel.group)).toBe(true);
  });

  it("SEC-10: only control can have a leader move it, and only onwards", () => {
    const stage = leading().event({ type: "move", channel: { ...elsewhere, number: 1 } });
    expect(stage.effects.filter(({ type }) => type === "listen")).toEqual([]);
    stage.event({ type: "move", channel: elsewhere });
    expect(stage.effects).toContainEqual({ type: "listen", channels: [elsewhere, channel] });
  });
});

describe("a node that does not work as it should", () => {
  const trial = (seed: number) => ({ seed, count: 7, timings: "fast", lossPermille: 0 }) as const;
  const others = (node: number) => [0, 1, 2, 3, 4, 5, 6].filter((other) => other !== node);

  it.each(["multicast", "everything"] as const)("SEC-8: one that sends but is deaf to %s wins nothing", (to) => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const { before, leader, changes } = tryOut(
        trial(seed),
        (leads) => {
          const node = (leads + 1) % 7;
          return { faults: [{ kind: "deaf", node, to, at: 0 }], core: others(node), forMs: 600_000 };
        },
        10_000,
      );
      expect({ seed, leader, changes }).toEqual({ seed, leader: before, changes: 0 });
    }
  });

  it.each([1_000, 10_000, 300_000])(
    "SEC-9: a leader that stood still for %i ms is one of one leader again",
    (forMs) => {
      for (let seed = 1; seed <= 10; seed += 1) {
        const pause = (node: number) => ({ faults: [{ kind: "pause", node, at: 0, forMs }] as const, forMs });
        const { leader, tookMs } = tryOut(trial(seed), pause, 20_000);
        expect(leader, `seed ${seed}`).toBeDefined();
        expect(tookMs, `seed ${seed}`).toBeLessThanOrEqual(3_000);
      }
    },
  );
});
