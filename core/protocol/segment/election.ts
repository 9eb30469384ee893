import type { Millis } from "distributary/sdk";
import { Candidacy } from "./candidacy.ts";
import { isBetter } from "./candidate.ts";
import { Distrust } from "./distrust.ts";
import { electionArrows } from "./election-arrows.ts";
import type { ElectionArrow } from "./election-arrows.ts";
import { LeaderWatch } from "./leader-watch.ts";
import type { KnownLeader } from "./leader-watch.ts";
import { Leading } from "./leading.ts";
import type { ElectionState } from "./events.ts";
import type { Alive, Answer, Claim, Resign, Tenure, Way } from "./messages.ts";
import type { SegmentSelf } from "./self.ts";

/** No epoch may be further ahead than this: nobody can use them up. */
const longestJump = 2 ** 20;

/**
 * Elects the leader of a segment (EL-1 … EL-4) by the arrows of `election-arrows.ts`. The state table of its source is
 * mended by four rules: a lone claim is answered, not obeyed; a known leader is kept while it is heard; others are
 * asked before a leader counts as lost; and a leader that does not hear is none.
 */
export class Election {
  readonly #self: SegmentSelf;
  readonly #watch: LeaderWatch;
  readonly #candidacy: Candidacy;
  readonly leading: Leading;
  readonly #distrust: Distrust;
  #state: ElectionState = "leader unknown";
  /** The highest that was acted on. */
  #epoch: number;
  /** Whom it followed last; itself if it led. */
  #lastLeader: string | undefined;

  constructor(self: SegmentSelf) {
    this.#self = self;
    this.#epoch = self.memory.epoch;
    this.#watch = new LeaderWatch(self);
    this.#candidacy = new Candidacy(self);
    this.#distrust = new Distrust(self.timings.distrustMs);
    this.leading = new Leading(self);
  }

  get state(): ElectionState {
    return this.#state;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Whom this member follows. */
  get leader(): KnownLeader | undefined {
    return this.#state === "leader known" ? this.#watch.leader : undefined;
  }

  get tenure(): Tenure | undefined {
    if (this.#state === "leader is me") return { leader: this.#self.id, epoch: this.#epoch };
    return this.leader && { leader: this.leader.id, epoch: this.leader.epoch };
  }

  /** What is known of the leader that is followed. */
  get watch(): LeaderWatch {
    return this.#watch;
  }

  get wakeAt(): Millis {
    if (this.#state === "leader known") return this.#watch.wakeAt;
    return this.#state === "leader is me" ? this.leading.wakeAt : this.#candidacy.wakeAt;
  }

  start(now: Millis): void {
    this.#awaitClaim(now);
  }

  wake(now: Millis): void {
    if (this.#state === "leader known") {
      if (this.#watch.isLost(now)) this.#lose("lost", now);
    } else if (this.#state === "leader is me") this.leading.wake(this.#epoch, now);
    else if (now >= this.#candidacy.deadline) this.#endWait(now);
    else if (now >= this.#candidacy.wakeAt) this.#candidacy.claim(this.#epoch, now);
  }

  #endWait(now: Millis): void {
    if (this.#state === "leader unknown") this.#openVote(now);
    else if (this.#state === "voting open") this.#lead("won", now);
    else {
      this.#go("waited");
      this.#awaitClaim(now);
    }
  }

  /** Somebody leads, as it says. */
  alive(from: string, message: Alive | Claim, way: Way, now: Millis): void {
    if (message.epoch > this.#epoch + longestJump) return;
    if (this.#state === "leader is me") this.#meet(from, message, now);
    else if (this.#distrust.has(from, now) && !this.#provesToHear(from, message)) return;
    else if (this.#state === "leader known") this.#hear(from, message, way, now);
    else if (message.epoch >= this.#epoch) this.#follow("heard", { id: from, ...message }, way, now, now);
    // Those who elected it know less: so it learns of the newer epoch.
    else this.leading.contradict(message.at, this.#epoch);
  }

  #hear(from: string, message: Alive | Claim, way: Way, now: Millis): void {
    const { leader } = this.#watch;
    if (leader?.id !== from) {
      if (message.epoch > this.#epoch) this.#watch.doubt({ id: from, ...message }, now);
    } else if (message.epoch > leader.epoch) this.#follow("renewed", { id: from, ...message }, way, now, now);
    else if (message.epoch === leader.epoch) this.#watch.heard(message, way, now);
  }

  /** Another one leads. The better one stays, but only if it is known to hear the other: a deaf one wins nothing. */
  #meet(from: string, message: Alive | Claim, now: Millis): void {
    const { at, priority, epoch } = message;
    const rival = { id: from, at, priority, epoch };
    const isAhead = isBetter(this.#self, rival);
    const hearsMe = message.type === "claim" && message.hears === this.#self.id;
    if (isAhead && epoch >= this.#epoch) this.#renew(epoch, now);
    if (isAhead || !hearsMe || epoch < this.#epoch) return this.leading.challenge(from, at, this.#epoch, now);
    this.#distrust.lift(from);
    this.leading.resign(this.#epoch, rival);
    this.#follow("yielded", rival, undefined, now, now);
  }

  claim(from: string, message: Claim, way: Way, now: Millis): void {
    if (message.leading) return this.alive(from, message, way, now);
    const claimer = { id: from, priority: message.priority, at: message.at };
    const isAhead = this.#self.eligible && isBetter(this.#self, claimer);
    if (this.#state === "leader is me") {
      this.outdo(message.epoch, now);
      this.leading.reassert(message.at, this.#epoch, now);
    } else if (this.#state === "leader known") {
      // Not one that was said before it led.
      if (this.leader?.id !== from || message.epoch < this.leader.epoch) return;
      this.#lose("abandoned", now);
      this.claim(from, message, way, now);
    } else if (this.#state === "voting open") {
      if (isAhead) return this.#candidacy.insist(now);
      this.#go("outbid");
      this.#concede(claimer, now);
    } else if (this.#state === "conceding") {
      if (this.#candidacy.isMore(claimer)) this.#candidacy.concede(claimer, now);
    } else if (isAhead) this.#candidacy.hasten(now);
    else this.#concede(claimer, now);
  }

  resign(from: string, { epoch, successor }: Resign, now: Millis): void {
    const { leader } = this;
    if (leader?.id !== from || epoch < leader.epoch) return;
    const isNext = successor?.id === this.#self.id;
    if (isNext && this.#self.eligible && !this.#candidacy.isAbstaining(now)) return this.#lead("appointed", now);
    const isGood = successor && !isNext && this.#isCredible(successor.epoch) && !this.#distrust.has(successor.id, now);
    if (isGood) this.#follow("handedOver", successor, undefined, now, now);
    else this.#lose("abandoned", now);
  }

  /** What another member says of the leader. */
  answer({ nonce, follows }: Answer, now: Millis): void {
    const askedAt = this.#watch.suspicion.askedAt(nonce);
    if (askedAt === undefined || follows === undefined) return;
    const { leader: id, epoch, at, priority, ageMs } = follows;
    const heardAt = askedAt - ageMs;
    if (now - heardAt >= this.#watch.patienceMs || id === this.#self.id || this.#distrust.has(id, now)) return;
    if (this.#state === "leader is me") return this.leading.challenge(id, at, this.#epoch, now);
    const { leader } = this;
    if (leader?.id === id && epoch === leader.epoch) return this.#watch.heardOf(heardAt);
    if (!this.#isCredible(epoch) || (leader !== undefined && epoch === this.#epoch)) return;
    this.#follow(leader === undefined ? "told" : "corrected", { id, epoch, at, priority }, undefined, heardAt, now);
  }

  /** Somebody knows this epoch: if it is newer it would not hear this leader, which begins one that is newer still. */
  outdo(epoch: number, now: Millis): void {
    if (this.#state === "leader is me" && epoch > this.#epoch) this.#renew(epoch, now);
  }

  #renew(beyond: number, now: Millis): void {
    if (!this.#isCredible(beyond) || !this.leading.mayRenew(now)) return;
    this.#act(beyond + 1);
    this.#go("outdone");
    this.leading.say(this.#epoch, now);
  }

  /** For a while the present leader is none: it does not hear this member. */
  distrust(now: Millis): void {
    const { leader } = this;
    if (leader === undefined) return;
    this.#distrust.add(leader.id, now);
    this.#self.outbox.tell({ what: "deaf", member: leader.id });
    this.#lose("distrusted", now);
  }

  /** The process stood still for `stoppedMs`: others may have gone on without it, and it may accuse nobody. */
  resumed(stoppedMs: Millis, now: Millis): void {
    const { periodMs, claimMs, voteMs } = this.#self.timings;
    if (this.#state === "leader known") return this.#watch.excuse(now);
    if (this.#state === "leader is me") {
      const othersNeed = this.#watch.patienceMs - periodMs + claimMs[0] + voteMs[0];
      if (stoppedMs >= othersNeed) this.#stepDown(now);
      return;
    }
    if (this.#state !== "leader unknown") this.#go(this.#state === "conceding" ? "waited" : "outbid");
    this.#awaitClaim(now);
  }

  /** It noticed things late by itself. */
  lagged(lagMs: Millis): void {
    if (this.#state === "leader known") this.#watch.postpone(lagMs);
  }

  /** Leads no more, and says so; it does not claim for so long. */
  stepDown(now: Millis, abstainsMs = 0): void {
    this.#candidacy.abstain(now + abstainsMs);
    if (this.#state === "leader is me") {
      const next = this.#self.roster.best();
      this.leading.resign(this.#epoch, next && { ...next, epoch: this.#epoch + 1 });
      this.#stepDown(now);
    } else if (this.#state === "voting open") this.resumed(0, now);
  }

  /** It ranks otherwise, or may not lead any more. */
  ranked(now: Millis): void {
    if (!this.#self.eligible) this.stepDown(now);
    if (this.#state === "leader unknown") this.#awaitClaim(now);
  }

  #stepDown(now: Millis): void {
    this.#go("steppedDown");
    this.#awaitClaim(now);
  }

  #isCredible(epoch: number): boolean {
    return epoch >= this.#epoch && epoch <= this.#epoch + longestJump;
  }

  /** Who names this member as heard is not deaf. */
  #provesToHear(from: string, message: Alive | Claim): boolean {
    return message.type === "claim" && message.hears === this.#self.id && this.#distrust.lift(from);
  }

  #lose(arrow: "lost" | "abandoned" | "distrusted", now: Millis): void {
    this.#go(arrow);
    this.#awaitClaim(now);
  }

  #awaitClaim(now: Millis): void {
    const isOut = (id: string) => id === this.#lastLeader || this.#distrust.has(id, now);
    this.#candidacy.wait(this.#lastLeader === this.#self.id, isOut, now);
  }

  #concede(rival: { id: string; priority: number; at: Alive["at"] }, now: Millis): void {
    this.#go("conceded");
    this.#candidacy.concede(rival, now);
  }

  #openVote(now: Millis): void {
    this.#go("claimed");
    this.#candidacy.open(this.#epoch, now);
  }

  #lead(arrow: "won" | "appointed", now: Millis): void {
    this.#act(this.#epoch + 1);
    this.#lastLeader = this.#self.id;
    this.#watch.forget();
    this.#candidacy.rest();
    this.leading.begin(now);
    this.#go(arrow);
    this.leading.sayToEach(this.#epoch, now);
  }

  #follow(arrow: ElectionArrow, leader: KnownLeader, way: Way | undefined, heardAt: Millis, now: Millis): void {
    this.#act(Math.max(this.#epoch, leader.epoch));
    this.#lastLeader = leader.id;
    this.#candidacy.rest();
    this.#watch.follow(leader, way, heardAt, now);
    this.#go(arrow);
  }

  /** From now on this is the highest epoch, also after a restart. */
  #act(epoch: number): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#self.remember({ epoch });
  }

  #go(arrow: ElectionArrow): void {
    this.#state = electionArrows[arrow].to;
    this.#self.outbox.tell({ what: "state", state: this.#state, tenure: this.tenure, why: arrow });
  }
}
