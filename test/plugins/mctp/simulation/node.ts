import { mostSessions } from "../../../../plugins/mctp/wire/announcement.ts";
import type { Announced } from "../../../../plugins/mctp/wire/messages.ts";
import type { Word } from "../../../../plugins/mctp/wire/datagram.ts";
import type { Millis } from "../../../../sdk/machine.ts";
import { SimRandom } from "../../../../sdk/testkit/sim/random.ts";
import { placeOf } from "../../../../sdk/testkit/sim/world/lan.ts";
import type { SimMachine, SimNode } from "../../../../sdk/testkit/sim/world/machine-in-world.ts";
import { asBytes, fromBytes } from "./codec.ts";
import { Giving } from "./giving.ts";
import type { Machines } from "./machines.ts";
import { PieceShelf } from "./pieces.ts";
import { Taking } from "./taking.ts";
import { announcements, frames } from "./world.ts";
import type { Deliver, Frame, MctpEffect, MctpMessage, MctpWorldEvent, MemberSettings, Pieces } from "./world.ts";

/** Pauses after something new was announced; from then on the last one. */
const pausesMs: readonly Millis[] = [10, 20, 40, 80, 160, 250];

/** A node of the segment: takes what is announced, and is its leader whenever it is to deliver something. */
export class MctpNode implements SimMachine<MctpWorldEvent, MctpEffect> {
  readonly #node: SimNode<MemberSettings>;
  readonly #machines: Machines;
  readonly #random: SimRandom;
  readonly #shelf: PieceShelf;
  readonly #givings = new Map<number, Giving>();
  readonly #takings = new Map<number, Taking>();
  readonly #over = new Set<number>();
  #announcing: { members: readonly number[]; count: number; at: Millis } | undefined;
  #effects: MctpEffect[] = [];

  constructor(node: SimNode<MemberSettings>, memory: Pieces | undefined, seed: number, machines: Machines) {
    this.#node = node;
    this.#machines = machines;
    this.#random = new SimRandom(seed, node.index);
    this.#shelf = new PieceShelf(memory);
  }

  get wakeAt(): Millis {
    let soonest = this.#announcing?.at ?? Infinity;
    for (const giving of this.#givings.values()) soonest = Math.min(soonest, giving.wakeAt);
    for (const taking of this.#takings.values()) soonest = Math.min(soonest, taking.wakeAt);
    // Clocks of the world show whole milliseconds.
    return Math.ceil(soonest);
  }

  handle(event: MctpWorldEvent, now: Millis): readonly MctpEffect[] {
    this.#take(event, now);
    if (this.#announcing !== undefined && now >= this.#announcing.at) this.#announce(now);
    if (this.#effects.length === 0) return nothing;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  readonly #emit = (effect: MctpEffect): void => {
    // What was stored is durable before anybody hears of it.
    const memory = this.#shelf.changed();
    if (memory !== undefined) this.#effects.push({ type: "store", memory });
    const isSaid = effect.type === "send" || effect.type === "multicast";
    const isEncoded = isSaid && this.#node.settings.encodes === true;
    this.#effects.push(isEncoded ? { ...effect, message: asBytes(effect.message) } : effect);
  };

  #take(event: MctpWorldEvent, now: Millis): void {
    switch (event.type) {
      case "start":
        this.#effects.push({ type: "listen", channels: [announcements, frames] });
        break;
      case "wake":
        for (const giving of this.#givings.values()) this.#afterGiving(giving, () => giving.wake(now), now);
        for (const taking of this.#takings.values())
          if (now >= taking.wakeAt) this.#afterTaking(taking, () => taking.give({ type: "wake" }, now));
        break;
      case "message": {
        const message = event.message.type === "bytes" ? fromBytes(event.message.bytes) : event.message;
        this.#hear(event.from, message, now);
        break;
      }
      case "deliver":
        this.#deliver(event, now);
        break;
      case "hold":
        for (let piece = event.from; piece < event.to; piece += 1) this.#shelf.add(event.assignment, piece);
        this.#storeChanges();
        break;
      case "backlog":
      case "limit":
        for (const giving of this.#givings.values()) this.#afterGiving(giving, () => giving.give(event, now), now);
    }
  }

  #hear(from: string, message: MctpMessage, now: Millis): void {
    switch (message.type) {
      case "announcement":
        for (const session of message.sessions) this.#announced(session, now);
        break;
      case "frame": {
        const taking = this.#takings.get(message.session);
        if (taking === undefined) return;
        this.#afterTaking(taking, () => taking.frame(message, now));
        this.#forge(message, taking);
        break;
      }
      case "word":
        this.#heardWord(from, message.session, message.word, now);
    }
  }

  #heardWord(from: string, session: number, word: Word, now: Millis): void {
    if (word.kind !== "report") {
      const taking = this.#takings.get(session);
      if (taking !== undefined) this.#afterTaking(taking, () => taking.word(word, now));
      return;
    }
    const giving = this.#givings.get(session);
    if (giving === undefined) return;
    giving.heard(placeOf(Number(from.slice(1))), word.member);
    this.#afterGiving(giving, () => giving.give({ type: "report", report: word }, now), now);
  }

  /** Takes part in what is announced, if it is not its own. */
  #announced(session: Announced, now: Millis): void {
    const known = this.#takings.get(session.number);
    if (known !== undefined) return this.#afterTaking(known, () => known.announced(session, now));
    if (this.#over.has(session.number) || this.#takings.size >= mostSessions) return;
    const { settings, name: member } = this.#node;
    const seed = this.#random.below(2 ** 32);
    const own = { shelf: this.#shelf, member, seed, settings, emit: this.#emit };
    const taking = new Taking(session, this.#machines, own);
    this.#takings.set(session.number, taking);
    this.#afterTaking(taking, () => {
      taking.start(now);
      taking.announced(session, now);
    });
  }

  #afterTaking(taking: Taking, does: () => void): void {
    does();
    this.#storeChanges();
    if (!taking.isOver) return;
    this.#takings.delete(taking.session.number);
    this.#over.add(taking.session.number);
  }

  #storeChanges(): void {
    const memory = this.#shelf.changed();
    if (memory !== undefined) this.#effects.push({ type: "store", memory });
  }

  #deliver(deliver: Deliver, now: Millis): void {
    const others = { ...deliver, members: deliver.members.filter((node) => node !== this.#node.index) };
    const number = this.#random.below(2 ** 32);
    const own = { shelf: this.#shelf, number, at: this.#node.at, emit: this.#emit };
    const giving = new Giving(others, this.#machines, own, now);
    this.#givings.set(number, giving);
    const members = others.announces === "multicast" ? [] : others.members;
    this.#announcing = { members, count: 0, at: now };
    this.#announce(now);
    this.#afterGiving(giving, () => giving.start(now), now);
  }

  #afterGiving(giving: Giving, does: () => void, now: Millis): void {
    does();
    this.#storeChanges();
    if (!giving.isOver || !this.#givings.delete(giving.session.number)) return;
    if (this.#announcing !== undefined) this.#announcing = { ...this.#announcing, count: 0, at: now };
  }

  #announce(now: Millis): void {
    if (this.#announcing === undefined) return;
    if (this.#givings.size === 0) {
      this.#announcing = undefined;
      return;
    }
    const { members, count } = this.#announcing;
    const sessions = [...this.#givings.values()].slice(0, mostSessions).map(({ announced }) => announced);
    const message = { type: "announcement", sessions } as const;
    if (members.length === 0) this.#emit({ type: "multicast", channels: [announcements], message });
    for (const node of members) this.#emit({ type: "send", to: placeOf(node), message });
    const pauseMs = pausesMs[Math.min(count, pausesMs.length - 1)] ?? 0;
    this.#announcing = { members, count: count + 1, at: now + pauseMs };
  }

  /** An insider has the key of the session, so that what it makes up carries the right tag. */
  #forge({ session, block, index, pass, emission }: Frame, taking: Taking): void {
    const { forgesPermille = 0 } = this.#node.settings;
    if (forgesPermille === 0 || this.#random.below(1_000) >= forgesPermille) return;
    const { blockCount } = taking.geometry;
    const ways: readonly (() => Partial<Frame>)[] = [
      () => ({ index: this.#random.below(256) }),
      () => ({ block: this.#random.below(blockCount), index: this.#random.below(256) }),
      () => ({ block: this.#random.below(2 ** 24), index: this.#random.below(256) }),
      () => ({ emission: (emission + this.#random.below(64)) & 0xffffff }),
      () => ({ emission: this.#random.below(2 ** 24) }),
    ];
    // The last way is rare: who believes it is not heard by the leader any more.
    const way = ways[this.#random.below(100) === 0 ? 4 : this.#random.below(4)];
    const content = 1 + this.#random.below(2);
    const frame = { type: "frame", session, block, index, pass, emission, content, ...way?.() } as const;
    this.#emit({ type: "multicast", channels: [frames], message: frame });
  }
}

const nothing: readonly MctpEffect[] = [];
