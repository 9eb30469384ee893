import type { Millis } from "distributary/sdk";
import type { Channel } from "./messages.ts";
import type { SegmentSelf } from "./self.ts";

/** Channels a member was on lately and listens on still. */
const mostOld = 2;

/** Which channel a member is on, and how it gets to another one without losing anybody (EL-7). */
export class Channels {
  readonly #self: SegmentSelf;
  #old: { readonly channel: Channel; readonly until: Millis }[] = [];

  constructor(self: SegmentSelf) {
    this.#self = self;
  }

  /** When an old channel is left. */
  get wakeAt(): Millis {
    return this.#old.at(-1)?.until ?? Infinity;
  }

  /** Goes where the leader is; true if that is elsewhere. */
  join(channel: Channel, now: Millis): boolean {
    if (isSame(channel, this.#self.memory.channel)) return false;
    const { periodMs, missedPeriods, claimMs, voteMs } = this.#self.timings;
    // Long enough to elect another leader on the old channel, should this one be gone before all have followed.
    const until = now + 2 * missedPeriods * periodMs + claimMs[1] + voteMs[1];
    const left = { channel: this.#self.memory.channel, until };
    this.#old = [left, ...this.#old.filter((old) => !isSame(old.channel, channel))].slice(0, mostOld);
    this.#self.remember({ channel });
    this.listen();
    this.#self.outbox.tell({ what: "moved", channel });
    return true;
  }

  /** Leaves the channels whose time is over. */
  wake(now: Millis): void {
    if (now < this.wakeAt) return;
    this.#old = this.#old.filter(({ until }) => now < until);
    this.listen();
  }

  listen(): void {
    const { outbox, memory } = this.#self;
    outbox.channels = [memory.channel, ...this.#old.map(({ channel }) => channel)];
    outbox.push({ type: "listen", channels: outbox.channels });
  }
}

function isSame(one: Channel, other: Channel): boolean {
  return one.number === other.number && one.group === other.group && one.port === other.port;
}
