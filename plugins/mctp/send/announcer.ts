import type { Channel, Clock, Millis } from "distributary/sdk";
import { encodeAnnouncement } from "../wire/announcement.ts";
import type { SendingSession } from "./sending.ts";

/** Pauses after something new was announced; from then on the last one. */
const pausesMs: readonly Millis[] = [10, 20, 40, 80, 160, 250];

/** Announces all sessions of a leader, again and again while there are any. */
export class Announcer {
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #sessions = new Set<SendingSession>();
  #turn = new AbortController();

  constructor(channel: Channel, clock: Clock) {
    this.#channel = channel;
    this.#clock = clock;
  }

  add(session: SendingSession): void {
    this.#sessions.add(session);
    this.#restart();
  }

  remove(session: SendingSession): void {
    this.#sessions.delete(session);
    this.#restart();
  }

  #restart(): void {
    this.#turn.abort(new Error("something else is announced"));
    this.#turn = new AbortController();
    void this.#repeat(this.#turn.signal);
  }

  async #repeat(signal: AbortSignal): Promise<void> {
    for (let count = 0; !signal.aborted; count += 1) {
      const sessions = [...this.#sessions].map(({ announced }) => announced);
      this.#channel.announce(sessions.length === 0 ? undefined : encodeAnnouncement(sessions));
      if (sessions.length === 0) return;
      const pauseMs = pausesMs[Math.min(count, pausesMs.length - 1)] ?? 0;
      await this.#clock.until(this.#clock.now() + pauseMs, signal).catch(() => undefined);
    }
  }
}
