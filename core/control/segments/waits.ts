import type { Segment } from "../../../config/schema.ts";
import { parseDuration } from "../../../config/units.ts";
import { segmentTimings } from "../../protocol/segment/timings.ts";
import type { SegmentTimings } from "../../protocol/segment/timings.ts";

const longestMs = 60 * 60 * 1_000;
/** Members that say more than that are taken for a flood. */
const shortestPeriodMs = 50;

/** The timings a segment is declared with: those of a name, with single waits in place of some; an hour at most. */
export function timingsOf({ timings, waits = {} }: Pick<Segment, "timings" | "waits">): SegmentTimings {
  const base: SegmentTimings = segmentTimings[timings];
  const ms = (text: string | undefined, otherwise: number) =>
    text === undefined ? otherwise : Math.min(longestMs, Math.max(1, parseDuration(text)));
  const span = ([least, most]: readonly [number, number], from?: string, to?: string) => {
    const first = ms(from, least);
    return [first, Math.max(first, ms(to, most))] as const;
  };
  return {
    periodMs: Math.max(shortestPeriodMs, ms(waits.period, base.periodMs)),
    missedPeriods: waits.missed ?? base.missedPeriods,
    liveness: waits.liveness ?? base.liveness,
    answerMs: ms(waits.answer, base.answerMs),
    claimMs: span(base.claimMs, waits.claim, waits.claimMost),
    voteMs: span(base.voteMs, waits.vote, waits.voteMost),
    registerMs: ms(waits.register, base.registerMs),
    reportMs: span(base.reportMs, waits.report, waits.reportMost),
    distrustMs: ms(waits.distrust, base.distrustMs),
  };
}
