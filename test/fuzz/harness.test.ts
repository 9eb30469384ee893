import { describe, expect, it } from "vitest";
import { failure } from "../../sdk/index.ts";
import { defineTarget, failsWith, fuzz } from "./fuzz.ts";
import { inputText, readInput } from "./input-text.ts";

/** A parser that is good but for case 700. */
function saboteur(name: string, fault: () => unknown) {
  let number = -1;
  return defineTarget({
    name,
    isRefusal: failsWith("DIST_ERR_PATH_INVALID"),
    open: () => ({ make: () => (number += 1), feed: (input) => (input === 700 ? fault() : undefined) }),
  });
}

describe("a fault is found", () => {
  function work(ms: number): void {
    const { user, system } = process.threadCpuUsage();
    const spent = () => process.threadCpuUsage({ user, system });
    while ((spent().user + spent().system) / 1000 < ms);
  }
  const codeOf = (error: object) => () => Promise.reject(error as Error);

  it.each<[string, () => unknown, string]>([
    ["an error of JavaScript's", () => (undefined as unknown as { x: number }).x, "TypeError"],
    [
      "a failure with a code that is not of the parser",
      codeOf(failure("DIST_ERR_NODE_UNKNOWN", { node: "x" })),
      "DIST_ERR",
    ],
    [
      "an error with a code of the system",
      codeOf(Object.assign(new Error("no file"), { code: "ENOENT" })),
      "ENOENT: Error: no file",
    ],
    ["work for longer than 100 ms", () => work(110), "of them work"],
    ["waiting for longer than 2 s", () => new Promise((resolve) => setTimeout(resolve, 2_100)), "of them work"],
  ])("%s", { timeout: 60_000 }, async (name, fault, text) => {
    const failed = fuzz(saboteur(name, fault), { cases: 1_100 });
    await expect(failed).rejects.toThrow(text);
    await expect(failed).rejects.toThrow(/replay: npm run fuzz -- 1 /);
  });

  it("memory that grows", async () => {
    const held: unknown[] = [];
    const hoarder = defineTarget({
      name: "hoarder",
      isRefusal: () => false,
      open: () => ({ make: () => 0, feed: () => held.push(Buffer.alloc(1 << 18, 1)) }),
    });
    await expect(fuzz(hoarder, { cases: 1_000, mostBytes: 64 << 20 })).rejects.toThrow(/has grown by \d+ MiB/);
  });

  it("but not in what is slow once, or refused as it should be", async () => {
    let calls = 0;
    const slowOnce = () => ((calls += 1) === 1 ? work(110) : undefined);
    await expect(fuzz(saboteur("slow once", slowOnce), { cases: 1_000 })).resolves.toMatchObject({ accepted: 1_000 });
    const refuse = codeOf(failure("DIST_ERR_PATH_INVALID", { path: "x", reason: "y" }));
    await expect(fuzz(saboteur("refused", refuse), { cases: 1_000 })).resolves.toMatchObject({
      accepted: 999,
      refused: 1,
    });
  });
});

it("an input comes back from its text", () => {
  const input = {
    bytes: [Buffer.of(0, 255), Buffer.from("é")],
    numbers: [NaN, Infinity, -0, 1.5],
    text: "\udcff\0",
    nothing: null,
  };
  expect(readInput(JSON.parse(inputText(input)))).toEqual(input);
});
