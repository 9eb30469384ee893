import type { Delivered } from "distributary/sdk";
import type { FrameRun, Poll, Report } from "../wire/messages.ts";

/** What happens to a session at its sender. */
export type SenderEvent =
  | { readonly type: "start" }
  /** The bytes of these blocks are there. */
  | { readonly type: "ready"; readonly from: number; readonly to: number }
  | { readonly type: "report"; readonly report: Report }
  /** So much of what was sent waits in this process, because the system takes no more. */
  | { readonly type: "backlog"; readonly bytes: number }
  /** What the policy allows at this moment, in bytes a second on the wire. */
  | { readonly type: "limit"; readonly bytesPerSecond: number };

/** What a session's sender does, in this order. */
export type SenderEffect =
  | ({ readonly type: "frames" } & FrameRun)
  | ({ readonly type: "poll" } & Poll)
  /** The session goes on without this member. */
  | { readonly type: "dismiss"; readonly member: string; readonly reason: string }
  /** Nothing more comes. */
  | { readonly type: "over" }
  | { readonly type: "end"; readonly delivered: Delivered };
