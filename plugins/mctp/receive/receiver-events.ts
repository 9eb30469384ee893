import type { Asked, Report } from "../wire/messages.ts";

/** What happens to a session at one who receives it. */
export type ReceiverEvent =
  | { readonly type: "start" }
  /** A frame, with the number of its sending. */
  | { readonly type: "frame"; readonly block: number; readonly index: number; readonly emission: number }
  /** How far the session is, from an announcement; or from a poll, which comes when there is nothing more to send. */
  | {
      readonly type: "progress";
      readonly emitted: number;
      readonly sentBlocks: number;
      readonly isIdle: boolean;
      readonly asks?: Asked;
    }
  /** What was restored is what the leader sealed, and is stored or waits for the rest of its piece. */
  | { readonly type: "opened"; readonly block: number }
  /** It is not; or its piece is not what control signed. All of it is needed again. */
  | { readonly type: "failed"; readonly from: number; readonly to: number }
  | { readonly type: "dismissed"; readonly reason: string }
  | { readonly type: "over" };

/** What a receiver does, in this order. */
export type ReceiverEffect =
  /** The frame just given goes to this row of its block. */
  | { readonly type: "keep"; readonly block: number; readonly row: number }
  /** Each row of the block holds one of its frames now: make it whole and open it; answer `opened` or `failed`. */
  | { readonly type: "restore"; readonly block: number; readonly holds: Int16Array }
  /** What was kept of this block is not needed any more. */
  | { readonly type: "drop"; readonly block: number }
  | { readonly type: "report"; readonly report: Report }
  /** Everything is here. */
  | { readonly type: "complete" }
  /** Nothing more comes, and why if not everything is here. */
  | { readonly type: "end"; readonly reason: string | undefined };
