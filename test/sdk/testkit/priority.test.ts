import { describe, expect, it } from "vitest";
import type { NodeFacts, Priority } from "distributary/sdk";
import { failedCases, priorityKit } from "distributary/testkit";

const rankOf = ({ rank = 0 }: NodeFacts) =>
  typeof rank === "number" && !Number.isNaN(rank) ? 500 + Math.trunc(Math.min(Math.max(rank, -500), 500)) : 500;
const good = (): Priority => ({ of: rankOf });
let calls = 0;

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
};

describe("the priority kit", () => {
  for (const [name, { create, fails }] of Object.entries(saboteurs)) {
    it(`rejects one that ${name}`, async () => {
      expect(await failedCases(priorityKit, create)).toContain(fails);
    });
  }

  it("passes one that is right", async () => {
    expect(await failedCases(priorityKit, good)).toEqual([]);
  });
});
