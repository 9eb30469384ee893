import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { listFiles, root } from "../source-files.ts";

/** How many cases there are: each is what somebody would try, and what must happen then. */
const cases = Array.from({ length: 48 }, (_, index) => index + 1);

/** Cases, and parts of cases, of which there is nothing yet to be attacked. */
const notYet: { readonly whole: Readonly<Record<number, string>>; readonly part: Readonly<Record<number, string>> } = {
  whole: {},
  part: {
    21: "no signed word of control says what the newest is",
    29: "a node's policy says nothing about permissions up to 0777",
    38: "two boots; machines that were copied while they ran have the same one",
    43: "nobody is told where to fetch from; names and redirects are all that control can send",
    44: "tokens are for all sites; there are no sessions and no cookies",
    47: "plugins run with the rights of their role: one that never gives the thread back stops it; they are not signed",
    48: "agents witness no audit, and no site needs two keys",
  },
};

/** Numbers in titles of tests, with the files they stand in. */
function titled(): Map<number, Set<string>> {
  const found = new Map<number, Set<string>>();
  for (const path of listFiles("test/**/*.test.ts")) {
    const text = readFileSync(join(root, path), "utf8");
    for (const [, number] of text.matchAll(/\(\s*["'`]SEC-(\d+): /g)) {
      const files = found.get(Number(number)) ?? new Set<string>();
      found.set(Number(number), files.add(path));
    }
  }
  return found;
}

it("every case has a test that begins with its number, but for those of what is not there yet", () => {
  const found = titled();
  expect(cases.filter((number) => !found.has(number) && !(number in notYet.whole))).toEqual([]);
  expect([...found.keys()].filter((number) => !cases.includes(number) || number in notYet.whole)).toEqual([]);
});

it("what is not there yet is said of cases there are, and once", () => {
  const numbers = [...Object.keys(notYet.whole), ...Object.keys(notYet.part)].map(Number);
  expect(numbers.filter((number) => !cases.includes(number))).toEqual([]);
  expect(new Set(numbers).size).toBe(numbers.length);
});
