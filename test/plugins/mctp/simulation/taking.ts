import { DistributaryError } from "../../../../sdk/errors.ts";
import type { Millis, Wake } from "../../../../sdk/machine.ts";
import { Violation } from "../../../../sdk/testkit/sim/world/violation.ts";
import { Geometry, mostFrames } from "../../../../plugins/mctp/geometry.ts";
import type { Announced, Session } from "../../../../plugins/mctp/wire/messages.ts";
import { PieceAssembly } from "../../../../plugins/mctp/receive/piece-assembly.ts";
import type { Receiver } from "../../../../plugins/mctp/receive/receiver.ts";
import type { ReceiverEffect, ReceiverEvent } from "../../../../plugins/mctp/receive/receiver-events.ts";
import type { Word } from "../../../../plugins/mctp/wire/datagram.ts";
import type { Machines } from "./machines.ts";
import type { PieceShelf } from "./pieces.ts";
import type { Frame, MctpEffect, MemberSettings } from "./world.ts";

/** A frame as it is kept: which, and what is in it. */
interface Kept {
  readonly index: number;
  readonly content: number;
}

/** One session at a member, as the shell of the product has it; what it is told to do with its frames is looked at. */
export class Taking {
  readonly session: Session;
  readonly geometry: Geometry;
  readonly #assignment: number;
  readonly #receiver: Receiver;
  readonly #unwrap: Machines["unwrap"];
  readonly #assembly: PieceAssembly;
  readonly #mostOpen: number;
  readonly #member: string;
  readonly #emit: (effect: MctpEffect) => void;
  readonly #rows = new Map<number, (Kept | undefined)[]>();
  /** Blocks that were opened, and hold what no leader sent. */
  readonly #wrong = new Set<number>();
  #frame: Kept = { index: -1, content: 0 };
  #seen = 0;
  isOver = false;

  constructor(
    session: Session,
    { Receiver, unwrap }: Machines,
    own: {
      readonly shelf: PieceShelf;
      readonly member: string;
      readonly seed: number;
      readonly settings: MemberSettings;
      emit(effect: MctpEffect): void;
    },
  ) {
    const { shelf, member, seed, settings } = own;
    const geometry = new Geometry(session.extent, session.cut);
    const assignment = Number.parseInt(session.assignment, 16);
    this.session = session;
    this.geometry = geometry;
    this.#assignment = assignment;
    this.#unwrap = unwrap;
    this.#emit = own.emit;
    this.#mostOpen = settings.mostOpen;
    this.#member = member;
    const store = {
      ...{ assignment: session.assignment, sizeBytes: 0, pieceBytes: 0, pieceCount: 0 },
      has: (piece: number) => shelf.has(assignment, piece),
      read: () => none,
      write: (piece: number) => this.#write(piece, shelf),
    };
    this.#assembly = new PieceAssembly(geometry, store, settings.mostPartial * session.extent.pieceBytes);
    this.#receiver = new Receiver({
      ...{ geometry, member, reportMs: session.reportMs, repair: session.repair, seed, mostOpen: settings.mostOpen },
      has(block) {
        const { from, to } = geometry.piecesOf(block);
        for (let piece = from; piece < to; piece += 1) if (!store.has(piece)) return false;
        return true;
      },
    });
  }

  get wakeAt(): Millis {
    return this.isOver ? Infinity : this.#receiver.wakeAt;
  }

  start(now: Millis): void {
    const { extent, number: session } = this.session;
    this.#emit({ type: "tell", fact: { what: "takes", session, assignment: this.#assignment, extent } });
    this.give({ type: "start" }, now);
  }

  announced({ emitted, sentBlocks }: Announced, now: Millis): void {
    this.give({ type: "progress", emitted, sentBlocks, isIdle: false }, now);
  }

  frame({ block, index, emission: low, content }: Frame, now: Millis): void {
    if (block >= this.geometry.blockCount || index >= mostFrames) return;
    const emission = this.#unwrap(low, this.#seen);
    this.#seen = Math.max(this.#seen, emission);
    this.#frame = { index, content };
    this.give({ type: "frame", block, index, emission }, now);
  }

  word(word: Word, now: Millis): void {
    switch (word.kind) {
      case "poll":
        this.#seen = Math.max(this.#seen, word.emitted);
        return this.give({ ...word, type: "progress", isIdle: true }, now);
      case "dismissal":
        if (word.member === this.#member) this.give({ type: "dismissed", reason: word.reason }, now);
        return;
      case "over":
        this.give({ type: "over" }, now);
    }
  }

  give(event: ReceiverEvent | Wake, now: Millis): void {
    if (this.isOver) return;
    const effects = this.#receiver.handle(event, now);
    for (let at = 0; at < effects.length; at += 1) this.#perform(effects[at] as ReceiverEffect, now);
  }

  #perform(effect: ReceiverEffect, now: Millis): void {
    const { number: session, extent, at } = this.session;
    switch (effect.type) {
      case "keep":
        return this.#keep(effect.block, effect.row, now);
      case "restore":
        return this.#restore(effect.block, effect.holds, now);
      case "drop":
        this.#rows.delete(effect.block);
        return;
      case "report": {
        const word = { kind: "report", ...effect.report } as const;
        return this.#emit({ type: "send", to: placeAt(at), message: { type: "word", session, word } });
      }
      case "complete":
        return this.#emit({ type: "tell", fact: { what: "complete", session, assignment: this.#assignment, extent } });
      case "end":
        this.isOver = true;
        this.#rows.clear();
        this.#emit({ type: "tell", fact: { what: "ended", session, reason: effect.reason } });
    }
  }

  #keep(block: number, row: number, now: Millis): void {
    const sources = this.geometry.sourcesOf(block);
    if (!(row >= 0 && row < sources)) throw new Violation("M2", now, `row ${row} of ${sources}`);
    let rows = this.#rows.get(block);
    if (rows === undefined) {
      rows = new Array<Kept | undefined>(sources).fill(undefined);
      this.#rows.set(block, rows);
      if (this.#rows.size > this.#mostOpen) throw new Violation("M6", now, `${this.#rows.size} blocks are open`);
    }
    rows[row] = this.#frame;
  }

  /** A block is what its frames make of it: which need to be as many others as it has, each where it is said to be. */
  #restore(block: number, holds: Int16Array, now: Millis): void {
    const rows = this.#rows.get(block) ?? [];
    const isSound =
      rows.length === holds.length &&
      new Set(holds).size === holds.length &&
      rows.every((kept, row) => {
        const index = kept?.index ?? -1;
        return index === holds[row] && (index === row || index >= rows.length);
      });
    if (!isSound) throw new Violation("M2", now, `block ${block} is made whole of ${holds.join(" ")}`);
    const contents = new Set(rows.map((kept) => kept?.content ?? 0));
    const [content = 0] = contents;
    // Frames of one origin make a block that opens, whoever sealed it.
    if (contents.size > 1) return this.give({ type: "failed", from: block, to: block + 1 }, now);
    if (content === 0) this.#wrong.delete(block);
    else this.#wrong.add(block);
    const result = this.#assembly.take(block, none);
    if (result.is === "stored") this.give({ type: "opened", block }, now);
    else if (result.is === "refused") this.give({ type: "failed", from: result.from, to: result.to }, now);
    else throw result.error;
  }

  /** As a store does, which knows the hash of each piece. */
  #write(piece: number, shelf: PieceShelf): void {
    const { from, to } = this.geometry.blocksOf(piece);
    for (let block = from; block < to; block += 1)
      if (this.#wrong.has(block)) throw new DistributaryError("DIST_ERR_TRANSFER_PIECE", `piece ${piece} is another`);
    shelf.add(this.#assignment, piece);
  }
}

const none = new Uint8Array();

function placeAt(at: Session["at"]): { address: string; port: number } {
  return { address: at.address, port: at.port };
}
