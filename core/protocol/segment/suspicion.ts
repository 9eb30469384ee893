import type { Millis } from "distributary/sdk";
import type { Draws } from "./draws.ts";
import type { Roster } from "./roster.ts";
import type { SegmentOutbox } from "./outbox.ts";
import type { Endpoint } from "./messages.ts";
import type { SegmentTimings } from "./timings.ts";

/** How many members are asked at a time, besides the leader. */
const askedAtOnce = 3;
const rounds = 2;

/**
 * Before a leader counts as lost, others are asked when they heard it last: who misses it alone is deaf, and must not
 * accuse it. Two rounds of questions, so timed that both are answered when the leader's time is over.
 */
export class Suspicion {
  readonly #at: Endpoint;
  readonly #timings: SegmentTimings;
  readonly #roster: Roster;
  readonly #draws: Draws;
  readonly #outbox: SegmentOutbox;
  /** When each nonce that may still be answered was sent. */
  readonly #asked = new Map<number, Millis>();
  #round = 0;
  /** When the next question is due, or the verdict. */
  wakeAt: Millis = Infinity;

  constructor(at: Endpoint, timings: SegmentTimings, roster: Roster, draws: Draws, outbox: SegmentOutbox) {
    this.#at = at;
    this.#timings = timings;
    this.#roster = roster;
    this.#draws = draws;
    this.#outbox = outbox;
  }

  /** Whether questions are under way. */
  get isAsking(): boolean {
    return this.#round > 0;
  }

  /** The leader counts as lost at `lostAt` unless something of it is heard. */
  expect(lostAt: Millis): void {
    this.#round = 0;
    this.wakeAt = lostAt - rounds * this.#timings.answerMs;
  }

  /** Asks now rather than later: there is a reason for doubt. */
  hurry(now: Millis): void {
    if (this.#round === 0) this.wakeAt = Math.min(this.wakeAt, now);
  }

  /** Nothing is expected. */
  rest(): void {
    this.#round = 0;
    this.wakeAt = Infinity;
    this.#asked.clear();
  }

  /** Asks the next round; true when all were asked and the time for answers is over. */
  isOver(leader: { readonly id: string; readonly at: Endpoint }, now: Millis): boolean {
    if (this.#round === rounds) return true;
    this.#round += 1;
    const others = this.#roster.pick(askedAtOnce, this.#draws, (id) => id === leader.id);
    for (const { at } of [leader, ...others]) this.ask(at, now);
    this.wakeAt = now + this.#timings.answerMs;
    return false;
  }

  /** Asks one member. */
  ask(to: Endpoint, now: Millis): void {
    this.#outbox.send(to, { type: "probe", at: this.#at, nonce: this.newNonce(now) });
  }

  /** A number for a question; its answer counts for two periods. */
  newNonce(now: Millis): number {
    for (const [nonce, askedAt] of this.#asked) {
      if (now - askedAt > 2 * this.#timings.periodMs) this.#asked.delete(nonce);
    }
    const nonce = this.#draws.below(2 ** 32);
    this.#asked.set(nonce, now);
    return nonce;
  }

  /** When the question with this number was asked; undefined if there was none. */
  askedAt(nonce: number): Millis | undefined {
    return this.#asked.get(nonce);
  }
}
