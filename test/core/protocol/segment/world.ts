import type { SegmentEffect, SegmentEvent } from "../../../../core/protocol/segment/events.ts";
import type { Channel } from "../../../../core/protocol/segment/messages.ts";
import type { TimingsName } from "../../../../core/protocol/segment/timings.ts";
import type { RunFile } from "../../../../sdk/testkit/sim/world/run-file.ts";
import type { Protocol } from "../../../../sdk/testkit/sim/world/simulate.ts";
import type { World } from "../../../../sdk/testkit/sim/world/world.ts";

/** A member of a simulated segment. */
export interface MemberSettings {
  readonly priority: number;
  readonly eligible: boolean;
  readonly timings: TimingsName;
  /** The nodes that control told it of. */
  readonly knows: readonly number[];
}

export type SegmentRun = RunFile<MemberSettings, SegmentEvent>;
export type SegmentWorld = World<MemberSettings, SegmentEvent, SegmentEffect>;
export type SegmentProtocol = Protocol<MemberSettings, SegmentEvent, SegmentEffect>;
/** Where a segment's channel of this number is. */
export function channelOf(number: number): Channel {
  return { number, group: `239.192.0.${number}`, port: 7_400 };
}
