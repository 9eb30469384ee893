import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { feedOnce, fuzz } from "./fuzz.ts";
import { regressionsOf } from "./regressions.ts";
import { targets } from "./targets/index.ts";

const usualCases = 100_000;

describe.each(targets)("$name", (target) => {
  const { name, testCases = usualCases, answers = "both" } = target;
  const regressions = regressionsOf(name);

  if (regressions.length > 0) {
    it("still takes or refuses what once showed a fault", { timeout: 60_000 }, async () => {
      const subject = await target.open();
      try {
        for (const { why, input } of regressions) {
          await feedOnce(target, subject, input).catch((error: Error) => expect.unreachable(`${why}: ${error.stack}`));
        }
      } finally {
        await subject.close?.();
      }
    });
  }

  it(`takes or refuses ${testCases} changed inputs, each at once`, { timeout: 600_000 }, async () => {
    const { accepted, refused } = await fuzz(target, { cases: testCases });
    const few = testCases / 500;
    // Otherwise the changes go too far to reach anything, or not far enough.
    if (answers !== "all refused") expect(accepted).toBeGreaterThan(few);
    if (answers !== "all taken") expect(refused).toBeGreaterThan(few);
  });
});

it("has a target for each file of regressions, and each target a name of its own", () => {
  const names = targets.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
  const files = readdirSync(join(import.meta.dirname, "regressions"));
  expect(files.filter((file) => !names.includes(file.replace(/\.json$/, "")))).toEqual([]);
});
