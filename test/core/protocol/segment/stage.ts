import { SegmentMember } from "../../../../core/protocol/segment/member.ts";
import type { SegmentMemberOptions } from "../../../../core/protocol/segment/member.ts";
import type { SegmentEffect, SegmentEvent } from "../../../../core/protocol/segment/events.ts";
import type { Alive, Claim, SegmentMessage, Way } from "../../../../core/protocol/segment/messages.ts";
import { segmentTimings } from "../../../../core/protocol/segment/timings.ts";

export const channel = { number: 1, group: "239.192.0.1", port: 7402 };
export const timings = segmentTimings.usual;

/** Other members by what they are to `me`, whose priority is 50 and whose address ends in 50. */
export const others = {
  better: { id: "better", at: { address: "192.0.2.60", port: 7 }, priority: 60 },
  worse: { id: "worse", at: { address: "192.0.2.40", port: 7 }, priority: 40 },
  twin: { id: "twin", at: { address: "192.0.2.51", port: 7 }, priority: 50 },
} as const;

type Other = keyof typeof others;

/** One member alone with what a test lets it hear; time passes only when told to. */
export class Stage {
  readonly member: SegmentMember;
  now = 0;
  /** Everything since `forget`. */
  effects: SegmentEffect[] = [];

  constructor(options: Partial<SegmentMemberOptions> = {}) {
    this.member = new SegmentMember({
      ...{ id: "me", name: "me", at: { address: "192.0.2.50", port: 7 }, priority: 50, eligible: true },
      ...{ channel, timings, seed: 1, acquaintances: [] },
      ...options,
    });
    this.event({ type: "start" });
  }

  event(event: SegmentEvent | { readonly type: "wake" }): this {
    this.effects.push(...this.member.handle(event, this.now));
    return this;
  }

  hear(from: Other, message: SegmentMessage, way: Way = "multicast"): this {
    return this.event({ type: "message", from, message, way });
  }

  alive(from: Other, change: Partial<Alive> = {}): this {
    const { at, priority } = others[from];
    return this.hear(from, {
      ...{ type: "alive", at, priority, epoch: 1, sequence: this.now, revision: 0, channel },
      ...change,
    });
  }

  claim(from: Other, change: Partial<Claim> = {}): this {
    const { at, priority } = others[from];
    return this.hear(from, { type: "claim", at, priority, leading: false, epoch: 0, ...change });
  }

  /** Lets time pass, waking the member when it asks for it. */
  wait(milliseconds: number): this {
    const end = this.now + milliseconds;
    while (this.member.wakeAt <= end) {
      this.now = Math.max(this.now, this.member.wakeAt);
      this.event({ type: "wake" });
    }
    this.now = end;
    return this;
  }

  /** Lets time pass until it is in this state. */
  until(state: string): this {
    for (let turn = 0; turn < 1_000 && this.state !== state; turn += 1) this.wait(100);
    if (this.state !== state) throw new Error(`it is not '${state}' but '${this.state}' after 100 s`);
    return this;
  }

  /** Time passes without it: as if the process was stopped. */
  sleep(milliseconds: number): this {
    this.now += milliseconds;
    return this.event({ type: "wake" });
  }

  forget(): this {
    this.effects = [];
    return this;
  }

  get state(): string {
    return this.member.election.state;
  }

  /** The arrows gone, in their order. */
  get arrows(): string[] {
    return this.effects.flatMap((effect) =>
      effect.type === "tell" && effect.fact.what === "state" ? [effect.fact.why] : [],
    );
  }

  /** What was said to everybody, and to single ones. */
  said<Type extends SegmentMessage["type"]>(type: Type): Extract<SegmentMessage, { type: Type }>[] {
    return this.effects.flatMap((effect) =>
      (effect.type === "send" || effect.type === "multicast") && effect.message.type === type
        ? [effect.message as Extract<SegmentMessage, { type: Type }>]
        : [],
    );
  }
}
