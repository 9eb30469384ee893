import type { SegmentEffect, SegmentReport } from "../../../core/protocol/segment-events.ts";
import { segmentTimings } from "../../../core/protocol/segment-timings.ts";
import type { TimingsName } from "../../../core/protocol/segment-timings.ts";
import type { Millis } from "../../../sdk/machine.ts";
import { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import type { Fault } from "../../../sdk/testkit/sim/world/faults.ts";
import { World } from "../../../sdk/testkit/sim/world/world.ts";
import { Agreement } from "./segment-agreement.ts";
import { segmentProtocol } from "./segment-protocol.ts";
import { SegmentView } from "./segment-view.ts";
import type { MemberSettings, SegmentRun, SegmentWorld } from "./segment-world.ts";

/** A segment at rest, to which something happens. */
export interface Trial {
  readonly seed: number;
  readonly count: number;
  readonly timings: TimingsName;
  readonly lossPermille: number;
}

/** What came of it. */
export interface Outcome {
  /** Who led before. */
  readonly before: number;
  /** Who leads now; undefined if not all agree on one in time. */
  readonly leader: number | undefined;
  /** From the last fault to the first moment at which all agree. */
  readonly tookMs: Millis;
  /** How often in that time somebody claimed or resigned. */
  readonly claimCount: number;
  /** What control was told last before the faults ended. */
  readonly lastReport: SegmentReport | undefined;
  readonly members: readonly MemberSettings[];
}

const protocol = segmentProtocol();

/** Lets a segment come to rest, then does what `befall` says with its leader, and waits until all agree again. */
export function tryOut(
  trial: Trial,
  befall: (leader: number) => {
    readonly faults: readonly Fault[];
    readonly core?: readonly number[];
    readonly forMs: Millis;
  },
  limitMs: Millis,
): Outcome {
  const { periodMs } = segmentTimings[trial.timings];
  const restMs = 40 * periodMs;
  const members = membersOf(trial);
  const before = leaderAt(restMs, runOf(trial, members, [], restMs + 1, restMs + 1));
  // The same up to here, since draws do not depend on faults.
  const { faults, core, forMs } = befall(before);
  const settleAt = restMs + 1 + forMs;
  const later = faults.map((fault) => ({ ...fault, at: restMs + 1 + fault.at }));
  const run = runOf(trial, members, later, settleAt, settleAt + limitMs, core);
  const { world, agreement, seen } = watched(run);
  world.runUntil(settleAt);
  agreement.look(settleAt);
  const { lastReport } = seen;
  seen.claimCount = 0;
  const step = Math.ceil(periodMs / 100);
  for (let now = settleAt; now <= settleAt + limitMs && agreement.leader === undefined; now += step)
    world.runUntil(now);
  const leader = agreement.leader === undefined ? undefined : Number(agreement.leader.slice(1));
  const tookMs = agreement.agreedAt - settleAt;
  return { before, leader, tookMs, claimCount: seen.claimCount, lastReport, members };
}

/** Who leads at a moment of a run. */
function leaderAt(moment: Millis, run: SegmentRun): number {
  const world: SegmentWorld = new World(run, protocol.start);
  const view = new SegmentView(world);
  world.watch(view);
  world.runUntil(moment);
  const leaders = [...view.members].filter(([, { state }]) => state === "leader is me");
  const [[leader] = []] = leaders;
  if (leader === undefined || leaders.length > 1) throw new Error(`seed ${run.seed}: ${leaders.length} lead at rest`);
  return leader;
}

function membersOf({ seed, count, timings }: Trial): MemberSettings[] {
  const random = new SimRandom(seed, 0x7a1);
  return Array.from({ length: count }, () => ({ priority: random.below(5), eligible: true, timings, knows: [] }));
}

function runOf(
  { seed, lossPermille }: Trial,
  nodes: readonly MemberSettings[],
  faults: readonly Fault[],
  settleAt: Millis,
  endAt: Millis,
  core?: readonly number[],
): SegmentRun {
  return {
    v: 1,
    seed,
    world: { nodes, latencyMs: [0, 2], lossPermille, timerSlackMs: 5, startWithinMs: 50 },
    faults,
    workload: [],
    bounds: { settleAt, endAt, ...(core === undefined ? {} : { core }) },
  };
}

function watched(run: SegmentRun) {
  const world: SegmentWorld = new World(run, protocol.start);
  const agreement = new Agreement(world, run);
  const seen = { claimCount: 0, lastReport: undefined as SegmentReport | undefined };
  world.watch(agreement);
  world.watch({
    effect(_node, effect: SegmentEffect) {
      if (effect.type === "report") seen.lastReport = effect.report;
      if (effect.type === "multicast" && ["claim", "resign"].includes(effect.message.type)) seen.claimCount += 1;
    },
  });
  return { world, agreement, seen };
}
