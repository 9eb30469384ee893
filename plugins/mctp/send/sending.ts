import { drive } from "distributary/sdk";
import type { Channel, Delivered, Delivery, Driven, Io, UdpSocket } from "distributary/sdk";
import { sessionKeys } from "../wire/block-seal.ts";
import type { SessionKeys } from "../wire/block-seal.ts";
import { decodeWord, encodeWord, frameHeadBytes, writeFrameHead } from "../wire/datagram.ts";
import type { Word } from "../wire/datagram.ts";
import { FrameField } from "../field.ts";
import { Geometry, cutFor } from "../geometry.ts";
import type { Announced, FrameRun, Repair, Session } from "../wire/messages.ts";
import { reportMsFor } from "./participants.ts";
import type { RateLimits } from "./rate.ts";
import { SealedBlocks } from "./sealed-blocks.ts";
import { Sender } from "./sender.ts";
import type { SenderEffect, SenderEvent } from "./sender-events.ts";
import { Tagged } from "../wire/tagged.ts";

export interface SendingOptions {
  readonly repair: Repair;
  readonly limits: RateLimits;
  readonly largestDatagram: number;
  /** How fast this session may be at the moment, so that several share what there is. */
  share(bytesPerSecond: number): number;
}

/** Of Ethernet, IP and UDP, for each datagram. */
const wireHeadBytes = { 4: 42, 6: 62 } as const;
/** How often the store is asked what has come meanwhile, and the policy what may be sent. */
const lookMs = 20;
const farewells = 3;

/** One delivery at its sender: the machine, its datagrams, and the blocks they are made of. */
export class SendingSession {
  readonly session: Session;
  readonly #io: Io;
  readonly #delivery: Delivery;
  readonly #options: SendingOptions;
  readonly #socket: UdpSocket;
  readonly #geometry: Geometry;
  readonly #sender: Sender;
  readonly #field = new FrameField();
  readonly #keys: SessionKeys;
  readonly #tagged: Tagged;
  readonly #blocks: SealedBlocks;
  /** Where a run of frames is put together. */
  readonly #burst: number;
  readonly #burstFrames: number;
  /** From where members report. */
  readonly #addresses = new Map<string, { readonly address: string; readonly port: number }>();
  readonly #isReady: Uint8Array;
  #readyCount = 0;
  readonly #end = Promise.withResolvers<Delivered>();
  readonly #stop = new AbortController();
  #driven: Driven<SenderEvent> | undefined;
  #hasBacklog = false;
  #sentBytes = 0;

  private constructor(io: Io, channel: Channel, delivery: Delivery, options: SendingOptions, socket: UdpSocket) {
    const { from, range, members, quorum = members.length } = delivery;
    const { sizeBytes, pieceBytes } = from;
    const extent = { sizeBytes, pieceBytes, range };
    const cut = cutFor(extent, Math.min(channel.datagramBytes, options.largestDatagram) - frameHeadBytes);
    this.#io = io;
    this.#delivery = delivery;
    this.#options = options;
    this.#socket = socket;
    this.#geometry = new Geometry(extent, cut);
    this.session = {
      ...{ number: io.random.below(2 ** 32), assignment: from.assignment, extent, cut, key: io.random.bytes(32) },
      ...{ at: { address: channel.interfaceAddress, port: socket.port }, group: delivery.group, port: delivery.port },
      ...{ reportMs: reportMsFor(members.length), repair: options.repair },
    };
    this.#keys = sessionKeys(this.session);
    this.#tagged = new Tagged(this.#field, this.#keys.tag);
    this.#blocks = new SealedBlocks(this.#field, this.#geometry, from, this.#keys);
    this.#burstFrames = 44;
    this.#burst = this.#field.allocate(this.#burstFrames * this.#frameSize);
    this.#isReady = new Uint8Array(range.to - range.from);
    const wireBytes = this.#frameSize + wireHeadBytes[delivery.group.includes(":") ? 6 : 4];
    this.#sender = new Sender(
      {
        ...{ geometry: this.#geometry, members, quorum, reportMs: this.session.reportMs, wireBytes },
        ...{ limits: options.limits, repair: options.repair },
      },
      io.clock.now(),
    );
  }

  static async open(io: Io, channel: Channel, delivery: Delivery, options: SendingOptions): Promise<SendingSession> {
    let session: SendingSession | undefined;
    const socket = await io.udp.bind({
      ...{ port: 0, address: channel.interfaceAddress, interfaceAddress: channel.interfaceAddress, ttl: channel.ttl },
      receive: ({ bytes, address, port }) => session?.receive(bytes, { address, port }),
    });
    session = new SendingSession(io, channel, delivery, options, socket);
    return session;
  }

  /** As it stands in announcements. */
  get announced(): Announced {
    return { ...this.session, ...this.#sender.progress };
  }

  /** Sends until everybody has it or was left; rejects with the signal's reason, or if a piece is damaged. */
  async run(signal: AbortSignal): Promise<Delivered> {
    const over = AbortSignal.any([signal, this.#stop.signal]);
    const abort = () => this.#end.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      signal.throwIfAborted();
      // What is to be sent first is ready when it may be sent.
      if (this.#delivery.from.has(this.#delivery.range.from)) this.#blocks.at(0);
      this.#driven = drive(this.#sender, (effect) => this.#tryTo(effect), this.#io.clock, over);
      this.#look();
      this.#driven.send({ type: "start" });
      void this.#keepLooking(over);
      return await this.#end.promise;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#say({ kind: "over" });
      this.#stop.abort(new Error("the session is over"));
      this.#blocks.release();
      await this.#socket[Symbol.asyncDispose]();
    }
  }

  /** A report from a member; anything else is none of ours. */
  receive(bytes: Uint8Array, from: { address: string; port: number }): void {
    const head = this.#tagged.take(bytes);
    if (head === undefined || head.session !== this.session.number || head.pass !== 0) return;
    const word = decodeWord(head, bytes);
    if (word?.kind !== "report") return;
    if (this.#delivery.members.includes(word.member)) this.#addresses.set(word.member, from);
    this.#driven?.send({ type: "report", report: word });
  }

  get #frameSize(): number {
    return this.session.cut.frameBytes + frameHeadBytes;
  }

  #mostBytesPerSecond(): number {
    const { mostBytesPerSecond } = this.#delivery;
    return this.#options.share(Math.min(this.#options.limits.mostBytesPerSecond, mostBytesPerSecond?.() ?? Infinity));
  }

  async #keepLooking(signal: AbortSignal): Promise<void> {
    const { clock } = this.#io;
    while (!signal.aborted) {
      await clock.until(clock.now() + lookMs, signal).catch(() => undefined);
      if (!signal.aborted) this.#look();
    }
  }

  /** Tells the machine what the store has by now, what may be sent, and what waits. */
  #look(): void {
    const { from, range } = this.#delivery;
    this.#driven?.send({ type: "limit", bytesPerSecond: this.#mostBytesPerSecond() });
    if (this.#hasBacklog) this.#tellBacklog();
    if (this.#readyCount < this.#isReady.length) {
      for (let piece = range.from; piece < range.to; piece += 1) {
        if (this.#isReady[piece - range.from] === 1 || !from.has(piece)) continue;
        this.#isReady[piece - range.from] = 1;
        this.#readyCount += 1;
        const { from: first, to } = this.#geometry.blocksOf(piece);
        if (this.#isBlockReady(first)) this.#driven?.send({ type: "ready", from: first, to });
      }
    }
  }

  #isBlockReady(block: number): boolean {
    const { from, to } = this.#geometry.piecesOf(block);
    for (let piece = from; piece < to; piece += 1)
      if (this.#isReady[piece - this.#delivery.range.from] !== 1) return false;
    return true;
  }

  /** A piece that cannot be read any more ends the session: members get what they lack another way. */
  #tryTo(effect: SenderEffect): void {
    if (this.#stop.signal.aborted) return;
    try {
      this.#perform(effect);
    } catch (error) {
      this.#end.reject(error);
      this.#stop.abort(error);
    }
  }

  #perform(effect: SenderEffect): void {
    switch (effect.type) {
      case "frames":
        this.#sendFrames(effect);
        break;
      case "poll":
        this.#say({ ...effect, kind: "poll" });
        break;
      case "dismiss":
        this.#say(
          { kind: "dismissal", member: effect.member, reason: effect.reason },
          this.#addresses.get(effect.member),
        );
        break;
      case "over":
        for (let copy = 0; copy < farewells; copy += 1) this.#say({ kind: "over" });
        break;
      case "end":
        this.#end.resolve({
          ...effect.delivered,
          counters: { ...effect.delivered.counters, sentBytes: this.#sentBytes, isFast: this.#socket.isFast ? 1 : 0 },
        });
    }
  }

  #sendFrames(run: FrameRun): void {
    for (let done = 0; done < run.count; done += this.#burstFrames) {
      const count = Math.min(this.#burstFrames, run.count - done);
      this.#sendBurst({ ...run, index: run.index + done, emission: run.emission + done, count });
    }
    this.#tellBacklog();
  }

  #sendBurst({ block, index, count, pass, emission }: FrameRun): void {
    const { number: session, cut } = this.session;
    const { frameBytes } = cut;
    const [size, sources] = [this.#frameSize, this.#geometry.sourcesOf(block)];
    const at = this.#blocks.at(block);
    const { bytes } = this.#field;
    for (let offset = 0; offset < count; offset += 1) {
      const to = this.#burst + offset * size;
      const frame = index + offset;
      const head = { session, pass, index: frame, block, emission: emission + offset, sizeBytes: size };
      writeFrameHead(bytes, to, head);
      if (frame < sources)
        bytes.copyWithin(to + frameHeadBytes, at + frame * frameBytes, at + (frame + 1) * frameBytes);
      else this.#field.parity(at, sources, frameBytes, frame, to + frameHeadBytes);
      this.#tagged.tag(to, size);
    }
    const copy = Buffer.allocUnsafe(count * size);
    copy.set(bytes.subarray(this.#burst, this.#burst + count * size));
    this.#sentBytes += copy.length;
    this.#socket.sendMany(copy, size, this.#delivery.group, this.#delivery.port);
  }

  /** Only what is more than nothing, and that it is gone again, is worth telling. */
  #tellBacklog(): void {
    const { waitingBytes } = this.#socket;
    if (waitingBytes === 0 && !this.#hasBacklog) return;
    this.#hasBacklog = waitingBytes > 0;
    this.#driven?.send({ type: "backlog", bytes: waitingBytes });
  }

  #say(word: Word, to: { address: string; port: number } | undefined = undefined): void {
    const datagram = this.#tagged.tagged(encodeWord(this.session.number, word));
    const { group, port } = this.#delivery;
    this.#socket.send(datagram, to?.address ?? group, to?.port ?? port);
  }
}
