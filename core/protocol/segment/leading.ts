import type { Millis } from "distributary/sdk";
import type { SegmentSelf } from "./self.ts";
import type { Alive, Endpoint } from "./messages.ts";

/** What a leader says of itself; and that to answer others it says little more than that. */
export class Leading {
  readonly #self: SegmentSelf;
  #sequence = 0;
  #aliveAt: Millis = Infinity;
  /** When the second copy is due, where much gets lost. */
  #copyAt: Millis = Infinity;
  #reassertedAt: Millis = -Infinity;
  /** When each other leader was answered last. */
  readonly #challengedAt = new Map<string, Millis>();
  #renewedAt: Millis = -Infinity;
  /** Since when. */
  since: Millis = 0;
  /** Of the last registration report. */
  revision = 0;
  /** Much gets lost on the way to some member: `alive` is sent twice. */
  isLossy = false;
  /** What is announced for a transport. */
  rides: Uint8Array | undefined;

  constructor(self: SegmentSelf) {
    this.#self = self;
  }

  get wakeAt(): Millis {
    return Math.min(this.#aliveAt, this.#copyAt);
  }

  begin(now: Millis): void {
    this.since = now;
    this.revision = 0;
    this.isLossy = false;
    this.rides = undefined;
    this.#copyAt = Infinity;
    this.#renewedAt = -Infinity;
  }

  wake(epoch: number, now: Millis): void {
    if (now >= this.#copyAt) {
      this.#copyAt = Infinity;
      this.#self.outbox.toAll(this.#alive(epoch));
    }
    if (now >= this.#aliveAt) this.say(epoch, now);
  }

  /** `alive`, and the next one a period later. */
  say(epoch: number, now: Millis): void {
    this.#advance(now);
    this.#self.outbox.toAll(this.#alive(epoch));
  }

  /** The first of a tenure reaches also those on another channel. */
  sayToEach(epoch: number, now: Millis): void {
    this.#advance(now);
    this.#self.outbox.toEach(this.#alive(epoch));
  }

  /** The same `alive` once more, because something rides on it now. */
  repeat(epoch: number): void {
    this.#self.outbox.toAll(this.#alive(epoch));
  }

  #advance(now: Millis): void {
    const { periodMs } = this.#self.timings;
    this.#sequence += 1;
    this.#aliveAt = now + periodMs;
    if (this.isLossy) this.#copyAt = now + Math.min(50, periodMs / 10);
  }

  /** To one who asked for it. */
  answer(to: Endpoint, epoch: number): void {
    this.#self.outbox.send(to, this.#alive(epoch));
  }

  /** To a leader of an older epoch: what the newest is. */
  contradict(leader: Endpoint, epoch: number): void {
    const { at, outbox } = this.#self;
    outbox.send(leader, { type: "here", at, epoch, sequence: 0, lostPermille: 0, byUnicast: outbox.isCutOff });
  }

  /** Somebody claims who does not hear this leader: at most 20 times a period it says at once that it is there. */
  reassert(claimer: Endpoint, epoch: number, now: Millis): void {
    if (now - this.#reassertedAt < this.#self.timings.periodMs / 20) return;
    this.#reassertedAt = now;
    this.answer(claimer, epoch);
    this.#self.outbox.toAll(this.#alive(epoch));
  }

  /** To another leader, at most 20 times a period: that this one leads, and heard it. */
  challenge(rival: string, to: Endpoint, epoch: number, now: Millis): void {
    const { periodMs } = this.#self.timings;
    if (now - (this.#challengedAt.get(rival) ?? -Infinity) < periodMs / 20) return;
    for (const [other, at] of this.#challengedAt) if (now - at >= periodMs) this.#challengedAt.delete(other);
    this.#challengedAt.set(rival, now);
    const { at, priority, outbox } = this.#self;
    const claim = { type: "claim", at, priority, leading: true, epoch, hears: rival } as const;
    outbox.toAll(claim);
    outbox.send(to, claim);
  }

  /** Whether a new epoch may be begun for others' sake: once a period, so that nobody can have it counted up. */
  mayRenew(now: Millis): boolean {
    if (now - this.#renewedAt < this.#self.timings.periodMs) return false;
    this.#renewedAt = now;
    return true;
  }

  resign(epoch: number, successor: { id: string; at: Endpoint; priority: number; epoch: number } | undefined): void {
    this.#self.outbox.toEach({ type: "resign", epoch, ...(successor === undefined ? {} : { successor }) });
  }

  #alive(epoch: number): Alive {
    const { at, priority, memory } = this.#self;
    const { channel } = memory;
    const alive = {
      type: "alive",
      at,
      priority,
      epoch,
      sequence: this.#sequence,
      revision: this.revision,
      channel,
    } as const;
    return this.rides === undefined ? alive : { ...alive, rides: this.rides };
  }
}
