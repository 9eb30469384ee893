import type { Roster } from "./roster.ts";
import type { SegmentEffect, SegmentFact } from "./events.ts";
import type { Channel, Endpoint, SegmentMessage } from "./messages.ts";

const nothing: SegmentEffect[] = [];

/** What the parts of a member want done; collected in order, and how to reach everybody. */
export class SegmentOutbox {
  readonly #roster: Roster;
  /** No datagram goes to the group. */
  readonly #isUnicastOnly: boolean;
  #effects: SegmentEffect[] = [];
  /** Where `toAll` goes: the segment's channel, and while it moves the one before. */
  channels: readonly Channel[];
  /** Multicast does not reach this member; perhaps its own does not reach others either. */
  isCutOff = false;

  constructor(roster: Roster, channels: readonly Channel[], isUnicastOnly: boolean) {
    this.#roster = roster;
    this.channels = channels;
    this.#isUnicastOnly = isUnicastOnly;
  }

  /** What was asked for since the last call. */
  take(): SegmentEffect[] {
    if (this.#effects.length === 0) return nothing;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  push(effect: SegmentEffect): void {
    this.#effects.push(effect);
  }

  send(to: Endpoint, message: SegmentMessage): void {
    this.#effects.push({ type: "send", to, message });
  }

  /** To everybody: by multicast, and one by one to those it does not reach. */
  toAll(message: SegmentMessage): void {
    if (!this.#isUnicastOnly) this.#effects.push({ type: "multicast", channels: this.channels, message });
    const isAlone = this.isCutOff || this.#isUnicastOnly;
    for (const { at } of isAlone ? this.#roster.values() : this.#roster.byUnicast()) this.send(at, message);
  }

  /** To everybody both ways: for what is rare, and must reach also those who listen elsewhere. */
  toEach(message: SegmentMessage): void {
    if (!this.#isUnicastOnly) this.#effects.push({ type: "multicast", channels: this.channels, message });
    for (const { at } of this.#roster.values()) this.send(at, message);
  }

  tell(fact: SegmentFact): void {
    this.#effects.push({ type: "tell", fact });
  }
}
