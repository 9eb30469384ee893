import type { Millis } from "distributary/sdk";
import { isBetter } from "./candidate.ts";
import { LossEstimate } from "./liveness.ts";
import type { SegmentSelf } from "./self.ts";
import type { Alive, Claim, Endpoint, Way } from "./messages.ts";
import { Suspicion } from "./suspicion.ts";

/** The leader a member follows. */
export interface KnownLeader {
  readonly id: string;
  readonly at: Endpoint;
  readonly priority: number;
  readonly epoch: number;
}

/** More misses than these would make a dead leader outlast its segment's patience; asking others makes up for it. */
const mostMisses = 6;
/** So many `alive` by multicast, and it counts as working again. */
const enoughByMulticast = 3;

/** Whether the leader that is followed is still there, and whether its multicast arrives here. */
export class LeaderWatch {
  readonly #self: SegmentSelf;
  readonly suspicion: Suspicion;
  readonly loss = new LossEstimate();
  #leader: KnownLeader | undefined;
  /** When the leader last gave a sign of life: to this member, or to another that says so. */
  #heardAt: Millis = 0;
  /** The same, to this member alone. */
  #directAt: Millis = 0;
  #multicastAt: Millis = 0;
  #otherAskedAt: Millis = -Infinity;
  #multicastCount = 0;

  constructor(self: SegmentSelf) {
    this.#self = self;
    this.suspicion = new Suspicion(self.at, self.timings, self.roster, self.draws, self.outbox);
  }

  get leader(): KnownLeader | undefined {
    return this.#leader;
  }

  get heardAt(): Millis {
    return this.#heardAt;
  }

  get wakeAt(): Millis {
    return this.suspicion.wakeAt;
  }

  /** How long a leader may be silent. */
  get patienceMs(): Millis {
    const { timings } = this.#self;
    const { periodMs, missedPeriods } = timings;
    if (timings.liveness === "fixed") return missedPeriods * periodMs;
    return Math.max(missedPeriods, Math.min(mostMisses, this.loss.measuredMisses)) * periodMs;
  }

  /** Follows this leader, which was heard (of) at `heardAt`. */
  follow({ id, at, priority, epoch }: KnownLeader, way: Way | undefined, heardAt: Millis, now: Millis): void {
    if (this.#leader?.id !== id) {
      this.loss.restart();
      this.#multicastAt = now;
    }
    this.#leader = { id, at, priority, epoch };
    this.#expect(heardAt);
    this.#directAt = now;
    if (way === "multicast") this.#arrivedByMulticast(now);
  }

  /** This member leads: what reaches it is for those to say who hear it. */
  forget(): void {
    this.#leader = undefined;
    this.suspicion.rest();
    this.#reach(false);
  }

  /** Whether only others say that the leader is there: it was not heard here for so long that it would be lost. */
  isHearsay(now: Millis): boolean {
    return now - this.#directAt >= this.patienceMs;
  }

  /** The leader was heard. */
  heard(message: Alive | Claim, way: Way, now: Millis): void {
    if (this.#leader !== undefined && this.#leader.priority !== message.priority)
      this.#leader = { ...this.#leader, priority: message.priority, at: message.at };
    if (message.type === "alive") this.loss.note(message.sequence);
    this.#directAt = now;
    this.#expect(now);
    if (way === "multicast") this.#arrivedByMulticast(now);
    else this.#lookAtReach();
  }

  /** Another member heard the leader at `heardAt`. */
  heardOf(heardAt: Millis): void {
    if (heardAt > this.#heardAt) this.#expect(heardAt);
    this.#lookAtReach();
  }

  /**
   * Another leader of a newer epoch was heard. If the own one was not for a while, it is time to ask. A better one is
   * asked itself, at most once a period: one that answers is not deaf, and is followed.
   */
  doubt(other: KnownLeader, now: Millis): void {
    const { periodMs } = this.#self.timings;
    if (now - this.#heardAt > 1.5 * periodMs) this.suspicion.hurry(now);
    if (this.#leader === undefined || !isBetter(other, this.#leader) || now - this.#otherAskedAt < periodMs) return;
    this.#otherAskedAt = now;
    this.suspicion.ask(other.at, now);
  }

  /** The process was stopped: what it did not hear meanwhile says nothing. */
  excuse(now: Millis): void {
    const { periodMs, answerMs } = this.#self.timings;
    this.#multicastAt = this.#directAt = now;
    this.#expect(Math.max(this.#heardAt, now - this.patienceMs + 2 * periodMs + 2 * answerMs));
  }

  postpone(lagMs: Millis): void {
    this.#expect(this.#heardAt + lagMs);
  }

  /** To be called at `wakeAt`: whether the leader is lost. Asks others first. */
  isLost(now: Millis): boolean {
    if (this.#leader === undefined || now < this.suspicion.wakeAt) return false;
    if (!this.suspicion.isOver(this.#leader, now)) return false;
    if (now - this.#heardAt >= this.patienceMs) return true;
    // It was only doubted.
    this.#expect(this.#heardAt);
    return false;
  }

  #expect(heardAt: Millis): void {
    this.#heardAt = heardAt;
    this.suspicion.expect(heardAt + this.patienceMs);
  }

  #arrivedByMulticast(now: Millis): void {
    this.#multicastAt = now;
    if (!this.#self.outbox.isCutOff) return;
    this.#multicastCount += 1;
    if (this.#multicastCount >= enoughByMulticast) this.#reach(false);
  }

  /** The leader is there, but not by multicast. */
  #lookAtReach(): void {
    const missedMs = this.#heardAt - this.#multicastAt;
    // A leader sends to who is cut off both ways: the one may arrive before the other.
    if (missedMs > 1.5 * this.#self.timings.periodMs) this.#multicastCount = 0;
    if (missedMs >= this.patienceMs) this.#reach(true);
  }

  #reach(byUnicast: boolean): void {
    this.#multicastCount = 0;
    if (this.#self.outbox.isCutOff === byUnicast) return;
    this.#self.outbox.isCutOff = byUnicast;
    this.#self.outbox.tell({ what: "reach", byUnicast });
  }
}
