import type { KeyObject } from "node:crypto";
import { drive } from "distributary/sdk";
import type { Channel, Driven, Io, Log, Machine } from "distributary/sdk";
import type { SegmentGrant, SegmentWord } from "../../protocol/messages.ts";
import type { Acquaintance, SegmentEffect, SegmentEvent, SegmentFact } from "../../protocol/segment/events.ts";
import { SegmentMember } from "../../protocol/segment/member.ts";
import type { Way } from "../../protocol/segment/messages.ts";
import type { ChannelAlarm } from "../../runtime/channel/alarms.ts";
import { SecureChannel } from "../../runtime/channel/secure-channel.ts";
import type { ChannelKeys } from "../../runtime/channel/key-ring.ts";
import { datagramBytesFrom } from "../../runtime/datagram-size.ts";
import { LoopLag } from "../../runtime/loop-lag.ts";
import type { SegmentFiles } from "./files.ts";
import type { SegmentSockets } from "./sockets.ts";

export interface SegmentOptions {
  readonly node: string;
  readonly name: string;
  readonly grant: SegmentGrant;
  readonly files: SegmentFiles;
  readonly sockets: SegmentSockets;
  readonly key: KeyObject;
  readonly controlKey: KeyObject;
  readonly log: Log;
  /** How this node ranks at the moment. */
  priority(segment: { readonly ledAgoMs: number | undefined; readonly memberCount: number | undefined }): number;
  report(word: SegmentWord): void;
}

/** Jumps of the wall clock against the steady one that are more than its correction. */
const clockJumpMs = 5_000;
const marksMs = 60_000;
const rankMs = 60_000;

/** This node's part in its segment while its grant lasts: the machine, its datagrams, and what it keeps. */
export class Segment {
  readonly #io: Io;
  readonly #options: SegmentOptions;
  readonly #channel: SecureChannel;
  readonly #member: SegmentMember;
  readonly #stop = new AbortController();
  #driven: Driven<SegmentEvent> | undefined;
  #isLeading = false;
  #ledUntil: number | undefined;
  #memberCount: number | undefined;
  #clockGap: number;
  #eligible: boolean;
  /** Those who take what the leader announces. */
  readonly #listeners = new Set<(leader: string, bytes: Uint8Array) => void>();
  #peers: SegmentGrant["peers"];
  /** The leader that was heard last, and when. */
  #heard: { readonly leader: string; readonly at: number } | undefined;

  constructor(io: Io, options: SegmentOptions) {
    const { grant, node, name, files, sockets, log } = options;
    const { segment, timings, channel, reach } = grant;
    const memory = files.memory(segment);
    const marks = files.marks(segment);
    this.#io = io;
    this.#options = options;
    this.#clockGap = this.#gapOfClocks();
    this.#eligible = grant.eligible;
    this.#peers = grant.peers;
    this.#channel = new SecureChannel(io, {
      ...{ segment, id: node, bootSequence: files.nextBoot(io.clock.wallTime()), keys: keysOf(grant) },
      ...{ record: Buffer.from(grant.record, "base64"), signingKey: options.key, controlKey: options.controlKey },
      ...(marks === undefined ? {} : { marks }),
      alarm: (alarm) => warnOf(alarm, segment, log),
    });
    this.#member = new SegmentMember({
      ...{ id: node, name, at: sockets.at, priority: this.#priority(), eligible: grant.eligible },
      ...{ channel, timings, isUnicastOnly: reach === "unicast", acquaintances: acquaintancesOf(grant) },
      ...(memory === undefined ? {} : { memory }),
      seed: io.random.below(2 ** 32),
    });
  }

  /** Takes part until the signal; then leaves, and says so. */
  async run(signal: AbortSignal): Promise<void> {
    using lag = new LoopLag();
    const { clock } = this.#io;
    const { files, grant } = this.#options;
    const { periodMs } = grant.timings;
    const driven = drive(this.#guarded(), (effect) => this.#tryTo(effect), clock, this.#stop.signal);
    this.#driven = driven;
    driven.send({ type: "start" });
    const over = AbortSignal.any([signal, this.#stop.signal]);
    const every = (pauseMs: number, work: () => void) => this.#every(pauseMs, work, over);
    await Promise.all([
      every(periodMs, () => driven.send({ type: "lag", lagMs: lag.takeMs() })),
      every(periodMs, () => this.#watchClock()),
      every(rankMs, () => this.#rank()),
      every(marksMs, () => files.storeMarks(grant.segment, this.#channel.marks())),
    ]).catch((error: unknown) => this.#stop.abort(error));
    this.#stop.signal.throwIfAborted();
    driven.send({ type: "leave" });
    this.#stop.abort(new Error("the node leaves its segment"));
    files.storeMarks(grant.segment, this.#channel.marks());
  }

  /** A fault of the machine ends this part in the segment, not the agent. */
  #guarded(): Machine<SegmentEvent, SegmentEffect> {
    const [member, stop] = [this.#member, this.#stop];
    return {
      handle(event, now) {
        try {
          return member.handle(event, now);
        } catch (error) {
          stop.abort(error);
          return [];
        }
      },
      get wakeAt() {
        return member.wakeAt;
      },
    };
  }

  /** What cannot be done ends this part, with all that would follow: nothing is said that was not stored before. */
  #tryTo(effect: SegmentEffect): void {
    if (this.#stop.signal.aborted) return;
    try {
      this.#perform(effect);
    } catch (error) {
      this.#stop.abort(error);
    }
  }

  async #every(periodMs: number, work: () => void, signal: AbortSignal): Promise<void> {
    const { clock } = this.#io;
    while (!signal.aborted) {
      const isDue = await clock.until(clock.now() + periodMs, signal).then(
        () => true,
        () => false,
      );
      if (isDue) work();
    }
  }

  /** A datagram arrived. */
  receive(bytes: Uint8Array, way: Way): void {
    const opened = this.#channel.open(bytes);
    if (opened === undefined) return;
    const { from, message } = opened;
    this.#driven?.send({ type: "message", from, message, way });
    if (message.type !== "alive") return;
    // Only who leads by what this member knows may have it take part in something.
    const { tenure } = this.#member.election;
    if (tenure?.leader !== from || tenure.epoch !== message.epoch) return;
    this.#heard = { leader: from, at: this.#io.clock.now() };
    if (message.rides !== undefined) for (const heard of this.#listeners) heard(from, message.rides);
  }

  /** How transports reach the other members. */
  channel(): Channel {
    const { node, sockets } = this.#options;
    const { address } = sockets.at;
    return {
      self: node,
      interfaceAddress: address,
      ttl: sockets.ttl,
      datagramBytes: datagramBytesFrom(address),
      announce: (rides) => this.#driven?.send({ type: "announce", rides }),
      listen: (heard) => {
        this.#listeners.add(heard);
        return { [Symbol.dispose]: () => void this.#listeners.delete(heard) };
      },
    };
  }

  get isLeading(): boolean {
    return this.#isLeading;
  }

  /** When this node was last heard to lead; -Infinity if it was not, or another one was heard since. */
  heardLeading(node: string): number {
    return this.#heard?.leader === node ? this.#heard.at : -Infinity;
  }

  /** Multicast does not reach this member. */
  get isCutOff(): boolean {
    return this.#member.isCutOff;
  }

  /** What control asks of a leader. */
  tell(event: Extract<SegmentEvent, { type: "ask" | "move" }>): void {
    this.#driven?.send(event);
  }

  /** Goes on with what control grants now, if that is the same segment in the same way. */
  renew(grant: SegmentGrant): void {
    this.#channel.useRecord(Buffer.from(grant.record, "base64"));
    this.#channel.useKeys(keysOf(grant));
    this.#eligible = grant.eligible;
    // Of those it was told of before it knows better by now where they are.
    if (grant.peers !== this.#peers) this.#driven?.send({ type: "acquaintances", members: acquaintancesOf(grant) });
    this.#peers = grant.peers;
    this.#driven?.send({ type: "move", channel: grant.channel });
    this.#rank();
  }

  #rank(): void {
    this.#driven?.send({ type: "rank", priority: this.#priority(), eligible: this.#eligible });
  }

  #priority(): number {
    const now = this.#io.clock.now();
    if (this.#isLeading) this.#ledUntil = now;
    const ledAgoMs = this.#ledUntil === undefined ? undefined : now - this.#ledUntil;
    return this.#options.priority({ ledAgoMs, memberCount: this.#memberCount });
  }

  #perform(effect: SegmentEffect): void {
    const { files, sockets, grant, report } = this.#options;
    switch (effect.type) {
      case "send":
        sockets.send(this.#channel.seal(effect.message), effect.to);
        break;
      case "multicast": {
        const sealed = this.#channel.seal(effect.message);
        for (const { group, port } of effect.channels) sockets.send(sealed, { address: group, port });
        break;
      }
      case "store":
        files.storeMemory(grant.segment, effect.memory);
        break;
      case "listen":
        sockets.listen(effect.channels);
        break;
      case "report": {
        const { counters } = this.#channel;
        const { members } = effect.report;
        const isReached = members.length === 0 || members.some(({ byUnicast }) => !byUnicast);
        const reach = isReached && grant.reach !== "unicast" ? "multicast" : "unicast";
        this.#memberCount = members.length;
        report({ type: "segment", segment: grant.segment, report: effect.report, counters, reach });
        break;
      }
      case "unregistered":
        report({ type: "unregistered", segment: grant.segment, leader: effect.leader, tries: effect.tries });
        break;
      case "tell":
        this.#note(effect.fact);
    }
  }

  #note(fact: SegmentFact): void {
    const { log, grant, node } = this.#options;
    const { segment } = grant;
    if (fact.what === "state") {
      if (this.#isLeading) this.#ledUntil = this.#io.clock.now();
      this.#isLeading = fact.tenure?.leader === node;
      log.info(
        { segment, state: fact.state, leader: fact.tenure?.leader, epoch: fact.tenure?.epoch, why: fact.why },
        "election",
      );
    } else if (fact.what === "member") log.info({ segment, member: fact.member }, `member ${fact.is}`);
    else if (fact.what === "reach")
      log.warn(
        { segment },
        fact.byUnicast ? "multicast does not arrive here: going on without it" : "multicast arrives again",
      );
    else if (fact.what === "moved")
      log.info({ segment, channel: fact.channel }, "the segment moves to another channel");
    else if (fact.what === "deaf")
      log.warn({ segment, leader: fact.member }, "the leader does not hear, and is disregarded");
    else log.error({ segment, member: fact.member }, "the segment is full: this member is not registered");
  }

  /** A machine that was put back to an earlier state must not use its nonces again; its wall clock has jumped. */
  #watchClock(): void {
    const gap = this.#gapOfClocks();
    if (Math.abs(gap - this.#clockGap) > clockJumpMs)
      this.#channel.rekey(this.#options.files.nextBoot(this.#io.clock.wallTime()));
    this.#clockGap = gap;
  }

  #gapOfClocks(): number {
    return this.#io.clock.wallTime() - this.#io.clock.now();
  }
}

function keysOf({ keys, sealWith }: SegmentGrant): ChannelKeys {
  return { keys: keys.map(({ epoch, key }) => ({ epoch, key: Buffer.from(key, "base64") })), sealWith };
}

function acquaintancesOf({ peers }: SegmentGrant): Acquaintance[] {
  return peers.map(({ id, address, port }) => ({ id, at: { address, port } }));
}

function warnOf({ kind, sender }: ChannelAlarm, segment: string, log: Log): void {
  log.error({ segment, member: sender, alarm: kind }, "a member does what none does by mistake");
}
