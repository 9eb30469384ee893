import type { Machine, Millis, Wake } from "distributary/sdk";
import { Channels } from "./channels.ts";
import { Draws } from "./draws.ts";
import { Election } from "./election.ts";
import { Inquiry } from "./inquiry.ts";
import { Registration } from "./registration.ts";
import { Roll } from "./roll.ts";
import { Roster } from "./roster.ts";
import type {
  Acquaintance,
  ElectionState,
  SegmentEffect,
  SegmentEvent,
  SegmentMemory,
  SegmentReport,
} from "./events.ts";
import type { Channel, Endpoint, SegmentMessage, Way } from "./messages.ts";
import { SegmentOutbox } from "./outbox.ts";
import type { SegmentSelf } from "./self.ts";
import type { SegmentTimings } from "./timings.ts";

export interface SegmentMemberOptions {
  readonly id: string;
  readonly name: string;
  /** Where it receives what is for itself. */
  readonly at: Endpoint;
  readonly priority: number;
  /** Whether it may lead. */
  readonly eligible: boolean;
  /** As control has it; the newer of this and the remembered one counts. */
  readonly channel: Channel;
  /** No datagram goes to the group: there is no multicast here. */
  readonly isUnicastOnly?: boolean;
  readonly timings: SegmentTimings;
  /** What it had stored last. */
  readonly memory?: SegmentMemory;
  /** 32 random bits, other ones at every start. */
  readonly seed: number;
  readonly acquaintances: readonly Acquaintance[];
}

/** So often in a row the process must be late before it gives up leading. */
const mostLags = 3;

/**
 * One member of a segment: its part in elections and registration, and the channel it is on. An event and the time in,
 * effects out; driven by the agent and by the simulator.
 */
export class SegmentMember implements Machine<SegmentEvent, SegmentEffect> {
  readonly #self: SegmentSelf;
  readonly #election: Election;
  readonly #registration: Registration;
  readonly #roll: Roll;
  readonly #channels: Channels;
  readonly #inquiry: Inquiry;
  readonly #outbox: SegmentOutbox;
  #wasLeading = false;
  #state: ElectionState = "leader unknown";
  #epoch = 0;
  #lagCount = 0;
  #isGone = false;
  wakeAt: Millis = Infinity;

  constructor({ memory, channel, acquaintances, isUnicastOnly = false, seed, ...who }: SegmentMemberOptions) {
    const roster = new Roster(who.id);
    const draws = new Draws(seed);
    const current = memory !== undefined && memory.channel.number >= channel.number ? memory.channel : channel;
    const outbox = new SegmentOutbox(roster, [current], isUnicastOnly);
    let remembered: SegmentMemory = { epoch: memory?.epoch ?? 0, channel: current };
    this.#outbox = outbox;
    this.#self = {
      ...who,
      ...{ roster, draws, outbox },
      get memory() {
        return remembered;
      },
      remember(change) {
        remembered = { ...remembered, ...change };
        outbox.push({ type: "store", memory: remembered });
      },
    };
    roster.meet(acquaintances);
    this.#election = new Election(this.#self);
    this.#registration = new Registration(this.#self, this.#election);
    this.#roll = new Roll(this.#self);
    this.#channels = new Channels(this.#self);
    this.#inquiry = new Inquiry(this.#self, this.#election, this.#registration, this.#roll);
  }

  /** Whom it follows, and in which state. */
  get election(): Pick<Election, "state" | "tenure" | "epoch"> {
    return this.#election;
  }

  /** Whether multicast does not reach it. */
  get isCutOff(): boolean {
    return this.#outbox.isCutOff;
  }

  handle(event: SegmentEvent | Wake, now: Millis): SegmentEffect[] {
    if (this.#isGone) return [];
    const lateMs = now - this.wakeAt;
    if (lateMs > this.#self.timings.periodMs / 2) this.#resume(lateMs, now);
    this.#take(event, now);
    this.#settle(now);
    return this.#outbox.take();
  }

  #take(event: SegmentEvent | Wake, now: Millis): void {
    switch (event.type) {
      case "wake":
        break;
      case "message":
        this.#receive(event.from, event.message, event.way, now);
        break;
      case "start":
        this.#start(now);
        break;
      case "rank":
        this.#rank(event.priority, event.eligible, now);
        break;
      case "acquaintances":
        this.#self.roster.meet(event.members);
        break;
      case "lag":
        this.#lag(event.lagMs, now);
        break;
      case "move":
        this.#move(event.channel, now);
        break;
      case "announce":
        if (!this.#wasLeading) break;
        this.#election.leading.rides = event.rides;
        this.#election.leading.repeat(this.#election.epoch);
        break;
      case "ask":
        if (this.#wasLeading) this.#roll.ask(now);
        break;
      case "leave":
        this.#election.stepDown(now, Infinity);
        this.#outbox.toEach({ type: "leave" });
        this.#isGone = true;
    }
  }

  #receive(from: string, message: SegmentMessage, way: Way, now: Millis): void {
    if (this.#wasLeading) this.#roll.heard(from, now);
    switch (message.type) {
      case "alive":
        this.#election.alive(from, message, way, now);
        if (this.#election.leader?.id !== from || message.epoch !== this.#election.epoch) break;
        this.#channels.join(message.channel, now);
        this.#registration.alive(message.revision, now);
        break;
      case "claim":
        this.#election.claim(from, message, way, now);
        break;
      case "resign":
        this.#election.resign(from, message, now);
        break;
      case "probe":
        this.#inquiry.answer(message, way, now);
        break;
      case "answer":
        this.#inquiry.answered(from, message, now);
        break;
      case "register":
        this.#election.outdo(message.epoch, now);
        if (this.#wasLeading) this.#roll.register(from, message, this.#election.epoch, now);
        break;
      case "registered":
        this.#registration.registered(from, message, now);
        break;
      case "introduce":
        this.#registration.introduce(from, now);
        break;
      case "here":
        this.#election.outdo(message.epoch, now);
        if (this.#wasLeading) this.#roll.here(from, message, this.#election.epoch, now);
        else this.#correct(message.at);
        break;
      case "report":
        if (this.#election.leader?.id !== from) break;
        this.#self.roster.replace(message, from);
        this.#registration.report(from, message, now);
        break;
      case "leave":
        if (this.#wasLeading) this.#roll.leave(from, now);
        else this.#self.roster.demote(from);
    }
  }

  /** Someone takes this member for its leader still. */
  #correct(at: Endpoint): void {
    const { epoch, leader } = this.#election;
    if (leader === undefined) return;
    const successor = { id: leader.id, at: leader.at, priority: leader.priority, epoch: leader.epoch };
    this.#outbox.send(at, { type: "resign", epoch, successor });
  }

  #start(now: Millis): void {
    this.#channels.listen();
    this.#election.start(now);
    this.#inquiry.ask(now);
  }

  #move(channel: Channel, now: Millis): void {
    if (!this.#wasLeading || channel.number <= this.#self.memory.channel.number) return;
    this.#channels.join(channel, now);
    this.#election.leading.sayToEach(this.#election.epoch, now);
    this.#roll.ask(now);
  }

  #rank(priority: number, eligible: boolean, now: Millis): void {
    if (this.#self.priority === priority && this.#self.eligible === eligible) return;
    this.#self.priority = priority;
    this.#self.eligible = eligible;
    this.#election.ranked(now);
    this.#registration.renew(now);
  }

  #lag(lagMs: Millis, now: Millis): void {
    const { periodMs, distrustMs } = this.#self.timings;
    if (lagMs <= periodMs / 2) {
      this.#lagCount = 0;
      return;
    }
    this.#lagCount += 1;
    this.#election.lagged(lagMs);
    if (this.#lagCount >= mostLags) this.#election.stepDown(now, distrustMs);
  }

  /** The process stood still: nothing that was not heard meanwhile means anything. */
  #resume(lateMs: Millis, now: Millis): void {
    this.#election.resumed(lateMs, now);
    this.#roll.resumed(now);
  }

  /** Lets each part know what became of the others, and does what is due. */
  #settle(now: Millis): void {
    this.#follow(now);
    for (let turn = 0; turn < 4; turn += 1) {
      this.wakeAt = this.#nextMoment();
      if (now < this.wakeAt) return;
      this.#work(now);
      this.#follow(now);
    }
  }

  #nextMoment(): Millis {
    const own = this.#wasLeading ? this.#roll.wakeAt : this.#registration.wakeAt;
    return Math.min(this.#election.wakeAt, own, this.#inquiry.wakeAt, this.#channels.wakeAt);
  }

  #work(now: Millis): void {
    if (now >= this.#election.wakeAt) this.#election.wake(now);
    this.#follow(now);
    if (this.#wasLeading) {
      this.#roll.wake(() => this.#reportHead(now), now);
      this.#election.leading.revision = this.#roll.revision;
      this.#election.leading.isLossy = this.#roll.isLossy;
    } else this.#registration.wake(now);
    this.#inquiry.wake(now);
    this.#channels.wake(now);
  }

  #follow(now: Millis): void {
    const { state, epoch } = this.#election;
    const isLeading = state === "leader is me";
    if (isLeading !== this.#wasLeading) {
      if (isLeading) this.#roll.begin(now);
      else this.#roll.end();
      this.#wasLeading = isLeading;
    }
    this.#registration.follow(this.#election.leader, now);
    if (!isLeading) this.#registration.reachChanged(now);
    if (isLeading && epoch !== this.#epoch) this.#roll.ask(now);
    this.#epoch = epoch;
    if (state !== this.#state) this.#inquiry.changed(now);
    this.#state = state;
  }

  #reportHead(now: Millis): Omit<SegmentReport, "members" | "gone" | "revision"> {
    const { epoch, leading } = this.#election;
    const leadingMs = Math.max(0, Math.floor(now - leading.since));
    return { epoch, leader: this.#self.id, leadingMs, channel: this.#self.memory.channel };
  }
}
