import { describe, expect, it } from "vitest";
import { simulate } from "../../../sdk/testkit/sim/world/simulate.ts";
import { loadMutant, mutants } from "./segment-mutants.ts";
import * as promises from "./segment-promises.ts";
import type { CreateMember } from "./segment-protocol.ts";
import { segmentProtocol } from "./segment-protocol.ts";
import { drawRun } from "./segment-runs.ts";

/** So many runs must be enough. */
const seeds = 200;

/** What a wrong machine breaks first: by chance in a swarm, or a promise that is put to the test. */
function broken(create: CreateMember): string | undefined {
  const protocol = segmentProtocol(create);
  for (let seed = 0; seed < seeds; seed += 1) {
    const { violation } = simulate(drawRun(seed), protocol);
    if (violation !== undefined) return violation.message;
  }
  return (
    promises.theBestLeads(40, create) ??
    promises.aDeafMemberIsAlone(5, "everything", create) ??
    promises.aDeafLeaderIsReplaced(5, create) ??
    promises.aDeadClaimIsNotAwaited(create) ??
    promises.aMoveIsFollowed(5, create)
  );
}

describe("a wrong member of a segment", () => {
  it.for(Object.entries(mutants))("that %s is noticed", async ([, mutant]) => {
    expect(broken(await loadMutant(mutant))).toBeDefined();
  });
});
