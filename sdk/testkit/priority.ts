import assert from "node:assert/strict";
import { orderLeaders } from "distributary/sdk";
import type { NodeFacts, Priority } from "distributary/sdk";
import { runKit } from "./kit.ts";
import type { Kit } from "./kit.ts";
import { mix } from "./sim/random.ts";

const priorityMax = 2 ** 31 - 1;

const full = {
  id: "node-1",
  name: "web-1",
  address: "192.0.2.1",
  rank: 2,
  location: "hall 3",
  cpuCount: 8,
  cpuSpeed: 1_100,
  memoryBytes: 16 * 2 ** 30,
  freeDiskBytes: 200 * 2 ** 30,
  linkBytesPerSecond: 125_000_000,
  roundTripMs: 12,
  reliability: 0.99,
  connectionCount: 3,
  membersKnown: 40,
  ledAgoMs: 60_000,
  versions: { www: 12, docs: 3 },
} as const satisfies Required<NodeFacts>;

const absurd: readonly unknown[] = [
  NaN,
  Infinity,
  -Infinity,
  -1,
  -0,
  0,
  0.5,
  1e-320,
  1e308,
  2 ** 31,
  2 ** 53,
  -(2 ** 53),
  "9",
  "",
  null,
  undefined,
  true,
  {},
  [],
  7n,
];

/** Leaders of which nothing is known, or all, or all but one fact, or nonsense. */
const leaders = [
  ...[{}, {}, full, full],
  ...Object.keys(full).map((missing) => ({ ...full, [missing]: undefined })),
  ...["hall 3", "hall 4", "eu/vienna/hall 3", "eu/vienna", "us"].map((location) => ({ location })),
  ...[1, 2, 4, 64].flatMap((cpuCount) => [5, 50].map((roundTripMs) => ({ ...full, cpuCount, roundTripMs }))),
  ...absurd.map((value) => Object.fromEntries(Object.keys(full).map((name) => [name, value]))),
].map((facts, index): NodeFacts => ({ ...facts, id: `leader-${index}` }));
const sources: readonly NodeFacts[] = [full, { id: "bare" }, { id: "far", location: "eu/vienna/hall 1" }];

/** What every priority must keep. */
export const priorityKit: Kit<Priority> = {
  name: "priority",
  cases: [
    {
      title: "gives a whole number, 0 … 2³¹ − 1",
      check(create) {
        for (const node of [full, { id: "node-1" }]) assertInRange(create().of(node));
      },
    },
    {
      title: "does without any fact, and without all of them",
      check(create) {
        const priority = create();
        const { id, ...facts } = full;
        for (const missing of Object.keys(facts)) {
          const known = Object.entries(facts).filter(([name]) => name !== missing);
          assertInRange(priority.of({ id, ...Object.fromEntries(known) }));
          assertInRange(priority.of({ id, [missing]: full[missing as keyof NodeFacts] }));
        }
      },
    },
    {
      title: "stays in range whatever the facts are",
      check(create) {
        const priority = create();
        for (const value of absurd) {
          for (const name of Object.keys(full)) assertInRange(priority.of({ ...full, [name]: value }));
          const all = Object.fromEntries(Object.keys(full).map((name) => [name, value]));
          assertInRange(priority.of(all as unknown as NodeFacts));
          assertInRange(priority.of({ ...full, versions: { www: value, docs: 1 } as Record<string, number> }));
        }
      },
    },
    {
      title: "copes with very many sites",
      check(create) {
        const sites = Array.from({ length: 10_000 }, (_, index) => [`site-${index}`, Number.MAX_SAFE_INTEGER]);
        assertInRange(create().of({ ...full, versions: Object.fromEntries(sites) as Record<string, number> }));
      },
    },
    {
      title: "never falls when the rank rises, and rises in the end",
      check(create) {
        const priority = create();
        for (const base of [full, { id: "node-1" }]) {
          const ranks = [-(2 ** 53), -1_000, -10, -2, -1, 0, 1, 2, 3, 10, 100, 1_000, 2 ** 31, 2 ** 53];
          const priorities = ranks.map((rank) => priority.of({ ...base, rank }));
          assert.deepEqual(
            priorities,
            priorities.toSorted((a, b) => a - b),
          );
          const [unranked, ranked] = [priority.of({ ...base, rank: 0 }), priority.of({ ...base, rank: 10 })];
          assert.ok(ranked > unranked, "rank 10 is not above rank 0");
        }
      },
    },
    {
      title: "gives the same facts the same number: from another instance, in another order, later",
      check(create) {
        const priority = create();
        const first = priority.of(full);
        priority.of({ id: "node-2", rank: 9 });
        const reversed = Object.fromEntries(Object.entries(full).reverse()) as unknown as NodeFacts;
        assert.equal(priority.of(full), first);
        assert.equal(create().of(full), first);
        assert.equal(priority.of({ ...reversed, versions: { docs: 3, www: 12 } }), first);
      },
    },
    {
      title: "asks neither clock nor chance, which differ between hosts",
      check(create) {
        const priority = create();
        const first = priority.of(full);
        withStrangeWorld(() => assert.equal(priority.of(full), first));
      },
    },
    {
      title: "leaves the facts as they are",
      check(create) {
        const node = { ...full, versions: { ...full.versions } };
        create().of(node);
        assert.deepEqual(node, full);
        assertInRange(create().of(Object.freeze({ ...full, versions: Object.freeze({ ...full.versions }) })));
      },
    },
    {
      title: "orders leaders without losing or doubling one",
      check(create) {
        for (const source of sources) {
          for (const some of [[], leaders.slice(0, 1), leaders]) {
            const ordered = orderLeaders(create(), some, source);
            assert.equal(ordered.length, some.length);
            assert.deepEqual(new Set(ordered), new Set(some));
          }
        }
      },
    },
    {
      title: "orders leaders the same whatever order they come in",
      check(create) {
        for (const source of sources) {
          const ordered = orderLeaders(create(), leaders, source);
          for (let round = 0; round < 50; round += 1) {
            assert.deepEqual(orderLeaders(create(), shuffled(leaders, round), source), ordered);
          }
        }
      },
    },
    {
      title: "orders leaders that are as good by their ids",
      check(create) {
        const ids = ["10", "9", "B", "Z", "a", "b", "ä", "é"];
        for (const facts of [full, {}]) {
          const equals = ids.map((id) => ({ ...facts, id }));
          for (const source of sources) {
            const ordered = orderLeaders(create(), shuffled(equals, 1), source);
            assert.deepEqual(
              ordered.map(({ id }) => id),
              ids,
            );
          }
        }
      },
    },
    {
      title: "orders the same leaders the same: from another instance, later, on another host",
      check(create) {
        const priority = create();
        const first = orderLeaders(priority, leaders, full);
        orderLeaders(priority, leaders, { id: "far", location: "us" });
        assert.deepEqual(orderLeaders(priority, leaders, full), first);
        assert.deepEqual(orderLeaders(create(), leaders, full), first);
        withStrangeWorld(() => assert.deepEqual(orderLeaders(priority, leaders, full), first));
      },
    },
    {
      title: "leaves the leaders and their list as they are",
      check(create) {
        const given = leaders.map((leader) => Object.freeze({ ...leader }));
        orderLeaders(create(), Object.freeze(given), Object.freeze({ ...full }));
        assert.deepEqual(given, leaders);
      },
    },
  ],
};

/** Holds a priority to its contract: `testPriority("mine", () => recordingHost(plugin).priorities.get("mine"))`. */
export function testPriority(name: string, create: () => Priority): void {
  runKit(priorityKit, name, create);
}

function assertInRange(priority: number): void {
  assert.ok(Number.isInteger(priority) && priority >= 0 && priority <= priorityMax, `${priority}`);
}

function shuffled<Item>(items: readonly Item[], round: number): Item[] {
  const keys = new Map(items.map((item, index) => [item, mix(round, 0, index)]));
  return items.toSorted((a, b) => (keys.get(a) ?? 0) - (keys.get(b) ?? 0));
}

/** Runs `action` in another year and with another chance. */
function withStrangeWorld(action: () => void): void {
  const { now } = Date;
  const { random } = Math;
  const performanceNow = performance.now;
  Date.now = () => now() + 1e12;
  Math.random = () => (random() + 0.5) % 1;
  performance.now = () => performanceNow.call(performance) + 1e9;
  try {
    action();
  } finally {
    Date.now = now;
    Math.random = random;
    performance.now = performanceNow;
  }
}
