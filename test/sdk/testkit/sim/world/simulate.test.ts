import { describe, expect, it } from "vitest";
import { SimRandom } from "../../../../../sdk/testkit/sim/random.ts";
import { drawFaults, faultKinds } from "../../../../../sdk/testkit/sim/world/draw-faults.ts";
import type { Fault } from "../../../../../sdk/testkit/sim/world/faults.ts";
import { readRun, writeRun } from "../../../../../sdk/testkit/sim/world/run-file.ts";
import type { RunFile } from "../../../../../sdk/testkit/sim/world/run-file.ts";
import { minimal, shrink } from "../../../../../sdk/testkit/sim/world/shrink.ts";
import { isDeterministic, simulate } from "../../../../../sdk/testkit/sim/world/simulate.ts";
import type { Protocol } from "../../../../../sdk/testkit/sim/world/simulate.ts";
import { Trace } from "../../../../../sdk/testkit/sim/world/trace.ts";
import { Violation } from "../../../../../sdk/testkit/sim/world/violation.ts";
import { Beacon, beaconRun, listenIn } from "./beacon.ts";
import type { BeaconEffect, BeaconEvent, BeaconSettings } from "./beacon.ts";

type BeaconProtocol = Protocol<BeaconSettings, BeaconEvent, BeaconEffect>;

/** No node uses a number twice. */
const beacons: BeaconProtocol = {
  start: (node, memory) => new Beacon(node, memory),
  checkers: () => {
    const latest = new Map<number, number>();
    return [
      {
        effect(node, effect, now) {
          if (effect.type !== "multicast") return;
          if (effect.message <= (latest.get(node) ?? 0)) throw new Violation("once", now, `n${node} says it again`);
          latest.set(node, effect.message);
        },
      },
    ];
  },
};

function swarm(seed: number, isHasty: boolean, among?: readonly Fault["kind"][]): RunFile<BeaconSettings, BeaconEvent> {
  const span = { nodeCount: 4, count: 40, untilMs: 9_000, scaleMs: 300 };
  const nodes = Array.from({ length: 4 }, () => ({ isHasty }));
  const { world } = beaconRun([]);
  return beaconRun(drawFaults(new SimRandom(seed), span, among), { seed, world: { ...world, nodes } });
}

describe("a run", () => {
  it("goes the same way whenever it is run, also from a file, and another way for another seed", () => {
    const hashes = new Set<string>();
    for (let seed = 0; seed < 20; seed += 1) {
      const run = swarm(seed, false);
      const { hash } = simulate(run, beacons);
      expect(simulate(readRun<BeaconSettings, BeaconEvent>(writeRun(run)), beacons).hash).toBe(hash);
      expect(isDeterministic(run, beacons)).toBe(true);
      hashes.add(hash);
    }
    expect(hashes.size).toBe(20);
  });

  it("that does not is found out", () => {
    let count = 0;
    const moody: BeaconProtocol = { ...beacons, start: (node) => new Beacon(node, (count += 1)) };
    expect(isDeterministic(swarm(1, false), moody)).toBe(false);
  });

  it("draws the same for what is left when a fault is left out", () => {
    const first = { kind: "loss", permille: 400, nodes: [1], at: 1_000 } as const;
    const second = { kind: "loss", permille: 400, nodes: [2], at: 1_000 } as const;
    const kept = { kind: "reorder", permille: 400, mostMs: 90, nodes: [3], at: 1_000 } as const;
    const [whole, part] = [
      [first, second, kept],
      [second, kept],
    ].map((faults) => listenIn(beaconRun(faults)).heard);
    expect(part?.[1]).not.toEqual(whole?.[1]);
    expect([part?.[2], part?.[3]]).toEqual([whole?.[2], whole?.[3]]);
  });

  it("draws the same for the others when a node is taken out", () => {
    const loss = { kind: "loss", permille: 400, at: 0 } as const;
    const whole = beaconRun([loss]);
    const without = { ...whole, world: { ...whole.world, nodes: [{}, {}, {}, null] } };
    const of = (run: typeof whole) => listenIn(run).heard[2]?.filter(({ from }) => from !== "n3");
    expect(of(without)).toEqual(of(whole));
  });

  it("is refused if its file is of another form", () => {
    expect(() => readRun('{"v":2}')).toThrow("of form 2");
  });
});

describe("a checker", () => {
  it("sees nothing wrong with a right machine, whatever goes wrong around it", () => {
    for (let seed = 0; seed < 200; seed += 1) expect(simulate(swarm(seed, false), beacons).violation).toBeUndefined();
  });

  it("finds a wrong one, and shrinking leaves the one fault that matters, on one node", () => {
    const run = [...Array(50).keys()]
      .map((seed) => swarm(seed, true))
      .find((each) => simulate(each, beacons).violation);
    expect(run).toBeDefined();
    if (run === undefined) return;
    const least = shrink(run, (each) => simulate(each, beacons).violation?.invariant === "once");
    expect(least.faults.map(({ kind }) => kind)).toHaveLength(1);
    expect(["kill", "power cut"]).toContain(least.faults[0]?.kind);
    expect(least.world.nodes.filter((node) => node !== null)).toHaveLength(1);
    expect(least.bounds.settleAt).toBeLessThan(run.bounds.settleAt);
    expect(simulate(readRun<BeaconSettings, BeaconEvent>(writeRun(least)), beacons).violation?.invariant).toBe("once");
  });

  it("looks when it wants to, and at the end", () => {
    const looks: number[] = [];
    const clock: BeaconProtocol = {
      ...beacons,
      checkers: () => [
        {
          lookAt: 500,
          look(now) {
            looks.push(now);
            this.lookAt = now < 2_000 ? now + 700 : Infinity;
          },
          finish: (now) => void looks.push(now),
        } as { lookAt: number; look(now: number): void; finish(now: number): void },
      ],
    };
    expect(simulate(beaconRun([]), clock).violation).toBeUndefined();
    expect(looks).toEqual([500, 1_200, 1_900, 2_600, 10_050]);
  });

  it("is not needed to see that a machine throws, or never rests", () => {
    const machine = (handle: () => BeaconEffect[], wakeAt = Infinity): BeaconProtocol => {
      return { ...beacons, start: () => ({ handle, wakeAt }) };
    };
    const throwing = machine(() => {
      throw new Error("at the wrong moment");
    });
    expect(simulate(beaconRun([]), throwing).violation).toMatchObject({ invariant: "throws", at: 0 });
    expect(
      simulate(
        beaconRun([]),
        machine(() => [], 0),
      ).violation,
    ).toMatchObject({ invariant: "rest", at: 0 });
  });
});

describe("shrinking", () => {
  it("finds the smallest part that fails, in few attempts", () => {
    const items = Array.from({ length: 200 }, (_, index) => index);
    let attempts = 0;
    const fails = (part: readonly number[]) => {
      attempts += 1;
      return part.includes(17) && part.includes(120) && part.includes(121);
    };
    expect(minimal(items, fails)).toEqual([17, 120, 121]);
    expect(attempts).toBeLessThan(120);
    expect(minimal(items, () => true)).toEqual([]);
    expect(minimal([], () => false)).toEqual([]);
  });
});

describe("drawn faults", () => {
  it("are of all kinds, within their time, and the same for the same seed", () => {
    const span = { nodeCount: 5, count: 500, untilMs: 10_000, scaleMs: 1_000 };
    const faults = drawFaults(new SimRandom(1), span);
    expect(drawFaults(new SimRandom(1), span)).toEqual(faults);
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(faultKinds));
    expect(faults.every(({ at }, index) => at < 10_000 && at >= (faults[index - 1]?.at ?? 0))).toBe(true);
    expect(drawFaults(new SimRandom(1), span, ["kill"]).every(({ kind }) => kind === "kill")).toBe(true);
  });
});

describe("a trace", () => {
  it("says what happened, a line each, and keeps the last lines", () => {
    const run = beaconRun([{ kind: "kill", node: 0, at: 150 }], { bounds: { settleAt: 9_000, endAt: 201 } });
    const trace = new Trace<{ readonly type: string }, BeaconEffect>();
    simulate(run, beacons, trace);
    const lines = trace.text.split("\n");
    expect(lines).toContain("     0.100 n0 < wake");
    expect(lines).toContain('     0.150 -- begin {kind:"kill",node:0,at:150}');
    expect(lines).toContain("     0.150 n0 process ends");
    expect(lines.some((line) => line.startsWith("     0.100 n0   > store"))).toBe(true);
    const short = new Trace<{ readonly type: string }, BeaconEffect>(3);
    simulate(run, beacons, short);
    expect(short.text.split("\n")).toEqual(lines.slice(-3));
  });
});
