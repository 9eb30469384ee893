import { describe, expect, it } from "vitest";
import { segmentTimings } from "../../../core/protocol/segment-timings.ts";
import type { TimingsName } from "../../../core/protocol/segment-timings.ts";
import type { Fault } from "../../../sdk/testkit/sim/world/faults.ts";
import { reelectedMs } from "./segment-agreement.ts";
import type { MemberSettings } from "./segment-world.ts";
import { tryOut } from "./segment-trial.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const names: readonly TimingsName[] = ["fast", "usual"];

/** The leader dies, with its power, for good. */
function killLeader(count: number) {
  return (leader: number) => ({
    faults: [{ kind: "kill", node: leader, at: 0 }] as const,
    core: numbers(count).filter((node) => node !== leader),
    forMs: 1,
  });
}

/** Who should lead: the highest priority, of equals the lowest address, which here is the first. */
function best(members: readonly MemberSettings[], among: readonly number[]): number {
  return among.reduce((one, other) => ((members[other]?.priority ?? 0) > (members[one]?.priority ?? 0) ? other : one));
}

describe("a segment whose leader dies", () => {
  it.for(names.flatMap((timings) => [3, 12, 100].map((count) => [timings, count] as const)))(
    "with %s timings and %i members has the best of the others as its leader in time (E1, E2)",
    ([timings, count]) => {
      for (const seed of numbers(25)) {
        const { before, leader, tookMs, members } = tryOut(
          { seed, count, timings, lossPermille: 0 },
          killLeader(count),
          reelectedMs[timings],
        );
        expect(tookMs).toBeLessThanOrEqual(reelectedMs[timings]);
        expect(leader).toBe(
          best(
            members,
            numbers(count).filter((node) => node !== before),
          ),
        );
      }
    },
  );

  it.for([
    ["fast", 300, 5_000],
    ["usual", 300, 60_000],
  ] as const)("with %s timings, 100 members and %i ‰ loss has another one within %i ms", ([timings, loss, bound]) => {
    const took = numbers(40).map((seed) => {
      const trial = { seed, count: 100, timings, lossPermille: loss };
      const { leader, tookMs } = tryOut(trial, killLeader(100), 10 * bound);
      return leader === undefined ? Infinity : tookMs;
    });
    expect(Math.max(...took)).toBeLessThanOrEqual(bound);
  });
});

describe("a segment that begins", () => {
  it.for(names)("with %s timings is led by the best (E2)", (timings) => {
    for (const seed of numbers(200)) {
      const count = 1 + (seed % 12);
      const { before, members } = tryOut({ seed, count, timings, lossPermille: 0 }, nothing, 1);
      expect(before).toBe(best(members, numbers(count)));
    }
  });
});

function nothing() {
  return { faults: [], forMs: 1 };
}

describe("a member that is deaf", () => {
  it.for(["multicast", "everything"] as const)("to %s changes nothing for the others (E4)", (to) => {
    for (const seed of numbers(20)) {
      const count = 5;
      const trial = { seed, count, timings: "fast", lossPermille: 0 } as const;
      const deaf = (leader: number) => (leader + 1 + (seed % (count - 1))) % count;
      const { before, leader } = tryOut(
        trial,
        (led) => ({
          faults: [{ kind: "deaf", node: deaf(led), to, at: 0 }],
          core: numbers(count).filter((node) => node !== deaf(led)),
          forMs: 600_000,
        }),
        1,
      );
      expect(leader).toBe(before);
    }
  });

  it("does not go on leading, and never does again (E4)", () => {
    for (const seed of numbers(20)) {
      const count = 5;
      const trial = { seed, count, timings: "fast", lossPermille: 0 } as const;
      const deafLeader = (forMs: number) => (leader: number) => ({
        faults: [{ kind: "deaf", node: leader, to: "everything", at: 0 }] as const,
        core: numbers(count).filter((node) => node !== leader),
        forMs,
      });
      const soon = tryOut(trial, deafLeader(20_000), 1);
      expect(soon.leader).toBeDefined();
      expect(soon.leader).not.toBe(soon.before);
      const later = tryOut(trial, deafLeader(600_000), 1);
      expect(later.leader).toBe(soon.leader);
    }
  });
});

describe("a leader that stood still", () => {
  it.for(names)("with %s timings yields or goes on, and all agree in time (E5)", (timings) => {
    const { periodMs } = segmentTimings[timings];
    for (const seed of numbers(10)) {
      for (const periods of [0.5, 1, 2, 3, 4, 6, 10, 60]) {
        const forMs = Math.ceil(periods * periodMs);
        const trial = { seed, count: 5, timings, lossPermille: 0 };
        const pause = (leader: number) => ({ faults: [{ kind: "pause", node: leader, at: 0 } as const], forMs });
        const { leader } = tryOut(trial, pause, reelectedMs[timings]);
        expect(leader, `seed ${seed}, ${forMs} ms`).toBeDefined();
      }
    }
  });
});

describe("two leaders that meet", () => {
  it.for(names)("with %s timings are one after two periods, with few words (E6)", (timings) => {
    const { periodMs } = segmentTimings[timings];
    for (const seed of numbers(30)) {
      const count = 6;
      const half = (leader: number): readonly Fault[] => {
        const side = [leader, (leader + 1) % count, (leader + 2) % count];
        return [{ kind: "partition", nodes: side, at: 0 }];
      };
      const trial = { seed, count, timings, lossPermille: 0 };
      const split = (leader: number) => ({ faults: half(leader), forMs: 30 * periodMs });
      const { leader, tookMs, claimCount } = tryOut(trial, split, 3 * periodMs);
      expect(leader).toBeDefined();
      expect(tookMs).toBeLessThanOrEqual(2 * periodMs);
      expect(claimCount).toBeLessThanOrEqual(6);
    }
  });
});

describe("a member that dies", () => {
  it.for(names)("with %s timings is reported to control in time (R2)", (timings) => {
    const { periodMs, reportMs } = segmentTimings[timings];
    for (const seed of numbers(20)) {
      const count = 5;
      const trial = { seed, count, timings, lossPermille: 0 };
      const dead = (leader: number) => (leader + 1) % count;
      const forMs = 3 * periodMs + reportMs[1];
      const { before, lastReport } = tryOut(
        trial,
        (leader) => ({ faults: [{ kind: "kill", node: dead(leader), at: 0 }], forMs }),
        1,
      );
      expect(lastReport?.members.map(({ id }) => id)).not.toContain(`n${dead(before)}`);
      expect(lastReport?.members).toHaveLength(count - 2);
    }
  });
});
