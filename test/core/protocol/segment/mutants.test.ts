import { describe, expect, it } from "vitest";
import { SegmentMember } from "../../../../core/protocol/segment/member.ts";
import { simulate } from "../../../../sdk/testkit/sim/world/simulate.ts";
import { loadMutant, mutants } from "./mutants.ts";
import * as promises from "./promises.ts";
import type { CreateMember } from "./protocol.ts";
import { segmentProtocol } from "./protocol.ts";
import { drawRun } from "./runs.ts";

/** So many runs must be enough. */
const seeds = 200;

/** What a wrong machine breaks: promises that are put to the test one by one, or others in a swarm. */
function broken(create: CreateMember): string | undefined {
  const promised =
    promises.theBestLeads(20, create) ??
    promises.aDeafMemberIsAlone(5, "everything", create) ??
    promises.aDeafLeaderIsReplaced(5, create) ??
    promises.aDeadClaimIsNotAwaited(create) ??
    promises.aMoveIsFollowed(5, create) ??
    promises.aNewEpochIsTold(5, create);
  if (promised !== undefined) return promised;
  const protocol = segmentProtocol(create);
  for (let seed = 0; seed < seeds; seed += 1) {
    const { violation } = simulate(drawRun(seed), protocol);
    if (violation !== undefined) return violation.message;
  }
  return undefined;
}

/** So that it is the mutants that are noticed, and not something else. */
it("a right member of a segment breaks nothing", () => {
  expect(broken((options) => new SegmentMember(options))).toBeUndefined();
});

describe("a wrong member of a segment", () => {
  it.for(Object.entries(mutants))("that %s is noticed", async ([, mutant]) => {
    expect(broken(await loadMutant(mutant))).toBeDefined();
  });
});
