import { describe, expect, it } from "vitest";
import { recordingHost, testPlugin, testPriority } from "distributary/testkit";
import { orderLeaders } from "distributary/sdk";
import type { NodeFacts } from "distributary/sdk";
import defaultPriority from "../../plugins/default-priority/index.ts";

const create = (options = {}) => recordingHost(defaultPriority, options).priorities.get("default");

testPlugin(defaultPriority);
testPriority("default", () => create());

const noWeights = {
  rank: 0,
  recentlyLeader: 0,
  membersKnown: 0,
  cpu: 0,
  memory: 0,
  disk: 0,
  network: 0,
  reliability: 0,
  content: 0,
};

/** Each input from worst to best. */
const ladders: Record<keyof typeof noWeights, readonly Partial<NodeFacts>[]> = {
  rank: [{ rank: -1_000 }, { rank: -1 }, {}, { rank: 1 }, { rank: 2 }, { rank: 1_000 }],
  recentlyLeader: [{}, { ledAgoMs: 7_200_000 }, { ledAgoMs: 60_000 }, { ledAgoMs: 5_000 }, { ledAgoMs: 0 }],
  membersKnown: [{ membersKnown: 0 }, { membersKnown: 10 }, {}, { membersKnown: 1_000 }, { membersKnown: 10_000 }],
  cpu: [{ cpuCount: 1 }, { cpuCount: 4, cpuSpeed: 500 }, {}, { cpuSpeed: 2_000 }, { cpuCount: 128, cpuSpeed: 2_000 }],
  memory: [{ memoryBytes: 2 ** 28 }, { memoryBytes: 2 ** 33 }, {}, { memoryBytes: 2 ** 36 }, { memoryBytes: 2 ** 40 }],
  disk: [{ freeDiskBytes: 0 }, { freeDiskBytes: 2 ** 33 }, {}, { freeDiskBytes: 2 ** 40 }, { freeDiskBytes: 2 ** 45 }],
  network: [{ roundTripMs: 500 }, {}, { roundTripMs: 5 }, { roundTripMs: 1, linkBytesPerSecond: 1e9 }],
  reliability: [{ reliability: 0 }, { reliability: 0.4 }, {}, { reliability: 0.99 }, { reliability: 1 }],
  content: [{}, { www: 1 }, { www: 2 }, { www: 999 }, { www: 999, docs: 1 }].map((versions) => ({ versions })),
};

describe("default priority", () => {
  for (const [input, ladder] of Object.entries(ladders)) {
    it(`rises with ${input}, from the worst to the best`, () => {
      for (const weight of [1, 1_000]) {
        const priority = create({ ...noWeights, [input]: weight });
        const priorities = ladder.map((facts) => priority.of({ id: "a", ...facts }));
        expect(priorities).toEqual([...new Set(priorities)].sort((a, b) => a - b));
      }
    });

    it(`ignores ${input} at weight 0`, () => {
      const priority = create({ [input]: 0 });
      expect(new Set(ladder.map((facts) => priority.of({ id: "a", ...facts }))).size).toBe(1);
    });
  }

  it("never falls when one fact gets better, however finely", () => {
    const priority = create(Object.fromEntries(Object.keys(noWeights).map((input) => [input, 1])));
    const rising = Array.from({ length: 2_000 }, (_, step) => 1.02 ** step);
    const capacities = ["membersKnown", "cpuCount", "cpuSpeed", "memoryBytes", "freeDiskBytes", "linkBytesPerSecond"];
    for (const fact of capacities) expectRising(rising.map((value) => priority.of({ id: "a", [fact]: value })));
    for (const fact of ["roundTripMs", "ledAgoMs"] as const) {
      expectRising(rising.toReversed().map((value) => priority.of({ id: "a", [fact]: value })));
    }
    expectRising(rising.map((_, step) => priority.of({ id: "a", reliability: step / 2_000 })));
    expectRising(rising.map((value) => priority.of({ id: "a", versions: { www: value } })));
    expectRising(rising.map((_, step) => priority.of({ id: "a", rank: step - 1_000 })));
  });

  it("lets one step of rank outweigh everything else", () => {
    const priority = create();
    const best: Partial<NodeFacts> = Object.assign({}, ...Object.values(ladders).map((ladder) => ladder.at(-1)));
    const worst: Partial<NodeFacts> = Object.assign({}, ...Object.values(ladders).map((ladder) => ladder[0]));
    expect(priority.of({ id: "a", ...worst, rank: 1 })).toBeGreaterThan(priority.of({ id: "b", ...best, rank: 0 }));
  });

  it("stays below 2³¹ with every weight and every fact at its highest", () => {
    const weights = Object.fromEntries(Object.keys(noWeights).map((input) => [input, 1_000]));
    const highest = {
      id: "a",
      rank: Infinity,
      ledAgoMs: 0,
      membersKnown: Infinity,
      cpuCount: Infinity,
      cpuSpeed: Infinity,
      memoryBytes: Infinity,
      freeDiskBytes: Infinity,
      linkBytesPerSecond: Infinity,
      roundTripMs: 0,
      reliability: Infinity,
      versions: { www: Infinity },
    };
    expect(create(weights).of(highest)).toBe(2_131_072_000);
  });

  it("gives a node of which nothing is known the middle", () => {
    expect(create({ ...noWeights, memory: 1 }).of({ id: "a" })).toBe(8_192);
  });

  it("counts every single version up to a sum of 1,000", () => {
    const priority = create({ ...noWeights, content: 1 });
    const versions = Array.from({ length: 1_000 }, (_, version) => version);
    expect(new Set(versions.map((www) => priority.of({ id: "a", versions: { www } }))).size).toBe(1_000);
  });

  it("never lets the order of serving touch who leads", () => {
    const zero = { serving: { location: 0, cpu: 0, distance: 0, link: 0, reliability: 0 } };
    const node = { id: "a", location: "eu", cpuCount: 8, roundTripMs: 3 };
    expect(create(zero).of(node)).toBe(create().of(node));
  });

  it("refuses weights that are no whole numbers, 0 … 1,000", () => {
    for (const rank of [-1, 1_001, 1.5]) {
      expect(() => create({ rank })).toThrow(expect.objectContaining({ code: "DIST_ERR_OPTIONS_INVALID" }));
    }
  });
});

describe("the order of serving", () => {
  const noServing = { location: 0, cpu: 0, distance: 0, link: 0, reliability: 0 };
  const source = { id: "source", location: "eu/vienna/hall 3" };
  /** Each input from worst to best. */
  const serving: Record<keyof typeof noServing, readonly Partial<NodeFacts>[]> = {
    location: [
      { location: "us/denver/hall 3" },
      { location: "eu/graz" },
      {},
      { location: "eu/vienna/hall 4" },
      { location: "/eu/vienna/hall 3/rack 9" },
    ],
    cpu: ladders.cpu,
    distance: [{ roundTripMs: 700 }, {}, { roundTripMs: 20 }, { roundTripMs: 1 }],
    link: [{ linkBytesPerSecond: 1e6 }, {}, { linkBytesPerSecond: 1e9 }],
    reliability: ladders.reliability,
  };
  const nodes = (ladder: readonly Partial<NodeFacts>[]) => ladder.map((facts, id) => ({ ...facts, id: `${id}` }));
  const order = (options: object, leaders: readonly NodeFacts[], from: NodeFacts = source) =>
    orderLeaders(create(options), leaders, from).map(({ id }) => id);

  for (const [input, ladder] of Object.entries(serving)) {
    const ids = ladder.map((_, id) => `${id}`);

    it(`goes by ${input}, the best first`, () => {
      expect(order({ serving: { ...noServing, [input]: 1 } }, nodes(ladder))).toEqual(ids.toReversed());
    });

    it(`ignores ${input} at weight 0`, () => {
      expect(order({ serving: { [input]: 0 } }, nodes(ladder))).toEqual(ids);
    });
  }

  it("has location decide, then the processors", () => {
    const near = { location: "eu/vienna/hall 1" };
    const far = { location: "eu/graz/hall 1" };
    const rest = { roundTripMs: 1, linkBytesPerSecond: 1e12, reliability: 1 };
    const ladder = [
      { ...near, cpuCount: 32 },
      { ...near, cpuCount: 8, ...rest },
      { ...far, cpuCount: 64, ...rest },
    ];
    expect(order({}, nodes(ladder))).toEqual(["0", "1", "2"]);
  });

  it("does not go by location where the source's is not known", () => {
    expect(order({ serving: { ...noServing, location: 1 } }, nodes(serving.location), { id: "a" })).toEqual(
      serving.location.map((_, id) => `${id}`),
    );
  });
});

function expectRising(priorities: readonly number[]): void {
  expect(priorities).toEqual(priorities.toSorted((a, b) => a - b));
}
