import type { Millis } from "distributary/sdk";
import type { Election } from "./election.ts";
import type { Registration } from "./registration.ts";
import type { Roll } from "./roll.ts";
import type { Answer, Probe, Way } from "./messages.ts";
import type { SegmentSelf } from "./self.ts";

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
  readonly #roll: Roll;
  readonly #answers = { multicast: 0, unicast: 0 };
  /** How many inquiries in a row nobody answered that only multicast can have reached. */
  #missedCount = 0;
  #judgeAt: Millis = Infinity;
  #askAt: Millis = Infinity;

  constructor(self: SegmentSelf, election: Election, registration: Registration, roll: Roll) {
    this.#self = self;
    this.#election = election;
    this.#registration = registration;
    this.#roll = roll;
  }

  get wakeAt(): Millis {
    return Math.min(this.#judgeAt, this.#askAt);
  }

  /** Asks; or, while it leads, looks whether somebody it does not know of leads as well, on another channel perhaps. */
  ask(now: Millis): void {
    if (this.#election.state === "leader is me") return this.#lookAround(now);
    const { at, roster, draws, timings, outbox } = this.#self;
    const probe: Probe = { type: "probe", at, nonce: this.#election.watch.suspicion.newNonce(now) };
    outbox.toAll(probe);
    for (const other of roster.pickWidely(askedAtOnce, draws)) outbox.send(other.at, probe);
    this.#answers.multicast = this.#answers.unicast = 0;
    this.#judgeAt = now + 2 * timings.answerMs;
    this.#askAt = now + timings.missedPeriods * timings.periodMs;
  }

  /** One that was not registered is asked each period. */
  #lookAround(now: Millis): void {
    const { roster, draws, timings } = this.#self;
    this.#askAt = now + timings.periodMs;
    const stranger = roster.pickStranger(draws, (id) => this.#roll.has(id));
    if (stranger !== undefined) this.#election.watch.suspicion.ask(stranger.at, now);
  }

  /** The election is in another state: who follows a leader has nothing to ask. */
  changed(now: Millis): void {
    const { periodMs, missedPeriods } = this.#self.timings;
    const { state } = this.#election;
    if (state === "leader known") this.#askAt = Infinity;
    else if (state === "leader is me") this.#askAt = now + periodMs;
    else if (this.#askAt === Infinity) this.#askAt = now + missedPeriods * periodMs;
  }

  wake(now: Millis): void {
    if (now >= this.#judgeAt) this.#judge(now);
    if (now >= this.#askAt) this.ask(now);
  }

  /** A leader tells who answers that it follows nobody: here is one. */
  answered(from: string, message: Answer, now: Millis): void {
    this.#answers[message.heardBy] += 1;
    const at = this.#self.roster.addressOf(from);
    const isLost = message.follows === undefined && this.#election.state === "leader is me";
    if (isLost && at !== undefined) this.#election.leading.answer(at, this.#election.epoch);
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
    const { leader, epoch, state } = this.#election;
    const { id, at, priority } = this.#self;
    if (state === "leader is me") return { leader: id, epoch, at, priority, ageMs: 0, isRegistered: true };
    if (leader === undefined) return undefined;
    const { isRegistered } = this.#registration;
    const ageMs = Math.max(0, Math.ceil(now - this.#election.watch.heardAt));
    const known = { leader: leader.id, epoch: leader.epoch, at: leader.at, priority: leader.priority };
    return { ...known, ageMs, isRegistered };
  }

  #judge(now: Millis): void {
    const { outbox } = this.#self;
    const isMissed = this.#answers.multicast === 0 && this.#answers.unicast > 0 && !outbox.isCutOff;
    this.#judgeAt = Infinity;
    this.#missedCount = isMissed ? this.#missedCount + 1 : 0;
    if (!isMissed) return;
    // Others that begin at the same moment may not have been listening.
    if (this.#missedCount === 1) return this.ask(now);
    outbox.isCutOff = true;
    outbox.tell({ what: "reach", byUnicast: true });
  }
}
