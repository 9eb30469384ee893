import { SegmentMember } from "../../../../core/protocol/segment/member.ts";
import type { SegmentMemberOptions } from "../../../../core/protocol/segment/member.ts";
import type { SegmentEffect, SegmentEvent, SegmentMemory } from "../../../../core/protocol/segment/events.ts";
import { segmentTimings } from "../../../../core/protocol/segment/timings.ts";
import { placeOf } from "../../../../sdk/testkit/sim/world/lan.ts";
import type { SimMachine } from "../../../../sdk/testkit/sim/world/machine-in-world.ts";
import { Agreement } from "./agreement.ts";
import { registrationChecker } from "./registered.ts";
import { tenureChecker } from "./tenures.ts";
import { channelOf } from "./world.ts";
import type { SegmentProtocol } from "./world.ts";

/** Makes the machine under test. */
export type CreateMember = (options: SegmentMemberOptions) => SimMachine<SegmentEvent, SegmentEffect>;

/** The segment's protocol with all that should be true of it. */
export function segmentProtocol(create: CreateMember = (options) => new SegmentMember(options)): SegmentProtocol {
  return {
    start: ({ name, at, settings }, memory, seed) => {
      const { priority, eligible, timings, knows } = settings;
      return create({
        ...{ id: name, name, at, priority, eligible, channel: channelOf(1), timings: segmentTimings[timings], seed },
        acquaintances: knows.map((node) => ({ id: `n${node}`, at: placeOf(node) })),
        ...(memory === undefined ? {} : { memory: memory as SegmentMemory }),
      }) as SimMachine<SegmentEvent, SegmentEffect>;
    },
    checkers: (world, run) => [tenureChecker(world), new Agreement(world, run), registrationChecker(world, run)],
  };
}
