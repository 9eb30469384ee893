import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Rollout } from "../../../core/protocol/rollout.ts";
import type { RolloutEvent } from "../../../core/protocol/rollout.ts";
import { conversations } from "./rollout-conversations.ts";
import { loadMutant, mutants } from "./rollout-mutants.ts";
import { createRollout, play, usualPolicy } from "./rollout-script.ts";
import type { CreateRollout } from "./rollout-script.ts";
import { findViolation } from "./rollout-simulation.ts";

const goldenFile = (name: string) => join(import.meta.dirname, "golden", `${name}.txt`);

describe("the conversations of a rollout", () => {
  it.for(Object.entries(conversations))("%s goes as it is written down", async ([name, script]) => {
    await expect(play(script)).toMatchFileSnapshot(goldenFile(name));
  });
});

/** A machine for nodes a, b and c that has been handed these events, and what it did last. */
function after(lines: readonly string[], policy = ""): { readonly last: string; readonly trace: string } {
  const trace = play(["nodes a b c", `policy ${policy}`, ...lines].join("\n"));
  return { trace, last: trace.slice(trace.lastIndexOf(lines.at(-1) ?? "")) };
}

const gathering = ["0 start a b c"];
const preparing = [...gathering, "10 able a b c"];
const prepared = [...preparing, "20 prepared a b c"];
const switching = [...prepared, "30 ordered"];

describe("a rollout", () => {
  it.for([
    ["gathering", gathering, "manual", "10 able a b c", "record preparing"],
    ["gathering", ["0 start a b", "10 able a b"], "manual", "1000 wake", "record preparing"],
    ["gathering", ["0 start a"], "manual", "5 failed a: full", "note a failed: full"],
    ["gathering", ["0 start"], "manual", "1000 wake", "end deferred"],
    ["gathering", gathering, "manual", "5 aborted: x", "end cancelled: x"],
    ["preparing", preparing, "manual", "20 prepared a b c", "record holding"],
    ["preparing", preparing, "auto", "20 prepared a b c", "record ordering"],
    ["preparing", [...preparing, "20 prepared a b"], "auto", "10010 wake", "record ordering"],
    ["preparing", [...preparing, "20 prepared a b"], "auto", "30 failed c: full", "record ordering"],
    ["preparing", [...preparing, "20 prepared a"], "auto", "10010 wake", "note b failed: was not prepared in time"],
    ["preparing", [...preparing, "20 failed a: full"], "auto", "30 failed b: full", "end deferred"],
    ["preparing", preparing, "auto", "20 aborted: x", "end cancelled: x"],
    ["holding", prepared, "manual", "30 approved", "record ordering"],
    ["holding", prepared, "manual", "100020 wake", "end cancelled: nobody said commit in time"],
    ["holding", [...prepared, "30 failed a: full", "40 failed b: full"], "manual", "50 approved", "end deferred"],
    ["holding", prepared, "manual", "30 aborted: x", "end cancelled: x"],
    ["ordering", prepared, "auto", "30 ordered", "record switching"],
    ["ordering", prepared, "auto", "30 refused: no", "end failed: no"],
    ["switching", switching, "auto", "40 switched a b c", "end done: 3 of 3 nodes switched"],
    ["switching", [...switching, "40 switched a b"], "auto", "2030 wake", "end done: 2 of 3 nodes switched, 1 failed"],
    ["switching", [...switching, "40 switched a"], "auto", "2030 wake", "end failed: only 1 of 3 nodes switched"],
    ["switching", [...switching, "40 switched a b"], "auto", "50 failed c: full", "end done: 2 of 3"],
  ] as const)("that is %s after %j (commit %s) answers '%s' with '%s'", ([, lines, commit, event, expected]) => {
    expect(after([...lines, event], `commit=${commit}`).last).toContain(expected);
  });

  it.for([
    ["able", "gathering"],
    ["prepared", "preparing"],
    ["switched", "switching"],
  ] as const)("takes '%s' from nobody before it is %s", ([answer]) => {
    const early = { able: [], prepared: gathering, switched: prepared }[answer];
    const { last } = after([...early, `15 ${answer} a`]);
    expect(last).not.toContain("note");
  });

  it("never throws, whatever comes, in whatever phase", () => {
    const events: RolloutEvent[] = [
      { type: "start", connected: ["a", "nobody"] },
      ...(["connected", "disconnected", "able", "prepared", "switched"] as const).flatMap((type) => [
        { type, node: "a" },
        { type, node: "nobody" },
      ]),
      { type: "failed", node: "nobody", reason: "" },
      ...(["approved", "ordered"] as const).map((type) => ({ type })),
      ...(["refused", "aborted"] as const).map((type) => ({ type, reason: "x" })),
    ];
    for (const first of events) {
      for (const second of events) {
        const machine = new Rollout(["a", "b"], usualPolicy, true);
        for (const event of [first, second]) expect(machine.handle(event, 0)).toBeInstanceOf(Array);
      }
    }
  });

  it("says the same again when it is told the same again", () => {
    for (const script of Object.values(conversations)) expect(play(script)).toBe(play(script));
  });
});

const replayed = process.env["ROLLOUT_SEED"];
const seeds = replayed === undefined ? Array.from({ length: 10_000 }, (_, seed) => seed) : [Number(replayed)];

describe("thousands of rollouts with nodes that fail, come and go, and answer late, twice or never", () => {
  it("order commits only with a quorum, end once and in time, and account for every node", () => {
    expect(findViolation(seeds)).toBeUndefined();
  });

  it("go the same way for the same seed", () => {
    const wrong: CreateRollout = (...options) => Object.assign(createRollout(...options), { stages: () => new Map() });
    expect(findViolation([7], wrong)).toBe(findViolation([7], wrong));
    expect(findViolation([7], wrong)).toContain("replay: ROLLOUT_SEED=7");
  });
});

describe("a wrong rollout", () => {
  it.for(Object.entries(mutants))("that %s is noticed", async ([, change]) => {
    const create = await loadMutant(change);
    const differs = Object.entries(conversations).find(([name, script]) => {
      return play(script, create) !== readFileSync(goldenFile(name), "utf8");
    });
    expect(findViolation(seeds.slice(0, 3_000), create) ?? differs?.[0]).toBeDefined();
  });
});
