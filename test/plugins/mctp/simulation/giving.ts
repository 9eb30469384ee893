import { cutFor, Geometry } from "../../../../plugins/mctp/geometry.ts";
import type { Announced, Session } from "../../../../plugins/mctp/wire/messages.ts";
import { reportMsFor } from "../../../../plugins/mctp/send/participants.ts";
import type { Sender } from "../../../../plugins/mctp/send/sender.ts";
import type { SenderEffect, SenderEvent } from "../../../../plugins/mctp/send/sender-events.ts";
import { frameHeadBytes } from "../../../../plugins/mctp/wire/datagram.ts";
import type { Millis, Wake } from "../../../../sdk/machine.ts";
import type { Place } from "../../../../sdk/testkit/sim/world/machine-in-world.ts";
import type { Machines } from "./machines.ts";
import type { PieceShelf } from "./pieces.ts";
import { frames } from "./world.ts";
import type { Deliver, MctpEffect, MctpMessage } from "./world.ts";

const wireHeadBytes = 42;
const farewells = 3;

/** One session at its sender, as the shell of the product has it. */
export class Giving {
  readonly session: Session;
  readonly #deliver: Deliver;
  readonly #geometry: Geometry;
  readonly #sender: Sender;
  readonly #shelf: PieceShelf;
  readonly #emit: (effect: MctpEffect) => void;
  readonly #heardFrom = new Map<string, Place>();
  readonly #isReady: Uint8Array;
  /** When the next piece comes from elsewhere. */
  #fillAt: Millis;
  isOver = false;

  constructor(
    deliver: Deliver,
    { Sender }: Machines,
    own: { readonly shelf: PieceShelf; readonly number: number; readonly at: Place; emit(effect: MctpEffect): void },
    now: Millis,
  ) {
    const { extent, members, mostFrameBytes, quorum = members.length, limits, repair } = deliver;
    const cut = cutFor(extent, mostFrameBytes);
    const reportMs = reportMsFor(members.length);
    this.#deliver = deliver;
    this.#shelf = own.shelf;
    this.#emit = own.emit;
    this.#geometry = new Geometry(extent, cut);
    this.session = {
      ...{ number: own.number, assignment: hexOf(deliver.assignment), extent, cut, key: new Uint8Array(32) },
      ...{ ...frames, at: own.at, reportMs, repair },
    };
    this.#isReady = new Uint8Array(extent.range.to - extent.range.from);
    this.#fillAt = now + deliver.fillMs;
    const wireBytes = cut.frameBytes + frameHeadBytes + wireHeadBytes;
    const ids = members.map((node) => `n${node}`);
    this.#sender = new Sender(
      { geometry: this.#geometry, members: ids, quorum, reportMs, wireBytes, limits, repair },
      now,
    );
  }

  get announced(): Announced {
    return { ...this.session, ...this.#sender.progress };
  }

  get wakeAt(): Millis {
    return this.isOver ? Infinity : Math.min(this.#sender.wakeAt, this.#fillAt);
  }

  start(now: Millis): void {
    const { session, reportMs } = { session: this.session.number, reportMs: this.session.reportMs };
    this.#emit({ type: "tell", fact: { what: "delivers", session, deliver: this.#deliver, reportMs } });
    this.#fill(now);
    this.give({ type: "start" }, now);
  }

  wake(now: Millis): void {
    if (now >= this.#fillAt) this.#fill(now);
    if (now >= this.#sender.wakeAt) this.give({ type: "wake" }, now);
  }

  heard(from: Place, member: string): void {
    this.#heardFrom.set(member, from);
  }

  give(event: SenderEvent | Wake, now: Millis): void {
    for (const effect of this.#sender.handle(event, now)) this.#perform(effect);
  }

  /** What the sender has by now, or gets. */
  #fill(now: Millis): void {
    const { range } = this.#deliver.extent;
    const { assignment, fillMs } = this.#deliver;
    for (let piece = range.from; piece < range.to; piece += 1) {
      if (this.#isReady[piece - range.from] === 1) continue;
      if (!this.#shelf.has(assignment, piece)) {
        if (now < this.#fillAt) continue;
        this.#shelf.add(assignment, piece);
        this.#fillAt = now + fillMs;
      }
      this.#isReady[piece - range.from] = 1;
      const { from, to } = this.#geometry.blocksOf(piece);
      if (this.#isBlockReady(from)) this.give({ type: "ready", from, to }, now);
    }
    if (this.#isReady.every((is) => is === 1)) this.#fillAt = Infinity;
  }

  #isBlockReady(block: number): boolean {
    const { from, to } = this.#geometry.piecesOf(block);
    const first = this.#deliver.extent.range.from;
    return this.#isReady.subarray(from - first, to - first).every((is) => is === 1);
  }

  #perform(effect: SenderEffect): void {
    const { number: session } = this.session;
    switch (effect.type) {
      case "frames":
        for (let at = 0; at < effect.count; at += 1) {
          const { block, pass } = effect;
          const emission = (effect.emission + at) & 0xffffff;
          const one = { type: "frame", session, block, index: effect.index + at, pass, emission, content: 0 } as const;
          this.#toAll(one);
        }
        break;
      case "poll": {
        const { emitted, sentBlocks, asks } = effect;
        this.#toAll({ type: "word", session, word: { kind: "poll", emitted, sentBlocks, asks } });
        break;
      }
      case "dismiss": {
        const { member, reason } = effect;
        const message = { type: "word", session, word: { kind: "dismissal", member, reason } } as const;
        const to = this.#heardFrom.get(member);
        if (to === undefined) this.#toAll(message);
        else this.#emit({ type: "send", to, message });
        break;
      }
      case "over":
        for (let copy = 0; copy < farewells; copy += 1) this.#toAll({ type: "word", session, word: { kind: "over" } });
        break;
      case "end": {
        this.isOver = true;
        const { delivered } = effect;
        this.#emit({ type: "tell", fact: { what: "delivered", session, deliver: this.#deliver, delivered } });
      }
    }
  }

  #toAll(message: MctpMessage): void {
    this.#emit({ type: "multicast", channels: dataChannels, message });
  }
}

const dataChannels = [frames];

/** The name of an assignment. */
function hexOf(assignment: number): string {
  return assignment.toString(16).padStart(64, "0");
}
