import type { Machine, Millis, Wake } from "distributary/sdk";
import { Chance } from "./chance.ts";
import { mostFrames } from "../geometry.ts";
import type { Geometry } from "../geometry.ts";
import { greetingShare, idHash, isAsked } from "../wire/messages.ts";
import type { Lack, Repair, Report } from "../wire/messages.ts";
import { Heaps } from "./heaps.ts";
import { OpenBlock } from "./open-block.ts";
import type { ReceiverEffect, ReceiverEvent } from "./receiver-events.ts";
import { Silence } from "./silence.ts";

export interface ReceiverOptions {
  readonly geometry: Geometry;
  /** This node's id. */
  readonly member: string;
  readonly reportMs: Millis;
  readonly repair: Repair;
  /** Blocks that are kept while they are not whole; what comes of others is let go of. */
  readonly mostOpen: number;
  /** Whether the bytes of a block are here already. */
  has(block: number): boolean;
  /** 32 random bits, other ones for each session and member. */
  readonly seed: number;
}

/** Frames that may overtake others on their way. */
const reorderFrames = 8;
/** As long as no frame comes, nothing is late before this. */
const quietMs = 15;
/** Who hears nothing for so long goes by what is announced. */
const deafMs = 200;
/** A process that is woken so much too late was held up. */
const lateMs = 4;
/** A report that brought nothing is repeated after so many of the usual pauses, and at least so long. */
const repeat = { periods: 3, leastMs: 60 };
/** A member that lacks nothing says that it hears, so that the leader finds out how fast it may be. */
const steady = { periods: 4, leastMs: 50 };
/** What fits into one report. */
const fits = { lacks: 180, bytes: 1_200, lackBytes: 6 };

const stage = { none: 0, open: 1, done: 2 } as const;

/** A member's side of a session: takes frames until each block is whole, and says what is lacking. */
export class Receiver implements Machine<ReceiverEvent, ReceiverEffect> {
  readonly #options: ReceiverOptions;
  readonly #hash: number;
  readonly #chance: Chance;
  readonly #heaps = new Heaps();
  readonly #silence = new Silence();
  readonly #stages: Uint8Array;
  readonly #open = new Map<number, OpenBlock>();
  /** For each block the latest frame of it that was seen; when it was reported, and what was the latest frame then. */
  readonly #touched: Float64Array;
  readonly #reportedAt: Float64Array;
  readonly #reportedSeen: Float64Array;
  #doneCount = 0;
  /** The first block that is not done. */
  #first = 0;
  /** Blocks below this were sent. */
  #horizon = 0;
  /** The block of the latest frame; and the latest frame after which the leader had nothing more to send. */
  #current = -1;
  #idleAfter = -1;
  #seen = 0;
  #seenAt: Millis = 0;
  #received = 0;
  #awakeSince: Millis = 0;
  #hadSomething = false;
  #reportAt: Millis = Infinity;
  #isAsked = false;
  /** When it reported last. */
  #saidAt: Millis = -Infinity;
  /** Why the session goes on without it. */
  #dismissal: string | undefined;
  #state: "new" | "receiving" | "complete" | "ended" = "new";
  #effects: ReceiverEffect[] = [];
  wakeAt: Millis = Infinity;

  constructor(options: ReceiverOptions) {
    const { blockCount } = options.geometry;
    this.#options = options;
    this.#hash = idHash(options.member);
    this.#stages = new Uint8Array(blockCount);
    this.#touched = new Float64Array(blockCount);
    this.#reportedAt = new Float64Array(blockCount).fill(-Infinity);
    this.#reportedSeen = new Float64Array(blockCount).fill(-1);
    this.#chance = new Chance(options.seed);
  }

  handle(event: ReceiverEvent | Wake, now: Millis): ReceiverEffect[] {
    if (this.#state === "ended") return none;
    // While this process was held up nothing was quiet: what came meanwhile waits to be read.
    if (now - this.wakeAt > lateMs) this.#awakeSince = now;
    this.#take(event, now);
    this.#settle(now);
    const effects = this.#effects;
    if (effects.length === 0) return none;
    this.#effects = [];
    return effects;
  }

  #take(event: ReceiverEvent | Wake, now: Millis): void {
    if (event.type !== "wake") this.#silence.heard(now);
    switch (event.type) {
      case "frame":
        this.#frame(event.block, event.index, event.emission, now);
        break;
      case "start":
        this.#start(now);
        break;
      case "progress":
        this.#progress(event, now);
        if (event.asks !== undefined && isAsked(event.asks, this.#hash)) this.#asked(now);
        break;
      case "opened":
        this.#done(event.block);
        this.#finish(now);
        break;
      case "failed":
        for (let block = event.from; block < event.to; block += 1) this.#forget(block);
        break;
      case "dismissed":
        // It takes what comes for the others' sake as before, and asks for nothing.
        if (this.#state === "receiving") this.#dismissal = event.reason;
        break;
      case "over":
        this.#end("the leader has ended the session");
    }
  }

  #start(now: Millis): void {
    this.#state = "receiving";
    for (let block = 0; block < this.#stages.length; block += 1) if (this.#options.has(block)) this.#done(block);
    this.#hadSomething = this.#doneCount > 0;
    this.#seenAt = now;
    // Who has something already says so before anything is sent; the others silently take part (CM-19).
    this.#reportAt = now + this.#chance.next() * this.#options.reportMs * (this.#hadSomething ? greetingShare : 1.5);
    this.#finish(now);
  }

  #frame(block: number, index: number, emission: number, now: Millis): void {
    if (!(block < this.#stages.length)) return;
    this.#received += 1;
    this.#heaps.note(now);
    if (emission > this.#seen) {
      this.#see(emission, now);
      this.#current = block;
    }
    if (emission > (this.#touched[block] as number)) this.#touched[block] = emission;
    if (block > this.#horizon) this.#horizon = block;
    if (this.#stages[block] === stage.done) return;
    const open = this.#open.get(block) ?? this.#admit(block);
    const row = open?.rowFor(index);
    if (open === undefined || row === undefined) return;
    this.#effects.push({ type: "keep", block, row });
    if (open.count === open.sources) this.#effects.push({ type: "restore", block, holds: open.holds });
  }

  /** What is announced overtakes what is sent; it counts only where nothing of that arrives. */
  #progress({ emitted, sentBlocks, isIdle }: ReceiverEvent & { type: "progress" }, now: Millis): void {
    if (!isIdle && (now - this.#seenAt < deafMs || now - this.#awakeSince < quietMs)) return;
    this.#horizon = Math.max(this.#horizon, Math.min(sentBlocks, this.#stages.length));
    if (emitted > this.#seen) this.#see(emitted, now);
    if (isIdle) this.#idleAfter = Math.max(this.#idleAfter, emitted);
  }

  #see(emission: number, now: Millis): void {
    this.#seen = emission;
    this.#seenAt = now;
  }

  #admit(block: number): OpenBlock | undefined {
    if (this.#open.size >= this.#options.mostOpen) return undefined;
    const open = new OpenBlock(this.#options.geometry.sourcesOf(block));
    this.#stages[block] = stage.open;
    this.#open.set(block, open);
    return open;
  }

  #done(block: number): void {
    if (this.#stages[block] === stage.done || !(block < this.#stages.length)) return;
    if (this.#open.delete(block)) this.#effects.push({ type: "drop", block });
    this.#stages[block] = stage.done;
    this.#doneCount += 1;
    while (this.#first < this.#stages.length && this.#stages[this.#first] === stage.done) this.#first += 1;
  }

  #finish(now: Millis): void {
    this.#silence.gained(this.#doneCount, now);
    if (this.#doneCount < this.#stages.length || this.#state !== "receiving") return;
    this.#state = "complete";
    this.#effects.push({ type: "complete" });
    this.#asked(now);
  }

  #forget(block: number): void {
    if (!(block < this.#stages.length)) return;
    if (this.#open.delete(block)) this.#effects.push({ type: "drop", block });
    if (this.#stages[block] === stage.done) {
      this.#doneCount -= 1;
      this.#first = Math.min(this.#first, block);
      if (this.#state === "complete") this.#state = "receiving";
    }
    this.#stages[block] = stage.none;
  }

  #asked(now: Millis): void {
    // Not sooner if it was to report anyway: all who are asked together answer evenly over the time.
    if (!this.#isAsked) this.#reportAt = now + this.#chance.next() * this.#options.reportMs;
    this.#isAsked = true;
  }

  #settle(now: Millis): void {
    if (this.#state === "ended") return;
    if (this.#silence.isSure(now)) return this.#end("the leader fell silent");
    if (this.#state === "receiving" && this.#silence.isInVain(now)) return this.#end("nothing comes of it");
    if (now >= this.#reportAt) {
      this.#report(now);
      this.#reportAt = now + this.#options.reportMs * (0.5 + this.#chance.next());
    }
    this.wakeAt = Math.min(this.#silence.dueAt, this.#reportAt);
  }

  #report(now: Millis): void {
    const { member, reportMs } = this.#options;
    const isComplete = this.#state === "complete";
    const isFirst = this.#hadSomething;
    this.#hadSomething = false;
    const { lacks, hasMore } = isComplete ? { lacks: [], hasMore: false } : this.#lacks(now, isFirst);
    const isSteady = this.#received > 0 && now - this.#saidAt >= Math.max(steady.leastMs, steady.periods * reportMs);
    const isDue = lacks.length > 0 || this.#isAsked || (isSteady && !isComplete);
    if (!isDue || this.#dismissal !== undefined) return;
    this.#isAsked = false;
    this.#saidAt = now;
    const heldMs = this.#seen === 0 ? 0 : Math.max(0, now - this.#seenAt);
    const report: Report = {
      ...{ member, seen: this.#seen, heldMs, received: this.#received },
      ...{ isComplete, isBehind: this.#heaps.take(), lacks, hasMore },
    };
    this.#effects.push({ type: "report", report });
  }

  /** Of the blocks that were sent, or of all. */
  #lacks(now: Millis, all: boolean): { lacks: Lack[]; hasMore: boolean } {
    const end = all ? this.#stages.length : Math.min(this.#horizon + 1, this.#stages.length);
    const lacks: Lack[] = [];
    let sizeBytes = 0;
    for (let block = this.#first; block < end; block += 1) {
      if (this.#stages[block] === stage.done || !(all || this.#isDue(block, now))) continue;
      if (lacks.length >= fits.lacks || sizeBytes > fits.bytes) return { lacks, hasMore: true };
      this.#reportedAt[block] = now;
      this.#reportedSeen[block] = this.#seen;
      const lack = this.#lackOf(block);
      const last = lacks.at(-1);
      const isNext = last !== undefined && last.block + last.blocks === block && last.frames === lack.frames;
      if (isNext && last.which === undefined && lack.which === undefined && last.blocks < 65_535) {
        lacks[lacks.length - 1] = { ...last, blocks: last.blocks + 1 };
        continue;
      }
      lacks.push(lack);
      sizeBytes += fits.lackBytes + (lack.which?.length ?? 0);
    }
    return { lacks, hasMore: false };
  }

  #lackOf(block: number): Lack {
    const open = this.#open.get(block);
    if (open === undefined) return { block, blocks: 1, frames: mostFrames - 1 };
    const one = { block, blocks: 1, frames: open.lacking };
    return this.#options.repair === "plain" || open.isUsedUp ? { ...one, which: open.missing() } : one;
  }

  /** Whether what is lacking of a block is not just on its way. */
  #isDue(block: number, now: Millis): boolean {
    const isQuiet = now - Math.max(this.#seenAt, this.#awakeSince) >= quietMs;
    const touched = this.#touched[block] as number;
    const isSent = block < this.#horizon || isQuiet || touched > 0;
    const isPast = isQuiet || touched <= this.#idleAfter || this.#isOvertaken(block, touched);
    if (!isSent || !isPast || this.#seen === 0) return false;
    const isAnswered = touched > (this.#reportedSeen[block] as number);
    const repeatMs = Math.max(repeat.leastMs, repeat.periods * this.#options.reportMs);
    return isAnswered || now - (this.#reportedAt[block] as number) >= repeatMs;
  }

  #isOvertaken(block: number, touched: number): boolean {
    return block !== this.#current && this.#seen - touched > reorderFrames;
  }

  #end(reason: string): void {
    const isComplete = this.#state === "complete";
    for (const block of this.#open.keys()) this.#effects.push({ type: "drop", block });
    this.#open.clear();
    this.#state = "ended";
    this.wakeAt = Infinity;
    this.#effects.push({ type: "end", reason: isComplete ? undefined : (this.#dismissal ?? reason) });
  }
}

const none: ReceiverEffect[] = [];
