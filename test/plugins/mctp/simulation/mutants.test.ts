import { describe, expect, it } from "vitest";
import { simulate } from "../../../../sdk/testkit/sim/world/simulate.ts";
import { machines } from "./machines.ts";
import type { Machines } from "./machines.ts";
import { loadMutant, mutants } from "./mutants.ts";
import * as promises from "./promises.ts";
import { mctpProtocol } from "./protocol.ts";
import { drawRun } from "./runs.ts";

/** So many runs must be enough. */
const seeds = 200;

/** What wrong machines break: promises that are put to the test one by one, or others in a swarm. */
function broken(under: Machines): string | undefined {
  const promised =
    promises.theEndIsTold(under) ??
    promises.whatAllHaveIsNotSent(under) ??
    promises.aQuorumEndsIt(under) ??
    promises.littleIsSentTwice(under) ??
    promises.allHaveEverything(under) ??
    promises.whatIsForgedComesAgain(under) ??
    promises.aDeadLeaderIsNoticed(under) ??
    promises.itWaits(under) ??
    promises.itEnds(under) ??
    promises.reportsAreFew(300, 262_144, under);
  return promised ?? brokenInSwarm(under) ?? promises.oneCostsTheOthersLittle(under);
}

function brokenInSwarm(under: Machines): string | undefined {
  const protocol = mctpProtocol(under);
  for (let seed = 0; seed < seeds; seed += 1) {
    const { violation } = simulate(drawRun(seed), protocol);
    if (violation !== undefined) return violation.message;
  }
  return undefined;
}

/** So that it is the mutants that are noticed, and not something else. */
it("right machines break nothing", () => expect(broken(machines)).toBeUndefined());

describe("a machine", () => {
  it.for(Object.entries(mutants))("that %s is noticed", async ([, mutant]) => {
    expect(broken(await loadMutant(mutant))).toBeDefined();
  });
});
