import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readRun } from "../../../../sdk/testkit/sim/world/run-file.ts";
import { simulate } from "../../../../sdk/testkit/sim/world/simulate.ts";
import { failuresOf, runBatch } from "./batch.ts";
import { mctpProtocol } from "./protocol.ts";
import type { MctpEvent, MemberSettings } from "./world.ts";

/** A thread that is busy for a minute is taken for dead. */
const parts = 9;
const runsPerPart = 1_000;

describe("deliveries to 1 to 64 members, with 10 to 60 faults at a time,", () => {
  let faultCount = 0;

  it.for(Array.from({ length: parts }, (_, part) => part))(
    "reach everybody or name them, bring no wrong byte, and end (M1, M2, M3, M6), part %i",
    { timeout: 120_000 },
    (part) => {
      const result = runBatch(part * runsPerPart, runsPerPart);
      expect(failuresOf(result)).toEqual([]);
      faultCount += result.faults;
      const { runs, faults, steps } = result;
      console.log(`part ${part}: ${runs} runs, ${faults} faults, ${steps} steps`);
    },
  );

  it("suffered enough", () => expect(faultCount).toBeGreaterThan(300_000));

  const folder = join(import.meta.dirname, "failures");
  it.for(readdirSync(folder))("do so too where they once did not: %s", (name) => {
    const run = readRun<MemberSettings, MctpEvent>(readFileSync(join(folder, name), "utf8"));
    expect(simulate(run, mctpProtocol()).violation?.message).toBeUndefined();
  });
});
