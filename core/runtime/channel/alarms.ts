import type { Clock, Millis } from "../../../sdk/index.ts";

/** Something a member of the segment does that none does by mistake. */
export interface ChannelAlarm {
  readonly kind:
    /** It claims to rank higher than control attests. */
    | "priority"
    /** It wants to lead and may not. */
    | "eligibility"
    /** It shows no record, or one that is not its own. */
    | "record"
    /** What stands there as its signature is none; it may have been made by another member. */
    | "signature"
    /** It sends more than anybody needs to. */
    | "flood"
    /** Somebody else has this member's own identity, and uses it. */
    | "twin"
    /** There is no room for one more sender. */
    | "full";
  readonly sender: string;
}

const silenceMs: Millis = 60_000;
/** A member that uses ever other names cannot raise more in a minute. */
const mostAMinute = 256;

/** Passes alarms on: each kind once a minute for each sender. */
export class Alarms {
  readonly #clock: Pick<Clock, "now">;
  readonly #raise: (alarm: ChannelAlarm) => void;
  /** When each was raised last, the oldest first. */
  readonly #raisedAt = new Map<string, Millis>();

  constructor(clock: Pick<Clock, "now">, raise: (alarm: ChannelAlarm) => void) {
    this.#clock = clock;
    this.#raise = raise;
  }

  raise(kind: ChannelAlarm["kind"], sender: string): void {
    const now = this.#clock.now();
    for (const [key, at] of this.#raisedAt) {
      if (now - at < silenceMs) break;
      this.#raisedAt.delete(key);
    }
    const key = `${kind} ${sender}`;
    if (this.#raisedAt.has(key) || this.#raisedAt.size >= mostAMinute) return;
    this.#raisedAt.set(key, now);
    this.#raise({ kind, sender });
  }
}
