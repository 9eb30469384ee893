import type { Millis } from "distributary/sdk";
import type { Election } from "./election.ts";
import type { KnownLeader } from "./leader-watch.ts";
import type { Answer, Registered, RegistrationReport } from "./messages.ts";
import type { SegmentSelf } from "./self.ts";

/** After so many reports in a row without this member control is told. */
const mostOmissions = 3;
/** So many others are asked at a time whether the leader knows them, so often. */
const askedAtOnce = 4;
const mostDoubts = 2;

/** A member's part in registration (EL-5): makes itself known to its leader, again and again until that knows it. */
export class Registration {
  readonly #self: SegmentSelf;
  readonly #election: Election;
  #leader: KnownLeader | undefined;
  #isRegistered = false;
  /** When to register, or to say that it is there. */
  wakeAt: Millis = Infinity;
  #tries = 0;
  #doubts = 0;
  /** The last report that lists it, or that must. */
  #revision = 0;
  /** Since when there is a report that this member did not get. */
  #unseenSince: Millis | undefined;
  #omissionCount = 0;
  #sequence = 0;
  #saidByUnicast = false;

  constructor(self: SegmentSelf, election: Election) {
    this.#self = self;
    this.#election = election;
  }

  /** Goes on with this leader, or with none. One that begins a new epoch knows its members still. */
  follow(leader: KnownLeader | undefined, now: Millis): void {
    const isSame = leader !== undefined && leader.id === this.#leader?.id;
    this.#leader = leader;
    if (leader === undefined) {
      this.wakeAt = Infinity;
      this.#isRegistered = false;
    } else if (!isSame) this.#begin(now);
  }

  #begin(now: Millis): void {
    this.#isRegistered = false;
    this.#tries = 0;
    this.#doubts = 0;
    this.#omissionCount = 0;
    this.#unseenSince = undefined;
    this.#soon(now);
  }

  /** Whether the leader knows this member, as far as it knows itself. */
  get isRegistered(): boolean {
    return this.#isRegistered;
  }

  #soon(now: Millis): void {
    this.wakeAt = now + this.#self.draws.below(this.#self.timings.registerMs + 1);
  }

  wake(now: Millis): void {
    if (this.#leader === undefined || now < this.wakeAt) return;
    // A leader that knows this member would be heard by it, one way or the other.
    if (this.#isRegistered && this.#election.watch.isHearsay(now)) this.#isRegistered = false;
    if (this.#isRegistered) {
      this.#sayHere(this.#leader);
      this.wakeAt += this.#self.timings.periodMs;
      if (this.wakeAt <= now) this.wakeAt = now + this.#self.timings.periodMs;
    } else if (this.#tries < this.#patience) this.#register(this.#leader, now);
    else this.#doubt(this.#leader.id, now);
  }

  /** How many tries of a question and its answer may fail by chance. */
  get #patience(): number {
    return Math.max(3, Math.min(12, 2 * this.#election.watch.loss.misses - 1));
  }

  #register({ at: leaderAt }: KnownLeader, now: Millis): void {
    const { at, name, priority, eligible, timings, outbox } = this.#self;
    const byUnicast = outbox.isCutOff;
    const { epoch } = this.#election;
    this.#tries += 1;
    this.#saidByUnicast = byUnicast;
    outbox.send(leaderAt, { type: "register", at, name, priority, eligible, epoch, byUnicast });
    this.wakeAt = now + timings.answerMs;
  }

  /** The leader may be deaf, or only far from this member: others know. If none of them is registered either, it is. */
  #doubt(leader: string, now: Millis): void {
    const { roster, draws, timings } = this.#self;
    this.wakeAt = now + timings.answerMs;
    // One that is not heard either may just be gone, which is not for registration to say.
    if (now - this.#election.watch.heardAt > 1.5 * timings.periodMs) this.#tries -= 1;
    else this.#doubts += 1;
    if (this.#doubts > mostDoubts) {
      this.#self.outbox.push({ type: "unregistered", leader, tries: this.#tries });
      return this.#election.distrust(now);
    }
    for (const { at } of roster.pick(askedAtOnce, draws, (id) => id === leader)) {
      this.#election.watch.suspicion.ask(at, now);
    }
  }

  /** What another member says of the leader. */
  answer({ follows }: Answer): void {
    if (this.#doubts === 0 || follows?.isRegistered !== true || follows.leader !== this.#leader?.id) return;
    this.#self.outbox.push({ type: "unregistered", leader: follows.leader, tries: this.#tries });
    this.#tries = 0;
    this.#doubts = 0;
  }

  #sayHere({ at: leaderAt, epoch }: KnownLeader): void {
    const { at, outbox } = this.#self;
    const byUnicast = outbox.isCutOff;
    const { lostPermille } = this.#election.watch.loss;
    this.#sequence += 1;
    this.#saidByUnicast = byUnicast;
    outbox.send(leaderAt, { type: "here", at, epoch, sequence: this.#sequence, lostPermille, byUnicast });
  }

  /** What the leader should know of this member has changed. */
  renew(now: Millis): void {
    if (this.#leader !== undefined) this.#begin(now);
  }

  /** The leader is told at once that multicast arrives no more, or again. */
  reachChanged(now: Millis): void {
    if (this.#isRegistered && this.#saidByUnicast !== this.#self.outbox.isCutOff) this.wakeAt = now;
  }

  registered(from: string, { revision }: Registered, now: Millis): void {
    if (from !== this.#leader?.id) return;
    this.#revision = revision;
    this.#unseenSince = undefined;
    this.#tries = 0;
    this.#doubts = 0;
    if (this.#isRegistered) return;
    this.#isRegistered = true;
    this.wakeAt = now + this.#self.draws.below(this.#self.timings.periodMs);
  }

  /** The leader's last report is this one: who did not get it registers again, for it may not stand in it. */
  alive(revision: number, now: Millis): void {
    if (!this.#isRegistered || revision <= this.#revision) return;
    this.#unseenSince ??= now;
    if (now - this.#unseenSince <= this.#self.timings.periodMs) return;
    this.#isRegistered = false;
    this.#unseenSince = undefined;
    this.#soon(now);
  }

  introduce(from: string, now: Millis): void {
    if (from !== this.#leader?.id || !this.#isRegistered) return;
    this.#isRegistered = false;
    this.#soon(now);
  }

  report(from: string, { revision, from: first, to, members }: RegistrationReport, now: Millis): void {
    const { id } = this.#self;
    if (from !== this.#leader?.id || id < first || (to !== "" && id >= to)) return;
    this.#unseenSince = undefined;
    if (members.some((member) => member.id === id)) {
      this.#revision = Math.max(this.#revision, revision);
      this.#omissionCount = 0;
      return;
    }
    if (!this.#isRegistered || revision < this.#revision) return;
    this.#isRegistered = false;
    this.#omissionCount += 1;
    if (this.#omissionCount >= mostOmissions) {
      this.#self.outbox.push({ type: "unregistered", leader: from, tries: this.#omissionCount });
      this.#omissionCount = 0;
    }
    this.#soon(now);
  }
}
