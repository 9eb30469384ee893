import { drive } from "distributary/sdk";
import type { Driven, Io, PieceStore } from "distributary/sdk";
import { openBlock, sessionKeys } from "../wire/block-seal.ts";
import type { SessionKeys } from "../wire/block-seal.ts";
import { decodeWord, encodeWord, frameHeadBytes, readBlock, readEmission, unwrap } from "../wire/datagram.ts";
import type { Head, Word } from "../wire/datagram.ts";
import { FrameField } from "../field.ts";
import { Geometry, mostFrames, sealBytes } from "../geometry.ts";
import type { Announced, Session } from "../wire/messages.ts";
import { PieceAssembly } from "./piece-assembly.ts";
import { Receiver } from "./receiver.ts";
import type { ReceiverEffect, ReceiverEvent } from "./receiver-events.ts";
import { Tagged } from "../wire/tagged.ts";

export interface ReceivingOptions {
  /** This node's id. */
  readonly member: string;
  readonly store: PieceStore;
  /** Of blocks and pieces that are not whole, each. */
  readonly memoryBytes: number;
  report(datagram: Uint8Array): void;
  /** Everything is here. */
  complete(): void;
  /** Nothing more comes, and why if not everything is here. */
  end(reason: string | undefined): void;
}

/** One session at a member: the machine, the frames it keeps, and the pieces they become. */
export class ReceivingSession {
  readonly session: Session;
  readonly #options: ReceivingOptions;
  /** One of its own, so that what a session takes is free when it is over. */
  readonly #field = new FrameField();
  readonly #geometry: Geometry;
  readonly #keys: SessionKeys;
  readonly #tagged: Tagged;
  readonly #assembly: PieceAssembly;
  /** Where each block that is not whole is kept. */
  readonly #rows = new Map<number, number>();
  readonly #blockBytes: number;
  readonly #driven: Driven<ReceiverEvent>;
  readonly #stop = new AbortController();
  #seen = 0;

  constructor(io: Io, session: Session, options: ReceivingOptions) {
    const { store, member, memoryBytes } = options;
    const geometry = new Geometry(session.extent, session.cut);
    this.session = session;
    this.#options = options;
    this.#geometry = geometry;
    this.#keys = sessionKeys(session);
    this.#tagged = new Tagged(this.#field, this.#keys.tag);
    this.#assembly = new PieceAssembly(geometry, store, memoryBytes);
    this.#blockBytes = geometry.sourcesOf(0) * session.cut.frameBytes;
    const receiver = new Receiver({
      ...{ geometry, member, reportMs: session.reportMs, repair: session.repair, seed: io.random.below(2 ** 32) },
      mostOpen: Math.max(2, Math.floor(memoryBytes / this.#blockBytes)),
      has(block) {
        const { from, to } = geometry.piecesOf(block);
        for (let piece = from; piece < to; piece += 1) if (!store.has(piece)) return false;
        return true;
      },
    });
    this.#driven = drive(receiver, (effect) => this.#perform(effect), io.clock, this.#stop.signal);
  }

  start(): void {
    this.#driven.send({ type: "start" });
  }

  /** The leader announced it again. */
  announced({ emitted, sentBlocks }: Announced): void {
    this.#driven.send({ type: "progress", emitted, sentBlocks, isIdle: false });
  }

  /** A datagram with this session's number. */
  receive(datagram: Uint8Array): void {
    const head = this.#tagged.take(datagram);
    if (head === undefined || head.session !== this.session.number || this.#stop.signal.aborted) return;
    if (head.pass > 0) this.#takeFrame(head);
    else this.#takeWord(decodeWord(head, datagram));
  }

  dispose(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(new Error("the session is over"));
    this.#rows.clear();
  }

  #takeFrame({ index, sizeBytes }: Head): void {
    if (sizeBytes !== this.session.cut.frameBytes + frameHeadBytes) return;
    const { bytes } = this.#field;
    const block = readBlock(bytes, this.#tagged.room);
    if (block >= this.#geometry.blockCount || index >= mostFrames) return;
    const emission = unwrap(readEmission(bytes, this.#tagged.room), this.#seen);
    this.#seen = Math.max(this.#seen, emission);
    this.#driven.send({ type: "frame", block, index, emission });
  }

  #takeWord(word: Word | undefined): void {
    switch (word?.kind) {
      case "poll":
        this.#seen = Math.max(this.#seen, word.emitted);
        this.#driven.send({ ...word, type: "progress", isIdle: true });
        break;
      case "dismissal":
        if (word.member === this.#options.member) this.#driven.send({ type: "dismissed", reason: word.reason });
        break;
      case "over":
        this.#driven.send({ type: "over" });
    }
  }

  #perform(effect: ReceiverEffect): void {
    switch (effect.type) {
      case "keep":
        this.#keep(effect.block, effect.row);
        break;
      case "restore":
        this.#restore(effect.block, effect.holds);
        break;
      case "drop":
        this.#drop(effect.block);
        break;
      case "report":
        this.#options.report(
          this.#tagged.tagged(encodeWord(this.session.number, { kind: "report", ...effect.report })),
        );
        break;
      case "complete":
        this.#options.complete();
        break;
      case "end":
        this.#options.end(effect.reason);
        this.dispose();
    }
  }

  #keep(block: number, row: number): void {
    let at = this.#rows.get(block);
    if (at === undefined) {
      at = this.#field.allocate(this.#blockBytes);
      this.#rows.set(block, at);
    }
    const { frameBytes } = this.session.cut;
    const from = this.#tagged.room + frameHeadBytes;
    this.#field.bytes.copyWithin(at + row * frameBytes, from, from + frameBytes);
  }

  #restore(block: number, holds: Int16Array): void {
    const at = this.#rows.get(block);
    if (at === undefined) return;
    this.#field.restore(at, this.#geometry.sourcesOf(block), this.session.cut.frameBytes, holds);
    const sealed = this.#field.bytes.subarray(at, at + this.#geometry.lengthOf(block) + sealBytes);
    const plain = openBlock(this.#keys, block, sealed);
    // A member that made up a frame cannot be told from the others; the block comes once more.
    if (plain === undefined) return this.#driven.send({ type: "failed", from: block, to: block + 1 });
    const result = this.#assembly.take(block, plain);
    if (result.is === "stored") this.#driven.send({ type: "opened", block });
    else if (result.is === "refused") this.#driven.send({ type: "failed", from: result.from, to: result.to });
    else {
      this.#options.end(result.error.message);
      this.dispose();
    }
  }

  #drop(block: number): void {
    const at = this.#rows.get(block);
    if (at === undefined) return;
    this.#rows.delete(block);
    this.#field.release(at);
  }
}
