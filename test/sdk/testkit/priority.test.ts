import { describe, expect, it } from "vitest";
import { bestFirst } from "distributary/sdk";
import type { NodeFacts, Priority } from "distributary/sdk";
import { SimRandom, failedCases, priorityKit } from "distributary/testkit";

const rankOf = ({ rank = 0 }: NodeFacts) =>
  typeof rank === "number" && !Number.isNaN(rank) ? 500 + Math.trunc(Math.min(Math.max(rank, -500), 500)) : 500;
const good = (): Priority => ({ of: rankOf });
/** A priority whose order is right but for what `change` does to it. */
const ordering = (change: (ordered: NodeFacts[], source: NodeFacts) => NodeFacts[]) => (): Priority => ({
  of: rankOf,
  order: (leaders, source) => change(bestFirst(leaders, rankOf), source),
});
const sorted = (compare: (a: NodeFacts, b: NodeFacts) => number) => (): Priority => ({
  of: rankOf,
  order: (leaders) => leaders.toSorted(compare),
});
let calls = 0;
/** The same throws in every run, so that chance never hides it. */
const dice = new SimRandom(1);

/** Wrong priorities, and a case that each must fail. */
const saboteurs: Record<string, { create: () => Priority; fails: string }> = {
  "gives a fraction": {
    create: () => ({ of: (node) => rankOf(node) + 0.5 }),
    fails: "gives a whole number, 0 … 2³¹ − 1",
  },
  "goes below zero": {
    create: () => ({ of: (node) => rankOf(node) - 501 }),
    fails: "gives a whole number, 0 … 2³¹ − 1",
  },
  "needs a fact": {
    create: () => ({ of: (node) => rankOf(node) + Math.trunc((node.cpuCount as number) / 100) }),
    fails: "does without any fact, and without all of them",
  },
  "takes any rank for a sensible one": {
    create: () => ({ of: ({ rank = 0 }) => 500 + rank }),
    fails: "stays in range whatever the facts are",
  },
  "overflows into negative numbers": {
    create: () => ({ of: (node) => rankOf(node) + ((node.cpuSpeed ?? 0) | 0) }),
    fails: "stays in range whatever the facts are",
  },
  "sums up all versions": {
    create: () => ({ of: ({ versions = {} }) => Object.values(versions).reduce((sum, version) => sum + version, 0) }),
    fails: "copes with very many sites",
  },
  "takes rank 1 for the best": {
    create: () => ({ of: (node) => 1_000 - rankOf(node) }),
    fails: "never falls when the rank rises, and rises in the end",
  },
  "does not look at the rank": {
    create: () => ({ of: ({ cpuCount = 0 }) => Math.trunc(Math.min(Math.max(Number(cpuCount) || 0, 0), 9)) }),
    fails: "never falls when the rank rises, and rises in the end",
  },
  "favours who asks first": {
    create: () => ({ of: (node) => rankOf(node) + calls++ }),
    fails: "gives the same facts the same number: from another instance, in another order, later",
  },
  "goes by the order of the facts": {
    create: () => ({ of: (node) => rankOf(node) + (Object.keys(node)[0]?.length ?? 0) }),
    fails: "gives the same facts the same number: from another instance, in another order, later",
  },
  "throws dice": {
    create: () => ({ of: (node) => rankOf(node) + Math.floor(Math.random() * 1_000_000) }),
    fails: "asks neither clock nor chance, which differ between hosts",
  },
  "goes by the time of day": {
    create: () => ({ of: (node) => rankOf(node) + (Math.floor(Date.now() / 1e11) % 100) }),
    fails: "asks neither clock nor chance, which differ between hosts",
  },
  "notes the result in the facts": {
    create: () => ({ of: (node) => Object.assign(node, { rank: rankOf(node) }).rank }),
    fails: "leaves the facts as they are",
  },
  "leaves out who is where the source is not": {
    create: ordering((leaders, { id }) => leaders.filter((leader) => leader.location !== "us" || id !== "far")),
    fails: "orders leaders without losing or doubling one",
  },
  "serves the best twice": {
    create: ordering((leaders) => [...leaders.slice(0, 1), ...leaders]),
    fails: "orders leaders without losing or doubling one",
  },
  "serves one twice and another never": {
    create: ordering((leaders) => [...leaders.slice(0, 1), ...leaders.slice(0, -1)]),
    fails: "orders leaders without losing or doubling one",
  },
  "serves leaders as they come": {
    create: () => ({ of: rankOf, order: (leaders) => [...leaders] }),
    fails: "orders leaders the same whatever order they come in",
  },
  "leaves equal leaders as they come": {
    create: sorted((a, b) => rankOf(b) - rankOf(a)),
    fails: "orders leaders the same whatever order they come in",
  },
  "subtracts facts that may be missing": {
    create: sorted((a, b) => (a.cpuCount as number) - (b.cpuCount as number) || (a.id < b.id ? -1 : 1)),
    fails: "orders leaders the same whatever order they come in",
  },
  "puts the greater id first": {
    create: sorted((a, b) => rankOf(b) - rankOf(a) || (a.id < b.id ? 1 : -1)),
    fails: "orders leaders that are as good by their ids",
  },
  "compares ids as the language of the host has it": {
    create: sorted((a, b) => rankOf(b) - rankOf(a) || a.id.localeCompare(b.id)),
    fails: "orders leaders that are as good by their ids",
  },
  "takes turns": {
    create: ordering((leaders) => [...leaders.slice(calls++ % 7), ...leaders.slice(0, (calls - 1) % 7)]),
    fails: "orders the same leaders the same: from another instance, later, on another host",
  },
  "serves in an order of dice": {
    create: () => ({
      of: rankOf,
      order(leaders) {
        const offset = dice.below(leaders.length);
        return bestFirst(leaders, ({ id }) => (id.length * 31 + offset) % 7);
      },
    }),
    fails: "orders the same leaders the same: from another instance, later, on another host",
  },
  "sorts the list it was given": {
    create: () => ({ of: rankOf, order: (leaders) => (leaders as NodeFacts[]).sort((a, b) => (a.id < b.id ? -1 : 1)) }),
    fails: "leaves the leaders and their list as they are",
  },
  "notes the place in the leaders": {
    create: ordering((leaders) => leaders.map((leader, rank) => Object.assign(leader, { rank }))),
    fails: "leaves the leaders and their list as they are",
  },
};

describe("the priority kit", () => {
  for (const [name, { create, fails }] of Object.entries(saboteurs)) {
    it(`rejects one that ${name}`, async () => {
      expect(await failedCases(priorityKit, create)).toContain(fails);
    });
  }

  it("passes one that is right, with an order of its own or without", async () => {
    expect(await failedCases(priorityKit, good)).toEqual([]);
    expect(
      await failedCases(
        priorityKit,
        ordering((leaders) => leaders),
      ),
    ).toEqual([]);
  });
});
