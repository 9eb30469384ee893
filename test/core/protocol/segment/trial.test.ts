import { describe, expect, it } from "vitest";
import {
  aDeadClaimIsNotAwaited,
  aDeafLeaderIsReplaced,
  aDeafMemberIsAlone,
  aMoveIsFollowed,
  aNewEpochIsTold,
  aPauseIsSurvived,
  leadersMerge,
  reelections,
  theBestLeads,
  theDeadAreReported,
  theLeaderStays,
  theNextBestLeads,
} from "./promises.ts";

describe("a segment that begins", () => {
  it("is led by the best (E2)", () => expect(theBestLeads(200)).toBeUndefined());
});

describe("a segment whose leader dies", () => {
  it.for(["fast", "usual"] as const)(
    "is led by the best of the others in time, with %s timings (E1, E2)",
    (timings) => {
      for (const [count, seeds] of [
        [3, 40],
        [12, 40],
        [100, 15],
      ] as const)
        expect(theNextBestLeads(seeds, count, timings)).toBeUndefined();
    },
  );

  it.for([
    ["fast", 5_000],
    ["usual", 60_000],
  ] as const)("is led again at 30 % loss with 100 members, with %s timings within %i ms (E1)", ([timings, bound]) => {
    expect(Math.max(...reelections(30, 100, timings, 300))).toBeLessThanOrEqual(bound);
  });

  it("is led again when the next one dies as it claims (E1)", () => expect(aDeadClaimIsNotAwaited()).toBeUndefined());
});

describe("a segment with a leader", () => {
  it.for([10, 100, 300])("keeps it for hours at %i ‰ loss (E3)", (loss) => {
    expect(theLeaderStays(3, loss)).toBeUndefined();
  });

  it.for(["multicast", "everything"] as const)("keeps it when a member gets deaf to %s (E4)", (to) => {
    expect(aDeafMemberIsAlone(20, to)).toBeUndefined();
  });

  it("has another one when that gets deaf, for good (E4)", () => expect(aDeafLeaderIsReplaced(20)).toBeUndefined());

  it("agrees on one in time when that stood still (E5)", () => expect(aPauseIsSurvived(10)).toBeUndefined());

  it("that was two of them has one after two periods and few words (E6)", () =>
    expect(leadersMerge(30)).toBeUndefined());

  it("moves to another channel without losing anybody (E10)", () => expect(aMoveIsFollowed(20)).toBeUndefined());

  it("tells control at once of a newer epoch (R3)", () => expect(aNewEpochIsTold(20)).toBeUndefined());

  it("knows of its dead, and tells control, in time (R2)", () => expect(theDeadAreReported(20)).toBeUndefined());
});
