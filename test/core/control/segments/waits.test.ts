import { describe, expect, it } from "vitest";
import { timingsOf } from "../../../../core/control/segments/waits.ts";
import { segmentTimings } from "../../../../core/protocol/segment/timings.ts";

describe("the timings of a segment", () => {
  it("are those of a name", () => {
    expect(timingsOf({ timings: "usual" })).toEqual(segmentTimings.usual);
    expect(timingsOf({ timings: "fast", waits: {} })).toEqual(segmentTimings.fast);
  });

  it("can differ one by one", () => {
    const waits = { period: "1s", missed: 4, liveness: "fixed", vote: "2s", report: "100ms" } as const;
    const changed = { periodMs: 1_000, missedPeriods: 4, liveness: "fixed", voteMs: [2_000, 2_000] };
    expect(timingsOf({ timings: "fast", waits })).toEqual({ ...segmentTimings.fast, ...changed, reportMs: [100, 500] });
  });

  it("are never nothing, nor more than an hour", () => {
    const { answerMs, distrustMs } = timingsOf({ timings: "fast", waits: { answer: "0s", distrust: "3d" } });
    expect([answerMs, distrustMs]).toEqual([1, 3_600_000]);
  });
});
