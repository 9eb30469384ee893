import type { Millis } from "distributary/sdk";
import { isBetter } from "./candidate.ts";
import type { Candidate } from "./candidate.ts";
import type { SegmentSelf } from "./self.ts";

/** A claim is sent so often while its vote is open, for those who did not hear it. */
const claimsPerVote = 3;
/** Behind so many better ones a claim is as weak as can be. */
const places = 8;

/** The waits of a member without a leader: before its claim, for the end of its vote, for whom it conceded to. */
export class Candidacy {
  readonly #self: SegmentSelf;
  /** When the wait is over. */
  deadline: Millis = Infinity;
  /** When the claim is said again. */
  #repeatAt: Millis = Infinity;
  /** How strong the claim is: 0 is strongest. */
  #place = 0;
  #rival: Candidate | undefined;
  /** It was too slow to lead, and does not claim before. */
  #abstainsUntil: Millis = -Infinity;

  constructor(self: SegmentSelf) {
    this.#self = self;
  }

  get wakeAt(): Millis {
    return Math.min(this.deadline, this.#repeatAt);
  }

  isAbstaining(now: Millis): boolean {
    return now < this.#abstainsUntil;
  }

  abstain(until: Millis): void {
    this.#abstainsUntil = until;
  }

  /** Nothing is waited for. */
  rest(): void {
    this.deadline = Infinity;
    this.#repeatAt = Infinity;
    this.#rival = undefined;
  }

  /**
   * Waits to claim: the less, the stronger the claim (EL-1). Strongest is that of who led last; then each waits by how
   * many it knows to be better, and who knows nobody by chance.
   */
  wait(wasLeader: boolean, isOut: (id: string) => boolean, now: Millis): void {
    this.rest();
    const { timings, roster, draws, eligible } = this.#self;
    if (!eligible) return;
    const [least, most] = timings.claimMs;
    const place = roster.size === 0 ? 1 + draws.below(places) : 1 + roster.betterThan(this.#self, isOut);
    this.#place = wasLeader ? 0 : Math.min(place, places);
    const step = Math.floor((most - least) / places);
    const delay = least + this.#place * step - draws.below(Math.ceil((Math.min(this.#place, 1) * step) / 2));
    this.deadline = Math.max(now + delay, this.#abstainsUntil);
  }

  /** Somebody worse claims: the claim is due soon, but still after those of better ones. */
  hasten(now: Millis): void {
    if (this.deadline === Infinity || this.isAbstaining(now)) return;
    const [least, most] = this.#self.timings.claimMs;
    const step = Math.floor((most - least) / places);
    this.deadline = Math.min(this.deadline, now + this.#place * step);
  }

  /** Leaves it to `rival`, who should lead in time. */
  concede(rival: Candidate, now: Millis): void {
    const { voteMs, answerMs } = this.#self.timings;
    this.rest();
    this.#rival = rival;
    this.deadline = now + voteMs[1] + answerMs;
  }

  /** Whether to concede to this one rather than to the present rival. */
  isMore(claimer: Candidate): boolean {
    return this.#rival === undefined || isBetter(claimer, this.#rival);
  }

  /** Opens the vote. */
  open(epoch: number, now: Millis): void {
    this.rest();
    this.deadline = now + this.#self.draws.between(this.#self.timings.voteMs);
    this.claim(epoch, now);
  }

  claim(epoch: number, now: Millis): void {
    const { at, priority, timings, outbox } = this.#self;
    outbox.toAll({ type: "claim", at, priority, leading: false, epoch });
    this.#repeatAt = now + Math.ceil(timings.voteMs[0] / claimsPerVote);
  }

  /** Somebody worse claims as well, who may not have heard this claim: says it again, but not at every word. */
  insist(now: Millis): void {
    this.#repeatAt = Math.min(this.#repeatAt, now + this.#self.timings.answerMs);
  }
}
