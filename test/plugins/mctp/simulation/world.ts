import type { Announced } from "../../../../plugins/mctp/wire/messages.ts";
import type { Word } from "../../../../plugins/mctp/wire/datagram.ts";
import type { Extent } from "../../../../plugins/mctp/geometry.ts";
import type { Repair } from "../../../../plugins/mctp/wire/messages.ts";
import type { RateLimits } from "../../../../plugins/mctp/send/rate.ts";
import type { Millis } from "../../../../sdk/machine.ts";
import type { Delivered } from "../../../../sdk/transport.ts";
import type { WorldEffect, WorldEvent } from "../../../../sdk/testkit/sim/world/machine-in-world.ts";
import type { RunFile } from "../../../../sdk/testkit/sim/world/run-file.ts";
import type { Protocol } from "../../../../sdk/testkit/sim/world/simulate.ts";
import type { World } from "../../../../sdk/testkit/sim/world/world.ts";

/** A member of a simulated segment. */
export interface MemberSettings {
  /** Of blocks that are not whole, and of pieces that are not, in frames and pieces. */
  readonly mostOpen: number;
  readonly mostPartial: number;
  /** To so many of 1,000 frames it answers with one that it made up, and that carries the right tag. */
  readonly forgesPermille?: number;
  /** What it says goes through the codec. */
  readonly encodes?: true;
}

/** A node is to bring pieces to others; what it has not itself comes to it from elsewhere, a piece every `fillMs`. */
export interface Deliver {
  readonly type: "deliver";
  readonly assignment: number;
  readonly extent: Extent;
  readonly mostFrameBytes: number;
  readonly members: readonly number[];
  readonly quorum?: number;
  readonly repair: Repair;
  readonly limits: RateLimits;
  readonly fillMs: Millis;
  /** How its announcements go to the others. */
  readonly announces: "multicast" | "unicast";
}

/** What is done to a node. */
export type MctpEvent =
  | Deliver
  /** It has these pieces. */
  | { readonly type: "hold"; readonly assignment: number; readonly from: number; readonly to: number }
  /** So much of what it sends waits in its process. */
  | { readonly type: "backlog"; readonly bytes: number }
  | { readonly type: "limit"; readonly bytesPerSecond: number };

/** A frame stands for its bytes by their origin: 0 is what the leader would send, anything else was made up. */
export interface Frame {
  readonly type: "frame";
  readonly session: number;
  readonly block: number;
  readonly index: number;
  readonly pass: number;
  /** Its last 24 bits. */
  readonly emission: number;
  readonly content: number;
}

export type MctpMessage =
  | { readonly type: "announcement"; readonly sessions: readonly Announced[] }
  | Frame
  | { readonly type: "word"; readonly session: number; readonly word: Word }
  /** Any of them as it travels. */
  | { readonly type: "bytes"; readonly bytes: Uint8Array };

/** Which pieces of each assignment a node has: what it stores. */
export type Pieces = ReadonlyMap<number, Uint8Array>;

/** What the world is shown besides. */
export type Fact =
  | { readonly what: "delivers"; readonly session: number; readonly deliver: Deliver; readonly reportMs: Millis }
  | { readonly what: "delivered"; readonly session: number; readonly deliver: Deliver; readonly delivered: Delivered }
  | { readonly what: "takes"; readonly session: number; readonly assignment: number; readonly extent: Extent }
  | { readonly what: "complete"; readonly session: number; readonly assignment: number; readonly extent: Extent }
  | { readonly what: "ended"; readonly session: number; readonly reason: string | undefined };

export type MctpEffect = WorldEffect<MctpMessage, Pieces> | { readonly type: "tell"; readonly fact: Fact };
export type MctpRun = RunFile<MemberSettings, MctpEvent>;
export type MctpWorld = World<MemberSettings, MctpEvent, MctpEffect>;
export type MctpProtocol = Protocol<MemberSettings, MctpEvent, MctpEffect>;
export type MctpWorldEvent = MctpEvent | WorldEvent<MctpMessage>;

/** Where leaders announce, and where frames go. */
export const announcements = { group: "239.192.0.1", port: 7_400 };
export const frames = { group: "239.192.0.2", port: 7_401 };
