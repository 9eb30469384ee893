import type { Draws } from "./draws.ts";
import type { Roster } from "./roster.ts";
import type { SegmentMemory } from "./events.ts";
import type { Endpoint } from "./messages.ts";
import type { SegmentOutbox } from "./outbox.ts";
import type { SegmentTimings } from "./timings.ts";

/** What the parts of one member share: who it is, whom it knows, and how it speaks. */
export interface SegmentSelf {
  readonly id: string;
  readonly name: string;
  readonly at: Endpoint;
  readonly timings: SegmentTimings;
  readonly roster: Roster;
  readonly draws: Draws;
  readonly outbox: SegmentOutbox;
  priority: number;
  eligible: boolean;
  readonly memory: SegmentMemory;
  /** Has it stored before anything that is said later leaves. */
  remember(change: Partial<SegmentMemory>): void;
}
