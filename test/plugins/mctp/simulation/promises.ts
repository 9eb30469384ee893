import type { Fault } from "../../../../sdk/testkit/sim/world/faults.ts";
import { silenceMs } from "../../../../plugins/mctp/receive/silence.ts";
import type { Repair } from "../../../../plugins/mctp/wire/messages.ts";
import type { Machines } from "./machines.ts";
import { tryOut } from "./trial.ts";
import type { Trial, TrialResult } from "./trial.ts";
import type { MctpEvent } from "./world.ts";

/*
 * What a session promises, one thing at a time. Each gives what was broken, and undefined if nothing was.
 */

const mib = 1_048_576;
const repairs: readonly Repair[] = ["parity", "plain"];

/** M1: whatever each of them loses, all have everything in the end. */
export function allHaveEverything(machines?: Machines): string | undefined {
  return firstOf(
    [
      ["one, without loss", { receivers: 1, sizeBytes: 3 * mib }],
      ["one byte to 20", { receivers: 20, sizeBytes: 1, lossPermille: 100 }],
      ["one at 30 %", { receivers: 1, sizeBytes: 3 * mib, faults: [{ kind: "loss", at: 150, permille: 300 }] }],
      ["eight at 30 %", { receivers: 8, sizeBytes: 3 * mib, faults: [{ kind: "loss", at: 150, permille: 300 }] }],
      ["60 at 10 %", { receivers: 60, sizeBytes: mib, faults: [{ kind: "loss", at: 150, permille: 100 }] }],
    ],
    machines,
    everybody,
  );
}

/** What is sent to eight receivers at 5 % is at most so much more than what there is, however long it is on its way. */
export function littleIsSentTwice(machines?: Machines): string | undefined {
  const limits = { parity: 1.12, plain: 1.7 };
  return firstRepair((repair) => {
    for (const latencyMs of [[0, 1] as const, [30, 31] as const]) {
      const result = tryOut({ receivers: 8, sizeBytes: 10 * mib, lossPermille: 50, latencyMs, repair, machines });
      const isMuch = result.share > limits[repair] ? `${result.share.toFixed(3)} of the size were sent` : undefined;
      const broken = everybody(result) ?? isMuch;
      if (broken !== undefined) return `after ${latencyMs[0]} ms: ${broken}`;
    }
    return undefined;
  });
}

/** CM-19: who says that it has everything is sent nothing; and what nobody lacks is not sent. */
export function whatAllHaveIsNotSent(machines?: Machines): string | undefined {
  const trial = { receivers: 3, sizeBytes: 4 * mib, machines };
  const all = tryOut({ ...trial, workload: [1, 2, 3].map((node) => hold(node, 0, 4)) });
  if (all.frames.size > 0) return `all had everything, and ${all.frames.get(0)} frames were sent`;
  // Each lacks a part of the second half.
  const some = tryOut({ ...trial, workload: [hold(1, 0, 3), hold(2, 0, 3), hold(3, 0, 2)] });
  const sent = some.frames.get(0) ?? 0;
  const isRight = sent > 0.49 * some.frameCount && sent < 0.52 * some.frameCount;
  return everybody(some) ?? (isRight ? undefined : `${sent} of ${some.frameCount} frames were sent for a half`);
}

/** M1: who comes late, or stands still, takes the rest; the others have everything. */
export function latecomersTakeTheRest(machines?: Machines): string | undefined {
  const away: readonly Fault[] = [
    { kind: "join", node: 3, at: 900 },
    { kind: "pause", node: 3, at: 600, forMs: 300 },
  ];
  return firstRepair((repair) => {
    for (const fault of away) {
      const trial = { receivers: 4, sizeBytes: 20 * mib, faults: [fault], repair, machines };
      const { violation, pieces, completeMs } = tryOut(trial);
      const others = [1, 2, 4].filter((node) => completeMs.has(node)).length;
      if (violation !== undefined || others !== 3 || (pieces.get(3) ?? 0) < 6)
        return `${fault.kind}: ${violation ?? `${others} of 3 have it, and who came late has ${pieces.get(3)} pieces`}`;
    }
    return undefined;
  });
}

/** A leader dies in mid-session and another one goes on: members keep what they have, and that is not sent again. */
export function anotherLeaderGoesOn(machines?: Machines): string | undefined {
  return firstRepair((repair) => {
    const death = { kind: "kill", node: 0, at: 1_300 } as const;
    const more = [{ at: 6_000, node: 1, gone: 0 }];
    const trial = { receivers: 5, sizeBytes: 20 * mib, lossPermille: 10, faults: [death], more, repair, machines };
    const result = tryOut(trial);
    const { delivered, frames, frameCount, ended } = result;
    const again = (frames.get(0) ?? 0) + (frames.get(1) ?? 0);
    if (result.violation !== undefined) return result.violation;
    const [last] = delivered;
    if (last?.complete.length !== 4) return `the second leader brought everything to ${last?.complete.length} of 4`;
    if (ended.size !== 5) return `${ended.size} of 5 noticed that it is over`;
    return again > 1.2 * frameCount ? `${again} frames were sent of ${frameCount}` : undefined;
  });
}

/** M5: one receiver, however bad, costs the others less than 5 % of time and bytes. */
export function oneCostsTheOthersLittle(machines?: Machines): string | undefined {
  const sick: readonly Fault[] = [
    { kind: "loss", at: 0, permille: 300, nodes: [3] },
    { kind: "loss", at: 0, permille: 900, nodes: [3] },
    { kind: "deaf", at: 0, node: 3, to: "multicast" },
    { kind: "kill", at: 500, node: 3 },
  ];
  return firstRepair((repair) => {
    const trial = { receivers: 16, sizeBytes: 25 * mib, repair, machines };
    const calm = tryOut(trial);
    for (const fault of sick) {
      const result = tryOut({ ...trial, faults: [fault] });
      const name = `${fault.kind} ${"permille" in fault ? fault.permille : ""}`;
      if (result.violation !== undefined) return `${name}: ${result.violation}`;
      const others = [...result.completeMs].filter(([node]) => node !== 3).map(([, ms]) => ms);
      const time = Math.max(...others) / Math.max(...calm.completeMs.values());
      const bytes = result.share / calm.share;
      if (others.length !== 15 || !(time < 1.05 && bytes < 1.05))
        return `${name}: ${others.length} have it, ${time.toFixed(3)} of the time, ${bytes.toFixed(3)} of the bytes`;
    }
    return undefined;
  });
}

/** M2: what an insider makes up is noticed, and comes again. */
export function whatIsForgedComesAgain(machines?: Machines): string | undefined {
  return firstOf([["", { receivers: 4, sizeBytes: 3 * mib, forgesPermille: 3 }]], machines, everybody);
}

/** It waits for data that is still on its way, for its process, and for the policy. */
export function itWaits(machines?: Machines): string | undefined {
  const to = (at: number, event: MctpEvent) => ({ at, node: 0, event });
  const trials: Readonly<Record<string, Partial<Trial>>> = {
    data: { sizeBytes: 10_000, pieceBytes: 1_000, fillMs: 1_500 },
    process: { workload: [to(300, { type: "backlog", bytes: 1_000_000 }), to(3_300, { type: "backlog", bytes: 0 })] },
    policy: {
      workload: [
        to(300, { type: "limit", bytesPerSecond: 100 }),
        to(3_300, { type: "limit", bytesPerSecond: 12_500_000 }),
      ],
    },
  };
  for (const [name, trial] of Object.entries(trials)) {
    const result = tryOut({ receivers: 3, sizeBytes: 10 * mib, ...trial, machines });
    const isRight = result.tookMs > 3_000 && result.tookMs < 16_500;
    const broken = everybody(result) ?? (isRight ? undefined : `it took ${result.tookMs} ms`);
    if (broken !== undefined) return `${name}: ${broken}`;
  }
  return undefined;
}

/** M3: when it is over, all who took part are told. */
export function theEndIsTold(machines?: Machines): string | undefined {
  const { ended, tookMs } = tryOut({ receivers: 4, sizeBytes: mib, machines });
  const last = Math.max(...[...ended.values()].map(({ ms }) => ms));
  return ended.size === 4 && last < tookMs + 100
    ? undefined
    : `${ended.size} of 4 had an end, the last after ${last} ms`;
}

/** M3: it ends, for the leader and for whoever takes part, whatever happens to them for ever. */
export function itEnds(machines?: Machines): string | undefined {
  const everybodyElse = [1, 2, 3, 4];
  const worlds: Readonly<Record<string, readonly Fault[]>> = {
    "everybody is gone": everybodyElse.map((node) => ({ kind: "kill", node, at: 0 })),
    "all die half-way": everybodyElse.map((node) => ({ kind: "kill", node, at: 300 })),
    "nothing is multicast": [{ kind: "multicast off", at: 0 }],
    "nothing is multicast any more": [{ kind: "multicast off", at: 300 }],
    "all are deaf": [{ kind: "one way cut", from: [0], to: everybodyElse, at: 300 }],
    "all are mute": [{ kind: "one way cut", from: everybodyElse, to: [0], at: 300 }],
    "all stand still": everybodyElse.map((node) => ({ kind: "pause", node, at: 300 })),
    "99 % gets lost": [{ kind: "loss", permille: 990, at: 300 }],
  };
  return firstRepair((repair) => {
    for (const announces of ["multicast", "unicast"] as const) {
      for (const [name, faults] of Object.entries(worlds)) {
        const result = tryOut({ receivers: 4, sizeBytes: 4 * mib, faults, announces, repair, machines });
        if (result.violation !== undefined) return `${name}: ${result.violation}`;
        if (!(result.tookMs < 60_000)) return `${name}: it takes ${result.tookMs} ms`;
      }
    }
    const { violation, tookMs } = tryOut({ receivers: 1, sizeBytes: mib, forgesPermille: 300, repair, machines });
    return violation === undefined && tookMs < 60_000 ? undefined : `one forges: it takes ${tookMs} ms`;
  });
}

/** M3: when the leader dies or stands still, members have an end a little after the time of silence. */
export function aDeadLeaderIsNoticed(machines?: Machines): string | undefined {
  for (const kind of ["kill", "pause"] as const) {
    const { ended, completeMs } = tryOut({
      ...{ receivers: 4, sizeBytes: 20 * mib, lossPermille: 10, machines },
      faults: [{ kind, node: 0, at: 800 }],
    });
    const last = Math.max(...[...ended.values()].map(({ ms }) => ms));
    if (ended.size !== 4 || completeMs.size > 0 || last > 800 + silenceMs + 500)
      return `${kind}: ${ended.size} of 4 noticed it, the last after ${last} ms`;
  }
  return undefined;
}

/** M3: a leader that stood still for a moment goes on. */
export function aMomentIsSurvived(machines?: Machines): string | undefined {
  const pause = { kind: "pause", node: 0, at: 800, forMs: 2_000 } as const;
  return everybody(tryOut({ receivers: 4, sizeBytes: 20 * mib, faults: [pause], machines }));
}

/** CM-22: a quorum ends it, and the others are named and told. */
export function aQuorumEndsIt(machines?: Machines): string | undefined {
  const deaf = { kind: "deaf", at: 0, node: 1, to: "multicast" } as const;
  const trial = { receivers: 4, sizeBytes: 1_000, quorum: 3, faults: [deaf], announces: "unicast", machines } as const;
  const { delivered, tookMs, ended } = tryOut(trial);
  const [{ complete, left } = { complete: [], left: [] }] = delivered;
  const isRight = complete.length === 3 && left[0]?.member === "n1" && tookMs > 2_000 && tookMs < 2_500;
  if (!isRight) return `${complete.length} have it, ${left.length} are left after ${tookMs} ms`;
  const said = ended.get(1)?.reason;
  return said === left[0]?.reason ? undefined : `it was told '${said}'`;
}

/** M4: at most 200 reports come to the leader in any 100 ms, whatever the members lose. */
export function reportsAreFew(receivers: number, sizeBytes: number, machines?: Machines): string | undefined {
  const half = Array.from({ length: receivers / 2 }, (_, index) => 2 * index + 1);
  const worlds: Readonly<Record<string, Partial<Trial>>> = {
    "nobody loses anything": {},
    "all lose everything": { faults: [{ kind: "multicast off", at: 0 }], announces: "unicast" },
    "half are silent": { faults: [{ kind: "one way cut", from: half, to: [0], at: 0 }], lossPermille: 10 },
    "all lose 10 %": { lossPermille: 100 },
    "all have something at first": { workload: numbers(receivers).map((node) => hold(node, 0, 1)), lossPermille: 10 },
    "all lose the same": { faults: [{ kind: "one way cut", from: [0], to: numbers(receivers), at: 700, forMs: 50 }] },
  };
  for (const [name, world] of Object.entries(worlds)) {
    const { mostReports, violation } = tryOut({ receivers, sizeBytes, ...world, machines });
    if (violation !== undefined) return `${name}: ${violation}`;
    if (mostReports > 200) return `${name}: ${mostReports} reports came within 100 ms`;
  }
  return undefined;
}

function hold(node: number, from: number, to: number) {
  return { at: 1, node, event: { type: "hold", assignment: 1, from, to } } as const;
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

function everybody({ violation, delivered, completeMs }: TrialResult): string | undefined {
  const [first] = delivered;
  const left = first?.left[0];
  if (violation !== undefined) return violation;
  if (first === undefined) return "it did not end";
  return left === undefined ? undefined : `${completeMs.size} have it, and ${left.member} was left: ${left.reason}`;
}

function firstOf(
  trials: readonly (readonly [name: string, trial: Omit<Trial, "machines">])[],
  machines: Machines | undefined,
  check: (result: TrialResult) => string | undefined,
): string | undefined {
  return firstRepair((repair) => {
    for (const [name, trial] of trials) {
      const broken = check(tryOut({ ...trial, repair, machines }));
      if (broken !== undefined) return `${name}: ${broken}`;
    }
    return undefined;
  });
}

function firstRepair(check: (repair: Repair) => string | undefined): string | undefined {
  for (const repair of repairs) {
    const broken = check(repair);
    if (broken !== undefined) return `${repair}: ${broken}`;
  }
  return undefined;
}
