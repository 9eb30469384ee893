import type { Millis } from "distributary/sdk";

/** The waits of a segment, all in milliseconds. Where there are two, a moment between them is drawn. */
export interface SegmentTimings {
  /** Between two `alive` of a leader, and two `here` of a member. */
  readonly periodMs: Millis;
  /** The fewest periods without a leader after which it counts as lost. */
  readonly missedPeriods: number;
  /** Whether more may be missed where loss was measured (`liveness.ts`), or always just `missedPeriods`. */
  readonly liveness: "fixed" | "adaptive";
  /** What an answer to a question of one member to another may take. */
  readonly answerMs: Millis;
  /** From losing the leader to claiming: the least for the strongest claim. */
  readonly claimMs: readonly [least: Millis, most: Millis];
  /** From claiming to leading, if nothing better is heard. */
  readonly voteMs: readonly [least: Millis, most: Millis];
  /** Before a member registers, or registers again. */
  readonly registerMs: Millis;
  /** From the last registration to the report. */
  readonly reportMs: readonly [least: Millis, most: Millis];
  /** For so long a member disregards a leader that does not hear it. */
  readonly distrustMs: Millis;
}

/** The timings of the protocol's source (EL-1, EL-5), and ones for a quiet LAN where seconds count. */
export const segmentTimings = {
  usual: {
    periodMs: 5_000,
    missedPeriods: 3,
    liveness: "adaptive",
    answerMs: 1_000,
    claimMs: [5_000, 10_000],
    voteMs: [10_000, 15_000],
    registerMs: 1_000,
    reportMs: [3_000, 5_000],
    distrustMs: 60_000,
  },
  fast: {
    periodMs: 500,
    missedPeriods: 3,
    liveness: "adaptive",
    answerMs: 200,
    claimMs: [100, 500],
    voteMs: [600, 900],
    registerMs: 300,
    reportMs: [300, 500],
    distrustMs: 6_000,
  },
} as const satisfies Record<string, SegmentTimings>;

/** The name of a set of timings. */
export type TimingsName = keyof typeof segmentTimings;
