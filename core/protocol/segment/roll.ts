import type { Millis } from "distributary/sdk";
import { LossEstimate } from "./liveness.ts";
import type { ReportedMember, SegmentReport } from "./events.ts";
import type { Here, Listed, Register, RegistrationReport } from "./messages.ts";
import { membersPerReport, mostMembers } from "./messages.ts";
import type { SegmentSelf } from "./self.ts";

interface Entry {
  name: string;
  listed: Listed;
  heardAt: Millis;
  askedCount: number;
  /** How much the member says it misses. */
  missesPermille: number;
  readonly loss: LossEstimate;
}

/** A member that is missed is asked so often whether it is there before it is dropped. */
const asksBeforeDrop = 3;
/** From so much loss on `alive` is sent twice. */
const muchLost = 50;
const controlPeriodMs = 60_000;
const mostGone = 1_000;

/** A leader's part in registration (EL-5, EL-6): who is there, and what everybody and control are told of it. */
export class Roll {
  readonly #self: SegmentSelf;
  readonly #entries = new Map<string, Entry>();
  #gone: { readonly id: string; readonly why: "left" | "silent" }[] = [];
  /** Of the last report. */
  revision = 0;
  /** Whether much gets lost on the way to some member. */
  isLossy = false;
  /** Since when something is to be reported; undefined if nothing is. */
  #dirtySince: Millis | undefined;
  /** When it was said last that there is no room. */
  #fullSaidAt: Millis = -Infinity;
  #reportAt: Millis = Infinity;
  #controlAt: Millis = Infinity;
  #lookAt: Millis = Infinity;

  constructor(self: SegmentSelf) {
    this.#self = self;
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  get wakeAt(): Millis {
    return Math.min(this.#reportAt, this.#controlAt, this.#lookAt);
  }

  /** A tenure begins: nobody is registered. Control hears of it at once, everybody else with the first report. */
  begin(now: Millis): void {
    this.#entries.clear();
    this.#gone = [];
    this.revision = 0;
    this.isLossy = false;
    this.#lookAt = now + this.#self.timings.periodMs;
    this.#controlAt = now;
    this.#dirtySince = undefined;
    this.#change(now);
  }

  end(): void {
    this.#entries.clear();
    this.#reportAt = this.#controlAt = this.#lookAt = Infinity;
  }

  register(from: string, message: Register, epoch: number, now: Millis): void {
    const { at, name, priority, eligible, byUnicast } = message;
    const known = this.#entries.get(from);
    if (known === undefined && this.#entries.size >= mostMembers) {
      if (now - this.#fullSaidAt >= controlPeriodMs) {
        this.#fullSaidAt = now;
        this.#self.outbox.tell({ what: "full", member: from });
      }
      return;
    }
    const listed = { id: from, at, priority, eligible, byUnicast };
    const isNew = known === undefined || known.name !== name || !isSame(known.listed, listed);
    const loss = known?.loss ?? new LossEstimate();
    const missesPermille = known?.missesPermille ?? 0;
    this.#entries.set(from, { name, listed, heardAt: now, askedCount: 0, missesPermille, loss });
    this.#self.roster.put(listed);
    if (isNew) this.#change(now);
    if (known === undefined) this.#self.outbox.tell({ what: "member", member: from, is: "registered" });
    this.#self.outbox.send(at, { type: "registered", epoch, revision: this.#nextRevision });
  }

  /** The first report in which what was registered by now stands. */
  get #nextRevision(): number {
    return this.#dirtySince === undefined ? this.revision : this.revision + 1;
  }

  here(from: string, { at, sequence, lostPermille, byUnicast }: Here, epoch: number, now: Millis): void {
    const entry = this.#entries.get(from);
    if (entry === undefined) {
      this.#self.outbox.send(at, { type: "introduce", epoch });
      return;
    }
    entry.loss.note(sequence);
    entry.missesPermille = lostPermille;
    if (entry.listed.byUnicast === byUnicast) return;
    entry.listed = { ...entry.listed, byUnicast };
    this.#self.roster.put(entry.listed);
    this.#change(now);
  }

  /** Anything of a member is a sign of life. */
  heard(from: string, now: Millis): void {
    const entry = this.#entries.get(from);
    if (entry === undefined) return;
    entry.heardAt = now;
    entry.askedCount = 0;
  }

  leave(from: string, now: Millis): void {
    this.#drop(from, "left", now);
  }

  /** Control wants a report. */
  ask(now: Millis): void {
    this.#controlAt = now;
  }

  /** The process stood still: nobody is silent for that. */
  resumed(now: Millis): void {
    for (const entry of this.#entries.values())
      entry.heardAt = Math.max(entry.heardAt, now - this.#self.timings.periodMs);
  }

  /** To be called with the time; says what is due. */
  wake(report: () => Omit<SegmentReport, "members" | "gone" | "revision">, now: Millis): void {
    if (now >= this.#lookAt) this.#look(now);
    if (now >= this.#reportAt) {
      this.revision += 1;
      this.#reportAt = Infinity;
      this.#dirtySince = undefined;
      this.#controlAt = now;
      for (const part of this.#parts(report().epoch)) this.#self.outbox.toAll(part);
    }
    if (now >= this.#controlAt) {
      this.#controlAt = now + controlPeriodMs;
      const { revision } = this;
      this.#self.outbox.push({
        type: "report",
        report: { ...report(), revision, members: this.#members(), gone: this.#gone.splice(0) },
      });
    }
  }

  /** Something is to be reported: when it has been quiet for a while, or it has waited long. */
  #change(now: Millis): void {
    const { reportMs } = this.#self.timings;
    this.#dirtySince ??= now;
    this.#reportAt = Math.min(now + this.#self.draws.between(reportMs), this.#dirtySince + 3 * reportMs[1]);
  }

  /** Asks who is missed, and drops who does not answer. */
  #look(now: Millis): void {
    const { periodMs, answerMs } = this.#self.timings;
    this.isLossy = false;
    this.#lookAt = now + periodMs;
    for (const [id, entry] of this.#entries) {
      if (entry.missesPermille > muchLost) this.isLossy = true;
      const missedAt = entry.heardAt + entry.loss.measuredMisses * periodMs;
      const isLate = now >= missedAt - periodMs / 2;
      if (now >= missedAt && entry.askedCount >= asksBeforeDrop) this.#drop(id, "silent", now);
      else if (isLate) this.#ask(entry);
      this.#lookAt = Math.min(this.#lookAt, isLate ? now + answerMs : missedAt - periodMs / 2);
    }
  }

  #ask(entry: Entry): void {
    const { at, draws, outbox } = this.#self;
    entry.askedCount += 1;
    outbox.send(entry.listed.at, { type: "probe", at, nonce: draws.below(2 ** 32) });
  }

  #drop(id: string, why: "left" | "silent", now: Millis): void {
    if (!this.#entries.delete(id)) return;
    this.#self.roster.demote(id);
    if (this.#gone.length < mostGone) this.#gone.push({ id, why });
    this.#self.outbox.tell({ what: "member", member: id, is: why });
    this.#change(now);
  }

  #sorted(): [string, Entry][] {
    return [...this.#entries].sort(([one], [other]) => (one < other ? -1 : 1));
  }

  /** The report, cut so that each part fits into a datagram. */
  #parts(epoch: number): RegistrationReport[] {
    const listed = this.#sorted().map(([, entry]) => entry.listed);
    const parts: RegistrationReport[] = [];
    for (let at = 0; at === 0 || at < listed.length; at += membersPerReport) {
      const members = listed.slice(at, at + membersPerReport);
      const from = at === 0 ? "" : (members[0]?.id ?? "");
      const to = listed[at + membersPerReport]?.id ?? "";
      parts.push({ type: "report", epoch, revision: this.revision, from, to, members });
    }
    return parts;
  }

  #members(): ReportedMember[] {
    return this.#sorted().map(([, { name, listed, loss }]) => ({ ...listed, name, lostPermille: loss.lostPermille }));
  }
}

function isSame(one: Listed, other: Listed): boolean {
  return (
    one.at.address === other.at.address &&
    one.at.port === other.at.port &&
    one.priority === other.priority &&
    one.eligible === other.eligible &&
    one.byUnicast === other.byUnicast
  );
}
