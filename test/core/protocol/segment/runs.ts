import type { SegmentEvent } from "../../../../core/protocol/segment/events.ts";
import { segmentTimings } from "../../../../core/protocol/segment/timings.ts";
import type { TimingsName } from "../../../../core/protocol/segment/timings.ts";
import type { Millis } from "../../../../sdk/machine.ts";
import { SimRandom } from "../../../../sdk/testkit/sim/random.ts";
import { drawFaults } from "../../../../sdk/testkit/sim/world/draw-faults.ts";
import type { Fault } from "../../../../sdk/testkit/sim/world/faults.ts";
import type { Bounds, Operation } from "../../../../sdk/testkit/sim/world/run-file.ts";
import { agreedWithinMs } from "./agreement.ts";
import { channelOf } from "./world.ts";
import type { MemberSettings, SegmentRun } from "./world.ts";

/** A member that was silent for so many periods is dropped, however much of what it says gets lost. */
const periodsToDrop = 24;

/** A small segment and many faults at once, then peace, in which all must become as it should; from the seed alone. */
export function drawRun(seed: number): SegmentRun {
  const random = new SimRandom(seed, 0x5e6);
  const below = (limit: number) => random.below(limit);
  const timings: TimingsName = below(3) === 0 ? "usual" : "fast";
  const { periodMs, missedPeriods } = segmentTimings[timings];
  const nodeCount = 1 + below(12);
  const count = 40 + below(161);
  const scaleMs = missedPeriods * periodMs;
  const settleAt = Math.ceil((count * scaleMs) / (1 + below(8))) + 4 * scaleMs;
  const span = { nodeCount, count, untilMs: settleAt, scaleMs };
  const isKnown = below(3) > 0;
  const core = nodeCount > 2 && below(3) === 0 ? drawCore(random, nodeCount) : undefined;
  const bounds = boundsOf(settleAt, timings, core);
  return {
    v: 1,
    seed,
    world: {
      nodes: drawMembers(random, nodeCount, isKnown, timings),
      latencyMs: [0, below(3)],
      lossPermille: [0, 0, 10, 50][below(4)] ?? 0,
      timerSlackMs: [0, 5, 50][below(3)] ?? 0,
      startWithinMs: [0, periodMs, 10 * scaleMs][below(3)] ?? 0,
    },
    faults: [...drawFaults(random.fork("faults"), span), ...sick(bounds, random, nodeCount, isKnown)],
    workload: drawWorkload(random.fork("workload"), nodeCount, isKnown, settleAt),
    bounds,
  };
}

function boundsOf(settleAt: Millis, timings: TimingsName, core: readonly number[] | undefined): Bounds {
  const endAt = settleAt + agreedWithinMs(timings) + periodsToDrop * segmentTimings[timings].periodMs;
  return { settleAt, endAt, ...(core === undefined ? {} : { core }) };
}

function drawMembers(random: SimRandom, count: number, isKnown: boolean, timings: TimingsName): MemberSettings[] {
  const priorities = [1, 3, 100][random.below(3)] ?? 1;
  const nodes = Array.from({ length: count }, (_, node) => node);
  return nodes.map((node) => {
    const knows = isKnown ? nodes.filter((other) => other !== node) : [];
    return { priority: random.below(priorities), eligible: random.below(6) > 0, timings, knows };
  });
}

function drawCore(random: SimRandom, count: number): readonly number[] {
  const core = Array.from({ length: count }, (_, node) => node).filter(() => random.below(10) < 7);
  return core.length === 0 ? [random.below(count)] : core;
}

/**
 * What the others suffer from for ever. Without control, two that multicast does not reach, or that do not reach others by
 * it, cannot find each other: then there is at most one of them.
 */
function sick({ core, settleAt }: Bounds, random: SimRandom, count: number, isKnown: boolean) {
  if (core === undefined) return [];
  const others = Array.from({ length: count }, (_, node) => node).filter((node) => !core.includes(node));
  return others.map((node, index): Fault => {
    const at = random.below(settleAt);
    const isByUnicast = random.below(2) === 0 && (isKnown || index === 0);
    const to = isByUnicast ? "multicast" : "everything";
    switch (random.below(4)) {
      case 0:
        return { kind: "kill", node, at };
      case 1:
        return { kind: "pause", node, at };
      case 2:
        return { kind: "mute", node, to, at };
      default:
        return { kind: "deaf", node, to, at };
    }
  });
}

/** Who was away while a segment moved finds it through those control tells it of; so it moves only where it tells. */
function drawWorkload(
  random: SimRandom,
  nodeCount: number,
  isKnown: boolean,
  untilMs: Millis,
): readonly Operation<SegmentEvent>[] {
  let channel = 1;
  const operations = Array.from({ length: random.below(20) }, (): readonly Operation<SegmentEvent>[] => {
    const at = random.below(untilMs);
    const node = random.below(nodeCount);
    switch (random.below(6)) {
      case 0: {
        if (!isKnown) return [];
        channel += 1;
        const event = { type: "move", channel: channelOf(channel) } as const;
        return Array.from({ length: nodeCount }, (_, each) => ({ at, node: each, event }));
      }
      case 1:
        return [{ at, node, event: { type: "leave" }, ends: true, againMs: random.below(untilMs - at) }];
      case 2:
        return [{ at, node, event: { type: "ask" } }];
      case 3:
        return [{ at, node, event: { type: "lag", lagMs: random.below(10_000) } }];
      default:
        return [{ at, node, event: { type: "rank", priority: random.below(3), eligible: random.below(4) > 0 } }];
    }
  });
  return operations.flat().sort((a, b) => a.at - b.at);
}

/** How long a quiet run is: a month. */
const quietMs = 30 * 24 * 3_600_000;

/** Three to five members for a month in which nothing happens but that at most 1 % gets lost. */
export function drawQuietRun(seed: number): SegmentRun {
  const random = new SimRandom(seed, 0x9e7);
  // Mostly three: what may go wrong at rest is a matter of time rather than of members.
  const nodes = drawMembers(random, 3 + Math.max(0, random.below(10) - 7), random.below(2) === 0, "usual");
  return {
    v: 1,
    seed,
    world: {
      nodes: nodes.map((settings) => ({ ...settings, eligible: true })),
      latencyMs: [0, random.below(3)],
      lossPermille: random.below(11),
      timerSlackMs: 5,
      startWithinMs: 1_000,
    },
    faults: [],
    workload: [],
    bounds: { settleAt: 0, endAt: quietMs },
  };
}
