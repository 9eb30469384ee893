import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { SegmentEvent } from "../../../../core/protocol/segment/events.ts";
import { readRun, writeRun } from "../../../../sdk/testkit/sim/world/run-file.ts";
import { simulate } from "../../../../sdk/testkit/sim/world/simulate.ts";
import type { Batch, BatchResult } from "./batch.ts";
import { batchesOf, runBatches } from "./farm.ts";
import { segmentProtocol } from "./protocol.ts";
import type { MemberSettings } from "./world.ts";

const minutes = 60_000;
const years = (ms: number) => ms / (365.25 * 24 * 60 * minutes);

/** What went wrong, with the run that shows it, to be put into `failures` with the bug's fix. */
function failuresOf({ failures }: BatchResult): string[] {
  return failures.map(({ seed, message, least }) => {
    return `seed ${seed}: ${message}\nreplay: node test/core/protocol/segment/replay.ts ${seed} --trace\n${writeRun(least)}`;
  });
}

async function runAll(kind: Batch["kind"], runs: number, size: number): Promise<BatchResult> {
  const began = performance.now();
  const total = await runBatches(batchesOf(kind, 0, runs, size));
  const { faults, steps, simulatedMs } = total;
  const seconds = Math.round((performance.now() - began) / 1_000);
  const amount = `${total.runs} runs, ${faults} faults, ${steps} steps, ${years(simulatedMs).toFixed(2)} years`;
  console.log(`${kind}: ${amount} in ${seconds} s`);
  return total;
}

describe("segments of one to twelve members, with 40 to 200 faults at a time,", () => {
  it("keep what they promise, and come to rest under one leader", { timeout: 10 * minutes }, async () => {
    const total = await runAll("swarm", 9_000, 50);
    expect(failuresOf(total)).toEqual([]);
    expect(total.faults).toBeGreaterThan(1_000_000);
  });

  const folder = join(import.meta.dirname, "failures");
  const kept = existsSync(folder) ? readdirSync(folder) : [];
  it("do so too where they once did not", () => {
    const protocol = segmentProtocol();
    for (const name of kept) {
      const run = readRun<MemberSettings, SegmentEvent>(readFileSync(join(folder, name), "utf8"));
      expect(simulate(run, protocol).violation?.message, name).toBeUndefined();
    }
  });
});

describe("segments of three to five members, at rest for years,", () => {
  it("keep their leader while up to 1 % gets lost (E3)", { timeout: 15 * minutes }, async () => {
    const total = await runAll("quiet", 245, 1);
    expect(failuresOf(total)).toEqual([]);
    expect(years(total.simulatedMs)).toBeGreaterThan(20);
  });
});
