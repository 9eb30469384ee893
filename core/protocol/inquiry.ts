import type { Millis } from "distributary/sdk";
import type { Election } from "./election.ts";
import type { Registration } from "./registration.ts";
import type { Answer, Probe, Way } from "./segment-messages.ts";
import type { SegmentSelf } from "./segment-self.ts";

/** So many known members are asked one by one. */
const askedAtOnce = 8;
/** Of a question to everybody about so many answer, besides the leader. */
const answersWanted = 8;

/**
 * Who leads here? Asked at the start and while nobody leads, of everybody and of some one by one: if only the latter
 * answer, there is no multicast. And the answers to those who ask.
 */
export class Inquiry {
  readonly #self: SegmentSelf;
  readonly #election: Election;
  readonly #registration: Registration;
  readonly #answers = { multicast: 0, unicast: 0 };
  #judgeAt: Millis = Infinity;
  #askAt: Millis = Infinity;

  constructor(self: SegmentSelf, election: Election, registration: Registration) {
    this.#self = self;
    this.#election = election;
    this.#registration = registration;
  }

  get wakeAt(): Millis {
    return Math.min(this.#judgeAt, this.#askAt);
  }

  ask(now: Millis): void {
    const { at, roster, draws, timings, outbox } = this.#self;
    const probe: Probe = { type: "probe", at, nonce: this.#election.suspicion.newNonce(now) };
    outbox.toAll(probe);
    for (const other of roster.pick(askedAtOnce, draws, () => false)) outbox.send(other.at, probe);
    this.#answers.multicast = this.#answers.unicast = 0;
    this.#judgeAt = now + 2 * timings.answerMs;
    this.#askAt = now + timings.missedPeriods * timings.periodMs;
  }

  /** While somebody leads there is nothing to ask. */
  rest(): void {
    this.#askAt = Infinity;
  }

  /** From now on nobody leads. */
  begin(now: Millis): void {
    this.#askAt = now + this.#self.timings.missedPeriods * this.#self.timings.periodMs;
  }

  wake(now: Millis): void {
    if (now >= this.#judgeAt) this.#judge();
    if (now >= this.#askAt) this.ask(now);
  }

  answered(message: Answer, now: Millis): void {
    this.#answers[message.heardBy] += 1;
    this.#election.answer(message, now);
    this.#registration.answer(message);
  }

  /** Everybody answers a question to itself; to one to all of them only some do, and the leader. */
  answer({ at, nonce }: Probe, way: Way, now: Millis): void {
    const { roster, draws, outbox } = this.#self;
    if (this.#election.state === "leader is me") this.#election.leading.answer(at, this.#election.epoch);
    else if (way === "multicast" && draws.below(roster.size) >= answersWanted) return;
    const follows = this.#follows(now);
    outbox.send(at, { type: "answer", nonce, heardBy: way, ...(follows === undefined ? {} : { follows }) });
  }

  #follows(now: Millis): Answer["follows"] {
    const { leader, epoch, state, heardAt } = this.#election;
    const { id, at, priority } = this.#self;
    if (state === "leader is me") return { leader: id, epoch, at, priority, ageMs: 0, isRegistered: true };
    if (leader === undefined) return undefined;
    const { isRegistered } = this.#registration;
    const ageMs = Math.max(0, Math.ceil(now - heardAt));
    const known = { leader: leader.id, epoch: leader.epoch, at: leader.at, priority: leader.priority };
    return { ...known, ageMs, isRegistered };
  }

  #judge(): void {
    const { outbox } = this.#self;
    this.#judgeAt = Infinity;
    if (this.#answers.multicast > 0 || this.#answers.unicast === 0 || outbox.isCutOff) return;
    outbox.isCutOff = true;
    outbox.tell({ what: "reach", byUnicast: true });
  }
}
