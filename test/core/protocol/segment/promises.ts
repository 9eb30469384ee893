import { segmentTimings } from "../../../../core/protocol/segment/timings.ts";
import type { TimingsName } from "../../../../core/protocol/segment/timings.ts";
import type { Millis } from "../../../../sdk/machine.ts";
import { reelectedMs } from "./agreement.ts";
import type { CreateMember } from "./protocol.ts";
import { channelOf } from "./world.ts";
import { leadersOver, membersOf, tryOut } from "./trial.ts";
import type { MemberSettings } from "./world.ts";

/*
 * What a segment at rest promises, one thing at a time. Each gives what was broken, and undefined if nothing was.
 */

/** The numbers 0 … count - 1. */
function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** With all timings, or some. */
const names: readonly TimingsName[] = ["fast", "usual"];

/** E2: who begins together is led by the best. */
export function theBestLeads(seeds: number, create?: CreateMember): string | undefined {
  return firstOf(names, seeds, (timings, seed) => {
    const count = 1 + (seed % 12);
    const nothing = () => ({ faults: [], forMs: 1 });
    const { before, members } = tryOut({ seed, count, timings, lossPermille: 0, create }, nothing, 1);
    return before === best(members, numbers(count)) ? undefined : `n${before} leads, and is not the best`;
  });
}

/** E1, E2: when the leader is gone for good, in time the best of the others leads. */
export function theNextBestLeads(seeds: number, count: number, timings: TimingsName, create?: CreateMember) {
  return firstOf([timings], seeds, (_, seed) => {
    const trial = { seed, count, timings, lossPermille: 0, create };
    const { before, leader, tookMs, members } = tryOut(trial, killLeader(count), reelectedMs[timings]);
    const others = numbers(count).filter((node) => node !== before);
    if (leader === undefined || tookMs > reelectedMs[timings]) return `nobody leads after ${tookMs} ms`;
    return leader === best(members, others) ? undefined : `n${leader} leads, and is not the best`;
  });
}

/** How long it takes until all have another leader, for each seed; Infinity for never. */
export function reelections(seeds: number, count: number, timings: TimingsName, lossPermille: number): Millis[] {
  return numbers(seeds).map((seed) => {
    const { leader, tookMs } = tryOut({ seed, count, timings, lossPermille }, killLeader(count), 600_000);
    return leader === undefined ? Infinity : tookMs;
  });
}

/** E3: however much gets lost, nobody else ever leads while the leader is there. */
export function theLeaderStays(seeds: number, lossPermille: number, create?: CreateMember): string | undefined {
  return firstOf(["fast"], seeds, (timings, seed) => {
    const leaders = leadersOver({ seed, count: 12, timings, lossPermille, create }, 3_600_000);
    return leaders.length === 1 ? undefined : `there led ${leaders.join(", ")}`;
  });
}

/** E4: a member that hears nothing any more changes nothing for the others. */
export function aDeafMemberIsAlone(seeds: number, to: "multicast" | "everything", create?: CreateMember) {
  return firstOf(["fast"], seeds, (timings, seed) => {
    const count = 5;
    const befall = (led: number) => {
      const deaf = (led + 1 + (seed % (count - 1))) % count;
      const core = numbers(count).filter((node) => node !== deaf);
      return { faults: [{ kind: "deaf", node: deaf, to, at: 0 } as const], core, forMs: 300_000 };
    };
    const { before, leader, changes } = tryOut({ seed, count, timings, lossPermille: 0, create }, befall, 1);
    const isSame = leader === before && changes === 0;
    return isSame ? undefined : `n${before} led; it was left ${changes} times, and n${leader} leads`;
  });
}

/** R3: when its leader begins a newer epoch, because of one that was newer than its own, control is told at once. */
export function aNewEpochIsTold(seeds: number, create?: CreateMember): string | undefined {
  return firstOf(["fast"], seeds, (timings, seed) => {
    const count = 5;
    // It hears nobody, and so leads in the next epoch.
    const befall = (led: number) => {
      const deaf = (led + 1) % count;
      const core = numbers(count).filter((node) => node !== deaf);
      return { faults: [{ kind: "deaf", node: deaf, to: "everything", at: 0 } as const], core, forMs: 10_000 };
    };
    const { epoch = 0, lastReport } = tryOut({ seed, count, timings, lossPermille: 0, create }, befall, 1);
    const isTold = epoch > 1 && lastReport?.epoch === epoch;
    return isTold ? undefined : `it is epoch ${epoch}, and control was told of ${lastReport?.epoch}`;
  });
}

/** E4: a leader that hears nothing any more is replaced once, and never comes back, however often it starts again. */
export function aDeafLeaderIsReplaced(seeds: number, create?: CreateMember): string | undefined {
  return firstOf(["fast"], seeds, (timings, seed) => {
    const count = 5;
    const befall = (leader: number) => {
      const restarts = [30_000, 40_000, 50_000].map(
        (at) => ({ kind: "kill", node: leader, at, forMs: 1_000 }) as const,
      );
      const deaf = { kind: "deaf", node: leader, to: "everything", at: 0 } as const;
      return { faults: [deaf, ...restarts], core: numbers(count).filter((node) => node !== leader), forMs: 300_000 };
    };
    const { before, leader, begun } = tryOut({ seed, count, timings, lossPermille: 0, create }, befall, 1);
    const isReplaced = leader !== undefined && leader !== before && begun === 1;
    return isReplaced ? undefined : `others began to lead ${begun} times; n${before} led, and now n${leader}`;
  });
}

/** E10: a segment that moves is on its new channel after three periods, also one that was not there at first. */
export function aMoveIsFollowed(seeds: number, create?: CreateMember): string | undefined {
  return firstOf(names, seeds, (timings, seed) => {
    const count = 6;
    const { periodMs } = segmentTimings[timings];
    const move = (leader: number) => ({
      faults: [{ kind: "pause", node: (leader + 1) % count, at: 1, forMs: periodMs } as const],
      workload: [{ at: 2, node: leader, event: { type: "move", channel: channelOf(2) } } as const],
      forMs: 3 * periodMs,
    });
    const { before, leader, channels } = tryOut({ seed, count, timings, lossPermille: 10, create }, move, 1);
    const isThere = leader === before && [...channels.values()].every((channel) => channel === 2);
    return isThere ? undefined : `n${leader} leads, and the channels are ${[...channels.values()].join(" ")}`;
  });
}

/** E5: a leader that stood still, for however long, yields or goes on, and all agree in time. */
export function aPauseIsSurvived(seeds: number, create?: CreateMember): string | undefined {
  return firstOf(names, seeds, (timings, seed) => {
    for (const periods of [0.5, 1, 2, 3, 4, 6, 10, 60]) {
      const forMs = Math.ceil(periods * segmentTimings[timings].periodMs);
      const pause = (leader: number) => ({ faults: [{ kind: "pause", node: leader, at: 0 } as const], forMs });
      const trial = { seed, count: 5, timings, lossPermille: 0, create };
      if (tryOut(trial, pause, reelectedMs[timings]).leader === undefined) return `after ${forMs} ms nobody leads`;
    }
    return undefined;
  });
}

/** E6: two leaders that meet are one after two periods, with at most six claims and resignations. */
export function leadersMerge(seeds: number, create?: CreateMember): string | undefined {
  return firstOf(names, seeds, (timings, seed) => {
    const { periodMs } = segmentTimings[timings];
    const count = 6;
    const split = (leader: number) => {
      const side = [leader, (leader + 1) % count, (leader + 2) % count];
      return { faults: [{ kind: "partition", nodes: side, at: 0 } as const], forMs: 30 * periodMs };
    };
    const trial = { seed, count, timings, lossPermille: 0, create };
    const { leader, tookMs, claimCount } = tryOut(trial, split, 3 * periodMs);
    const isMerged = leader !== undefined && tookMs <= 2 * periodMs && claimCount <= 6;
    return isMerged ? undefined : `n${leader} leads after ${tookMs} ms and ${claimCount} claims`;
  });
}

/** R2: of a member that dies control knows within three periods and the time of a report. */
export function theDeadAreReported(seeds: number, create?: CreateMember): string | undefined {
  return firstOf(names, seeds, (timings, seed) => {
    const { periodMs, reportMs } = segmentTimings[timings];
    const count = 5;
    const dead = (leader: number) => (leader + 1) % count;
    const kill = (leader: number) => ({
      faults: [{ kind: "kill", node: dead(leader), at: 0 } as const],
      forMs: 3 * periodMs + reportMs[1],
    });
    const { before, lastReport } = tryOut({ seed, count, timings, lossPermille: 0, create }, kill, 1);
    const reported = lastReport?.members.map(({ id }) => id) ?? [];
    const isRight = reported.length === count - 2 && !reported.includes(`n${dead(before)}`);
    return isRight ? undefined : `n${dead(before)} died, and n${before} reports ${reported.join(" ")}`;
  });
}

/** E1: who claims and dies before it leads is not waited for. */
export function aDeadClaimIsNotAwaited(create?: CreateMember): string | undefined {
  const count = 4;
  return firstOf(["fast"], 60, (timings, seed) => {
    // All lose their leader; of the others the best claims, and dies about then.
    const befall = (leader: number) => {
      const first = { kind: "kill", node: leader, at: 0 } as const;
      const next = best(
        membersOf({ seed, count, timings, lossPermille: 0 }),
        numbers(count).filter((node) => node !== leader),
      );
      const second = { kind: "kill", node: next, at: 1_400 + 20 * seed } as const;
      return {
        faults: [first, second],
        core: numbers(count).filter((node) => node !== leader && node !== next),
        forMs: 2_700,
      };
    };
    const { leader } = tryOut({ seed, count, timings, lossPermille: 0, create }, befall, reelectedMs[timings]);
    return leader === undefined ? "nobody leads" : undefined;
  });
}

/** The leader dies for good. */
function killLeader(count: number) {
  return (leader: number) => ({
    faults: [{ kind: "kill", node: leader, at: 0 } as const],
    core: numbers(count).filter((node) => node !== leader),
    forMs: 1,
  });
}

/** Who should lead: the highest priority, of equals the lowest address, which here is the first. */
function best(members: readonly MemberSettings[], among: readonly number[]): number {
  return among.reduce((one, other) => ((members[other]?.priority ?? 0) > (members[one]?.priority ?? 0) ? other : one));
}

function firstOf(
  timings: readonly TimingsName[],
  seeds: number,
  check: (timings: TimingsName, seed: number) => string | undefined,
): string | undefined {
  for (const name of timings) {
    for (let seed = 0; seed < seeds; seed += 1) {
      const broken = check(name, seed);
      if (broken !== undefined) return `${name} timings, seed ${seed}: ${broken}`;
    }
  }
  return undefined;
}
