import type { SegmentEffect, SegmentReport } from "../../../../core/protocol/segment/events.ts";
import { segmentTimings } from "../../../../core/protocol/segment/timings.ts";
import type { TimingsName } from "../../../../core/protocol/segment/timings.ts";
import type { Millis } from "../../../../sdk/machine.ts";
import { SimRandom } from "../../../../sdk/testkit/sim/random.ts";
import type { Fault } from "../../../../sdk/testkit/sim/world/faults.ts";
import { World } from "../../../../sdk/testkit/sim/world/world.ts";
import { Agreement } from "./agreement.ts";
import { segmentProtocol } from "./protocol.ts";
import type { CreateMember } from "./protocol.ts";
import { SegmentView } from "./view.ts";
import type { MemberSettings, SegmentRun, SegmentWorld } from "./world.ts";

/** A segment at rest, to which something may happen. */
export interface Trial {
  readonly seed: number;
  readonly count: number;
  readonly timings: TimingsName;
  readonly lossPermille: number;
  readonly create?: CreateMember | undefined;
}

/** What befalls it from now on, whom it spares in the end, and how long it goes on. */
export interface Misfortune {
  readonly faults: readonly Fault[];
  /** What is done to it besides. */
  readonly workload?: SegmentRun["workload"];
  readonly core?: readonly number[];
  readonly forMs: Millis;
}

/** What came of it. */
export interface Recovery {
  /** Who led before. */
  readonly before: number;
  /** Who leads now; undefined if not all agree on one in time. */
  readonly leader: number | undefined;
  /** From the end of the misfortune to the first moment at which all agree. */
  readonly tookMs: Millis;
  /** How often in that time somebody claimed or resigned. */
  readonly claimCount: number;
  /** How often before that a member of the core was without this leader. */
  readonly changes: number;
  /** How often before that a member of the core began to lead. */
  readonly begun: number;
  /** On which channel each listens in the end. */
  readonly channels: ReadonlyMap<number, number>;
  /** Of the leader, in the end. */
  readonly epoch: number | undefined;
  /** What those who are spared told control last, before the misfortune ended. */
  readonly lastReport: SegmentReport | undefined;
  readonly members: readonly MemberSettings[];
}

/** In periods: until then a segment has come to rest. */
const restPeriods = 40;

/** Lets a segment come to rest, has its leader or others suffer, and waits until all agree again. */
export function tryOut(trial: Trial, befall: (leader: number) => Misfortune, limitMs: Millis): Recovery {
  const { periodMs } = segmentTimings[trial.timings];
  const members = membersOf(trial);
  const begin = restPeriods * periodMs + 1;
  const before = leaderOf(trial, members);
  // The same up to here, since draws do not depend on faults.
  const { faults, workload = [], core, forMs } = befall(before);
  const settleAt = begin + forMs;
  const run = runOf(
    trial,
    members,
    faults.map((fault) => ({ ...fault, at: begin + fault.at })),
    workload.map((operation) => ({ ...operation, at: begin + operation.at })),
    { settleAt, endAt: settleAt + limitMs, ...(core === undefined ? {} : { core }) },
  );
  const world: SegmentWorld = new World(run, segmentProtocol(trial.create).start);
  const agreement = new Agreement(world, run);
  const view = new SegmentView(world);
  world.watch(agreement);
  world.watch(view);
  let [claimCount, changes, begun] = [0, 0, 0];
  let lastReport: SegmentReport | undefined;
  world.watch({
    effect(node, effect: SegmentEffect, now) {
      const isSpared = core?.includes(node) ?? true;
      if (effect.type === "report" && now < settleAt && isSpared) lastReport = effect.report;
      const isMeanwhile = now > begin && now < settleAt && core?.includes(node) === true;
      if (isMeanwhile && effect.type === "tell" && effect.fact.what === "state") {
        changes += effect.fact.tenure?.leader === `n${before}` ? 0 : 1;
        begun += ["won", "appointed"].includes(effect.fact.why) ? 1 : 0;
      }
      if (now < settleAt || effect.type !== "multicast") return;
      if (effect.message.type === "claim" || effect.message.type === "resign") claimCount += 1;
    },
  });
  world.runUntil(settleAt);
  agreement.look(settleAt);
  const step = Math.ceil(periodMs / 100);
  for (let now = settleAt; now <= settleAt + limitMs && agreement.leader === undefined; now += step)
    world.runUntil(now);
  const leader = agreement.leader === undefined ? undefined : Number(agreement.leader.slice(1));
  const { agreedAt, channels } = agreement;
  const tookMs = agreedAt - settleAt;
  const epoch = leader === undefined ? undefined : view.get(leader).tenure?.epoch;
  return { before, leader, tookMs, claimCount, changes, begun, channels, epoch, lastReport, members };
}

/** All who lead at some time from a segment's rest on, if nothing happens to it for so long. */
export function leadersOver(trial: Trial, forMs: Millis): readonly number[] {
  const begin = restPeriods * segmentTimings[trial.timings].periodMs + 1;
  const members = membersOf(trial);
  const leaders = new Set([leaderOf(trial, members)]);
  const run = runOf(trial, members, [], [], { settleAt: begin, endAt: begin + forMs });
  const world: SegmentWorld = new World(run, segmentProtocol(trial.create).start);
  world.watch({
    effect(node, effect: SegmentEffect, now) {
      if (now < begin || effect.type !== "tell" || effect.fact.what !== "state") return;
      if (effect.fact.state === "leader is me") leaders.add(node);
    },
  });
  world.runUntil(begin + forMs);
  return [...leaders];
}

/** The members of a trial. */
export function membersOf({ seed, count, timings }: Trial): readonly MemberSettings[] {
  const random = new SimRandom(seed, 0x7a1);
  return Array.from({ length: count }, () => ({ priority: random.below(5), eligible: true, timings, knows: [] }));
}

/** Who leads when the segment has come to rest; -1 if it is not exactly one. */
function leaderOf(trial: Trial, members: readonly MemberSettings[]): number {
  const restMs = restPeriods * segmentTimings[trial.timings].periodMs;
  const run = runOf(trial, members, [], [], { settleAt: restMs + 1, endAt: restMs + 1 });
  const world: SegmentWorld = new World(run, segmentProtocol(trial.create).start);
  const view = new SegmentView(world);
  world.watch(view);
  world.runUntil(restMs);
  const leaders = [...view.members.keys()].filter((node) => view.get(node).state === "leader is me");
  return leaders.length === 1 ? (leaders[0] ?? -1) : -1;
}

function runOf(
  { seed, lossPermille }: Trial,
  nodes: readonly MemberSettings[],
  faults: readonly Fault[],
  workload: SegmentRun["workload"],
  bounds: SegmentRun["bounds"],
): SegmentRun {
  const world = { nodes, latencyMs: [0, 2], lossPermille, timerSlackMs: 5, startWithinMs: 50 } as const;
  return { v: 1, seed, world, faults, workload, bounds };
}
