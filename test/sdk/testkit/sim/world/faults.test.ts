import { describe, expect, it } from "vitest";
import type { Fault } from "../../../../../sdk/testkit/sim/world/faults.ts";
import { beaconRun, listenIn } from "./beacon.ts";

const span = { at: 2_000, forMs: 4_000 };
const during = [2_001, 6_001] as const;
/** What n0 sends in the span: one each 100 ms. */
const all = 40;
const both = ["multicast", "unicast"] as const;

describe("without faults", () => {
  it("everything arrives once, by the way it was sent, a millisecond later", () => {
    const { heard, count, world } = listenIn(beaconRun([]));
    for (const way of both) expect(count(0, 1, way, ...during)).toBe(all);
    expect(count(0, 2, "unicast")).toBe(0);
    expect(heard[1]?.map(({ at }) => at % 100)).toEqual(heard[1]?.map(() => 1));
    expect(world.counts).toMatchObject({ lost: 0, dropped: 0, corrupted: 0, duplicated: 0 });
    expect(world.memoryOf(0)).toBe(100);
  });
});

/** What must be of what n0 sends in the span: to n1 by multicast and unicast, to n2 by multicast; else all of it. */
const cuts: readonly (readonly [Fault, multicast: number, unicast: number, toOther: number])[] = [
  [{ kind: "partition", nodes: [0, 2], ...span }, 0, 0, all],
  [{ kind: "partition", nodes: [1, 3], ...span }, 0, 0, all],
  [{ kind: "one way cut", from: [0], to: [1], ...span }, 0, 0, all],
  [{ kind: "one way cut", from: [1], to: [0], ...span }, all, all, all],
  [{ kind: "multicast off", ...span }, 0, all, 0],
  [{ kind: "deaf", node: 1, to: "multicast", ...span }, 0, all, all],
  [{ kind: "deaf", node: 1, to: "everything", ...span }, 0, 0, all],
  [{ kind: "mute", node: 0, to: "multicast", ...span }, 0, all, 0],
  [{ kind: "mute", node: 0, to: "everything", ...span }, 0, 0, 0],
  [{ kind: "loss", permille: 1_000, nodes: [1], ...span }, 0, 0, all],
  [{ kind: "corrupt", permille: 1_000, nodes: [1], ...span }, 0, 0, all],
  [{ kind: "kill", node: 0, ...span }, 0, 0, 0],
  [{ kind: "kill", node: 1, ...span }, 0, 0, all],
];

describe("while it lasts, and no longer,", () => {
  it.for(cuts)("%j lets through what it should", ([fault, multicast, unicast, toOther]) => {
    const { count } = listenIn(beaconRun([fault]));
    expect(count(0, 1, "multicast", ...during)).toBe(multicast);
    expect(count(0, 1, "unicast", ...during)).toBe(unicast);
    expect(count(0, 2, "multicast", ...during)).toBe(toOther);
    for (const to of [1, 2]) {
      expect(count(0, to, "multicast", 0, 2_000)).toBe(19);
      expect(count(0, to, "multicast", 6_200)).toBeGreaterThanOrEqual(37);
    }
  });

  it("loss takes about the share it says, for each receiver by itself", () => {
    const { count, heard, world } = listenIn(beaconRun([{ kind: "loss", permille: 300, at: 0 }]));
    const numbers = (to: number) =>
      heard[to]?.filter(({ from, way }) => from === "n0" && way === "multicast").map(({ number }) => number);
    expect(count(0, 2, "multicast")).toBeGreaterThan(55);
    expect(count(0, 2, "multicast")).toBeLessThan(85);
    expect(numbers(2)).not.toEqual(numbers(3));
    expect(world.counts.lost).toBeGreaterThan(0);
  });

  it("bursts come and go: what is lost is lost in a row", () => {
    const burst = { kind: "burst", permille: 1_000, goodMs: 1_000, badMs: 1_000, at: 0 } as const;
    const { heard } = listenIn(beaconRun([burst]));
    const numbers = (heard[2] ?? []).filter(({ from }) => from === "n0").map(({ number }) => number);
    expect(numbers.length).toBeGreaterThan(20);
    expect(numbers.length).toBeLessThan(80);
    const gaps = numbers.filter((number, at) => number !== (numbers[at - 1] ?? 0) + 1).length;
    expect(gaps).toBeLessThan((100 - numbers.length) / 2);
  });

  it("delay delays, and reordering lets later ones overtake", () => {
    const late = listenIn(beaconRun([{ kind: "delay", leastMs: 10, mostMs: 20, ...span }]));
    for (const { at } of late.heard[2]?.filter((it) => it.at > 2_102 && it.at < 6_000) ?? []) {
      expect(at % 100).toBeGreaterThanOrEqual(11);
      expect(at % 100).toBeLessThanOrEqual(21);
    }
    const mixed = listenIn(beaconRun([{ kind: "reorder", permille: 500, mostMs: 300, ...span }]));
    const numbers = (mixed.heard[2] ?? []).filter(({ from }) => from === "n0").map(({ number }) => number);
    expect(numbers).not.toEqual(numbers.toSorted((a, b) => a - b));
    expect(new Set(numbers).size).toBe(100);
  });

  it("duplication brings some twice", () => {
    const { count, world } = listenIn(beaconRun([{ kind: "duplicate", permille: 500, mostMs: 50, ...span }]));
    expect(count(0, 2, "multicast", 2_002, 6_060)).toBeGreaterThan(50);
    expect(count(0, 2, "multicast", 2_002, 6_060)).toBeLessThan(70);
    expect(world.counts.duplicated).toBeGreaterThan(50);
  });

  it("what is corrupt is dropped and counted", () => {
    const { world } = listenIn(beaconRun([{ kind: "corrupt", permille: 1_000, nodes: [2], ...span }]));
    expect(world.counts.corrupted).toBe(3 * all);
  });
});

describe("a node that", () => {
  it("was killed starts again with what it stored, on a clock of its own", () => {
    const { sent, world } = listenIn(beaconRun([{ kind: "kill", node: 0, ...span }]));
    expect(sent[0]?.filter(({ at }) => at > 2_000 && at < 6_000)).toEqual([]);
    expect(sent[0]?.find(({ at }) => at > 6_000)).toEqual({ at: 6_100, number: 20 });
    expect(world.isRunning(0)).toBe(true);
  });

  it("joins late was not there before", () => {
    const { sent } = listenIn(beaconRun([{ kind: "join", node: 0, at: 3_000 }]));
    expect(sent[0]?.[0]).toEqual({ at: 3_100, number: 1 });
  });

  it.for([
    ["before", 19, 20],
    ["after", 20, 21],
  ] as const)("loses power %s a store starts with what was durable", ([store, memory, next]) => {
    const cut = { kind: "power cut", node: 0, store, at: 1_950, forMs: 1_000 } as const;
    const until = listenIn(beaconRun([cut], { bounds: { settleAt: 9_000, endAt: 2_500 } }));
    expect(until.world.isRunning(0)).toBe(false);
    expect(until.world.memoryOf(0)).toBe(memory);
    const { sent } = listenIn(beaconRun([cut]));
    // It does nothing of what was to follow the store.
    expect(sent[0]?.find(({ at }) => at >= 2_000)).toEqual({ at: 3_100, number: next });
  });

  it("has a slow disk sends only when it has stored", () => {
    const { sent, count } = listenIn(beaconRun([{ kind: "slow disk", node: 0, ms: 40, ...span }]));
    const sentThen = sent[0]?.filter(({ at }) => at >= 2_040 && at < 6_000) ?? [];
    expect(sentThen).toHaveLength(40);
    for (const { at } of sentThen) expect(at % 100).toBe(40);
    expect(count(0, 2, "multicast")).toBe(100);
  });

  it("is killed while it stores has stored or not, and never sends what it had not", () => {
    const outcomes = new Set<unknown>();
    for (let at = 2_010; at < 2_030; at += 1) {
      const slow = { kind: "slow disk", node: 0, ms: 50, ...span } as const;
      const { world, sent } = listenIn(
        beaconRun([slow, { kind: "kill", node: 0, at }], { bounds: { settleAt: 9_000, endAt: 5_000 } }),
      );
      expect(sent[0]?.at(-1)).toEqual({ at: 1_900, number: 19 });
      outcomes.add(world.memoryOf(0));
    }
    expect([...outcomes].sort()).toEqual([19, 20]);
  });

  it("stood still is woken when it goes on, and hears what came, but for what no queue holds", () => {
    const { heard, sent } = listenIn(beaconRun([{ kind: "pause", node: 2, ...span }]));
    expect(heard[2]?.filter(({ at }) => at >= 2_000 && at < 6_000)).toEqual([]);
    expect(heard[2]?.filter(({ at }) => at === 6_000)).toHaveLength(3 * all);
    expect(sent[2]?.filter(({ at }) => at === 6_000).length).toBeGreaterThanOrEqual(all);
    const long = listenIn(
      beaconRun([{ kind: "pause", node: 2, at: 50, forMs: 9_500 }], { bounds: { settleAt: 9_900, endAt: 10_000 } }),
    );
    expect(long.heard[2]?.filter(({ at }) => at === 9_550)).toHaveLength(256);
    expect(long.world.counts.dropped).toBeGreaterThan(0);
  });

  it("is slow does everything later", () => {
    const { heard, sent } = listenIn(beaconRun([{ kind: "slow", node: 2, ms: 30, ...span }]));
    for (const { at } of heard[2]?.filter((it) => it.at > 2_100 && it.at < 6_000) ?? []) expect(at % 100).toBe(31);
    expect(sent[2]?.filter(({ at }) => at > 2_200 && at < 6_000).every(({ at }) => at % 100 === 30)).toBe(true);
  });

  it("has a wrong clock is early or late by it", () => {
    const fast = listenIn(beaconRun([{ kind: "drift", node: 0, ppm: 50_000, at: 0 }]));
    const slow = listenIn(beaconRun([{ kind: "drift", node: 0, ppm: -50_000, at: 0 }]));
    expect([fast.sent[0]?.length, fast.sent[1]?.length, slow.sent[0]?.length]).toEqual([105, 100, 95]);
  });

  it("leaves does so after a last word, and comes back when it is to", () => {
    const bye = { at: 2_050, node: 0, event: { type: "bye" }, ends: true } as const;
    const { sent } = listenIn(beaconRun([], { workload: [bye] }));
    expect(sent[0]?.at(-1)).toEqual({ at: 2_050, number: 21 });
    const again = listenIn(beaconRun([], { workload: [{ ...bye, againMs: 1_000 }] }));
    expect(again.sent[0]?.find(({ at }) => at > 2_050)).toEqual({ at: 3_150, number: 22 });
  });
});

describe("when the world settles", () => {
  const faults: readonly Fault[] = [
    { kind: "kill", node: 0, at: 1_000 },
    { kind: "kill", node: 3, at: 1_000 },
    { kind: "pause", node: 1, at: 1_000 },
    { kind: "partition", nodes: [2], at: 1_000 },
    { kind: "deaf", node: 3, to: "everything", at: 1_000 },
    { kind: "loss", permille: 1_000, at: 1_000 },
  ];
  const bounds = { settleAt: 5_000, endAt: 8_000 };

  it("everything is healed", () => {
    const { count, world } = listenIn(beaconRun(faults, { bounds }));
    for (const node of [0, 1, 2, 3]) expect(world.isRunning(node)).toBe(true);
    for (const [from, to] of [
      [0, 2],
      [2, 1],
      [1, 3],
    ] as const) {
      expect(count(from, to, "multicast", 1_100, 5_000)).toBe(0);
      expect(count(from, to, "multicast", 5_002)).toBeGreaterThanOrEqual(29);
    }
  });

  it("or a core of nodes, and what befell the others stays", () => {
    const { count, world } = listenIn(beaconRun(faults, { bounds: { ...bounds, core: [0, 1] } }));
    expect([0, 1, 2, 3].map((node) => world.isRunning(node))).toEqual([true, true, true, false]);
    expect(count(0, 1, "multicast", 5_002)).toBeGreaterThanOrEqual(29);
    expect(count(0, 2, "multicast", 5_002)).toBe(0);
    expect([world.reaches(0, 1, "unicast"), world.reaches(0, 2, "unicast")]).toEqual([true, false]);
  });
});
