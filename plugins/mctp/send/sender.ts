import type { Machine, Millis, Wake } from "distributary/sdk";
import { Demands } from "./demands.ts";
import { EmissionLog } from "./emission-log.ts";
import { FirstPass } from "./first-pass.ts";
import type { Geometry } from "../geometry.ts";
import { greetingShare } from "../wire/messages.ts";
import type { Repair, Report } from "../wire/messages.ts";
import { Pacing } from "./pacing.ts";
import { Participants } from "./participants.ts";
import type { Participant } from "./participants.ts";
import { RateControl } from "./rate.ts";
import type { RateLimits } from "./rate.ts";
import type { SenderEffect, SenderEvent } from "./sender-events.ts";
import { longestTryMs, Tries } from "./tries.ts";

export interface SenderOptions {
  readonly geometry: Geometry;
  /** Ids of those it is for. */
  readonly members: readonly string[];
  readonly quorum: number;
  /** See `reportMsFor`. */
  readonly reportMs: Millis;
  readonly limits: RateLimits;
  readonly repair: Repair;
  /** Of one frame on the wire, headers and all. */
  readonly wireBytes: number;
}

/** No frame takes so long, even if it waits in a deep queue. */
const lostMs = 200;
/** Who spoils what others need can have it sent again: at most so many times everything, and so many frames. */
const mostInVain = 20;
const leastInVain = 2_048;
/** The share of a session that may be sent for one member alone, and so many frames in any case. */
const mostCharge = 0.04;
const leastCharge = 512;
/** Up to this much is sent at once, with the announcement. */
const smallBytes = 8 * 1024;
/** How long those beyond the quorum may still take. */
const quorumGraceMs = 2_000;

/** The leader's side of a session: sends everything once, then what members lack, until all have it or are left. */
export class Sender implements Machine<SenderEvent, SenderEffect> {
  readonly #options: SenderOptions;
  readonly #participants: Participants;
  readonly #demands: Demands;
  readonly #rate: RateControl;
  readonly #log = new EmissionLog();
  readonly #first: FirstPass;
  readonly #pacing: Pacing;
  readonly #tries = new Tries();
  /** The how manieth time something of each block was sent last. */
  readonly #passes: Uint8Array;
  #emitted = 0;
  #frames = { first: 0, repair: 0 };
  #reports = 0;
  #effects: SenderEffect[] = [];
  #state: "new" | "gathering" | "sending" | "ended" = "new";
  #gatherUntil: Millis = 0;
  #pollAt: Millis = 0;
  #hasPolled = false;
  #quorumAt: Millis = Infinity;
  wakeAt: Millis = Infinity;

  constructor(options: SenderOptions, now: Millis) {
    const { geometry, members, limits, repair, wireBytes } = options;
    this.#options = options;
    this.#participants = new Participants(members);
    this.#demands = new Demands(this.#participants.all.length, (block) => geometry.sourcesOf(block), repair);
    this.#rate = new RateControl(limits, wireBytes, now);
    this.#first = new FirstPass(geometry);
    this.#pacing = new Pacing(wireBytes);
    this.#passes = new Uint8Array(geometry.blockCount).fill(1);
  }

  /** How far it is, for announcements. */
  get progress(): { readonly emitted: number; readonly sentBlocks: number; readonly bytesPerSecond: number } {
    return { emitted: this.#emitted, sentBlocks: this.#first.sentBlocks, bytesPerSecond: this.#rate.bytesPerSecond };
  }

  handle(event: SenderEvent | Wake, now: Millis): SenderEffect[] {
    if (this.#state === "ended") return [];
    this.#take(event, now);
    if (this.#state === "gathering" && now >= this.#gatherUntil) this.#begin();
    if (this.#state === "sending") this.#work(now);
    const effects = this.#effects;
    if (effects.length > 0) this.#effects = [];
    return effects;
  }

  #take(event: SenderEvent | Wake, now: Millis): void {
    switch (event.type) {
      case "wake":
        break;
      case "start":
        this.#start(now);
        break;
      case "ready":
        this.#first.ready(event.from, event.to);
        break;
      case "report":
        this.#report(event.report, now);
        break;
      case "backlog":
        this.#pacing.backlogBytes = event.bytes;
        break;
      case "limit":
        this.#rate.limit(event.bytesPerSecond);
    }
  }

  #start(now: Millis): void {
    const { geometry, reportMs } = this.#options;
    const isSmall = geometry.blockCount === 1 && geometry.lengthOf(0) <= smallBytes;
    this.#state = "gathering";
    this.#gatherUntil = isSmall ? now : now + reportMs * greetingShare + 10;
    this.#pacing.begin(this.#gatherUntil);
    this.#tries.begin(this.#gatherUntil);
    this.wakeAt = this.#gatherUntil;
    if (this.#participants.all.length === 0) this.#end();
  }

  /** Everybody who has something has said so by now: if all did, what nobody lacks is left out. */
  #begin(): void {
    this.#state = "sending";
    if (this.#participants.count("silent") > 0) this.#first.unlimit();
  }

  #report(said: Report, now: Millis): void {
    const member = this.#participants.find(said.member);
    if (member === undefined) return;
    // Who has seen more than there is was lied to by another member, and still lacks what it says.
    const report = { ...said, seen: Math.min(said.seen, this.#emitted) };
    this.#reports += 1;
    const [seenBefore, receivedBefore] = [member.seen, member.received];
    if (!this.#participants.take(member, report)) return;
    if (report.seen > 0) {
      const roundTripMs = Math.max(0, now - this.#log.at(report.seen) - report.heldMs);
      const sent = seenBefore < 0 ? 0 : report.seen - seenBefore;
      const received = seenBefore < 0 ? 0 : Math.max(0, report.received - receivedBefore);
      this.#rate.take({ member: member.index, roundTripMs, sent, received, isBehind: report.isBehind });
    }
    // Whether it helps is not said; so what is sent in vain is limited as well.
    if (report.isComplete || report.received !== receivedBefore) this.#tries.progress(now);
    // Who has seen nothing new for long lost what went out meanwhile, whether a poll has told it or not.
    const lostBy = report.heldMs < lostMs ? 0 : this.#log.sentBy(now - lostMs);
    this.#hear(member, { ...report, seen: Math.max(report.seen, lostBy) });
    if (this.#participants.count("complete") >= this.#options.quorum) this.#quorumAt = Math.min(this.#quorumAt, now);
  }

  #hear(member: Participant, { lacks, seen, hasMore, received, isComplete }: Report): void {
    const { geometry } = this.#options;
    const isGathering = this.#state !== "sending";
    if (isGathering) this.#first.limit();
    let next = 0;
    for (const { block, blocks, frames, which } of lacks) {
      // Blocks are named in their order, so that no report is more work than there are.
      if (block < next) break;
      next = Math.min(block + blocks, geometry.blockCount);
      if (isGathering) this.#first.lack(block, next);
      for (let each = block; each < next && !isGathering; each += 1) {
        if (which === undefined) this.#demands.lacks(member.index, each, frames, seen);
        else this.#demands.wants(member.index, each, which, seen);
      }
    }
    // Nothing was sent yet: who received something, or lacks nothing and is not complete, was misled by somebody.
    const isMisled = received > 0 || (lacks.length === 0 && !isComplete);
    if (isGathering && (hasMore || isMisled)) this.#first.lack(0, geometry.blockCount);
  }

  /** One member must not cost the others much: it is left if what is sent for it alone is more than a small share. */
  #weigh(member: Participant): void {
    if (member.standing !== "lacking" || this.#participants.all.length - this.#participants.count("left") < 2) return;
    const most = Math.max(leastCharge, mostCharge * this.#options.geometry.frameCount);
    const charge = this.#demands.chargeOf(member.index);
    if (charge > most)
      this.#leave(member, `it loses more than the others: ${Math.round(charge)} frames were sent for it alone`);
  }

  #leave(member: Participant, reason: string): void {
    this.#participants.leave(member, reason);
    this.#demands.drop(member.index);
    this.#rate.forget(member.index);
    this.#effects.push({ type: "dismiss", member: member.id, reason });
  }

  #work(now: Millis): void {
    this.#rate.look(now, this.#emitted * this.#options.wireBytes, this.#pacing.backlogBytes > 0);
    if (this.#participants.openCount === 0) return this.#end();
    if (now - this.#quorumAt > quorumGraceMs) return this.#giveUp("the quorum has it, and did not wait longer");
    if (this.#first.isWaiting) this.#tries.renew(now);
    if (this.#tries.isDue(now)) this.#try(now);
    if (this.#state !== "sending") return;
    this.#pacing.earn(now, this.#rate.bytesPerSecond);
    this.#emit(now);
    if (this.#demands.isPending || this.#first.isPending) {
      this.#hasPolled = false;
      this.wakeAt = this.#pacing.nextAt(now, this.#rate.bytesPerSecond);
    } else this.#poll(now);
  }

  #emit(now: Millis): void {
    for (let most = this.#pacing.room; most > 0; most = this.#pacing.room) {
      const count = this.#emitRepairs(most, now) || this.#emitFresh(most, now);
      if (count === 0) break;
      this.#pacing.spend(count);
    }
  }

  #emitRepairs(most: number, now: Millis): number {
    const run = this.#demands.next(most);
    if (run === undefined) return 0;
    const pass = Math.min(255, (this.#passes[run.block] as number) + 1);
    this.#passes[run.block] = pass;
    this.#frames.repair += run.count;
    const charged = this.#demands.sent(run, this.#say(run.block, run.index, run.count, pass, now));
    if (charged !== undefined) this.#weigh(this.#participants.all[charged] as Participant);
    return run.count;
  }

  #emitFresh(most: number, now: Millis): number {
    const run = this.#first.next(most, (block) => this.#demands.skip(block));
    if (run === undefined) return 0;
    const { block, index, count } = run;
    this.#tries.renew(now);
    this.#frames.first += count;
    this.#demands.begun(block, this.#say(block, index, count, 1, now), count);
    return count;
  }

  #say(block: number, index: number, count: number, pass: number, now: Millis): number {
    const emission = this.#emitted + 1;
    this.#log.note(emission, count, now);
    this.#emitted += count;
    this.#effects.push({ type: "frames", block, index, count, pass, emission });
    return emission;
  }

  /** Nothing is left to send: says so, and asks those who are still open, ever more slowly if nothing comes of it. */
  #poll(now: Millis): void {
    if (!this.#hasPolled) {
      this.#hasPolled = true;
      this.#ask([nobody]);
      this.#pollAt = now + this.#pauseMs;
    } else if (now >= this.#pollAt && this.#first.isWaiting) {
      // The data itself is still on its way: members need only know that this goes on.
      this.#ask([nobody]);
      this.#pollAt = now + longestTryMs;
    } else if (now >= this.#pollAt) {
      this.#try(now);
      if (this.#state !== "sending") return;
      this.#ask(this.#participants.asks());
      this.#pollAt = now + this.#pauseMs;
    }
    this.wakeAt = Math.min(this.#pollAt, this.#quorumAt + quorumGraceMs + 1);
  }

  get #pauseMs(): Millis {
    return Math.min(longestTryMs, (2 * this.#options.reportMs + 20) * 2 ** this.#tries.count);
  }

  #ask(asks: readonly (typeof nobody)[]): void {
    const { emitted, sentBlocks } = this.progress;
    for (const each of asks) this.#effects.push({ type: "poll", emitted, sentBlocks, asks: each });
  }

  /** One more try; too many without progress, or too much sent for nothing, end it. */
  #try(now: Millis): void {
    this.#tries.add(now);
    const problem = this.#tries.problemAt(now);
    if (problem !== undefined) this.#giveUp(problem);
    else if (this.#emitted > leastInVain + mostInVain * this.#options.geometry.frameCount)
      this.#giveUp(`${this.#emitted} frames were sent, and do not suffice`);
  }

  #giveUp(reason: string): void {
    for (const member of this.#participants.in("silent")) this.#leave(member, "it is silent");
    for (const member of this.#participants.in("lacking")) this.#leave(member, reason);
    this.#end();
  }

  #end(): void {
    this.#state = "ended";
    this.wakeAt = Infinity;
    const complete = this.#participants.in("complete").map(({ id }) => id);
    const left = this.#participants.in("left").map(({ id, reason }) => ({ member: id, reason }));
    const counters = {
      firstFrames: this.#frames.first,
      repairFrames: this.#frames.repair,
      reports: this.#reports,
      reductions: this.#rate.reductions,
      bytesPerSecond: Math.round(this.#rate.bytesPerSecond),
    };
    this.#effects.push({ type: "over" }, { type: "end", delivered: { complete, left, counters } });
  }
}

const nobody = { from: 0, to: 0xffffffff, listed: true, hashes: [] as readonly number[] };
