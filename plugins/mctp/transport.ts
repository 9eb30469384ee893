import type { Channel, Delivered, Delivery, Intake, Io, MembersTransport } from "distributary/sdk";
import { mostSessions } from "./wire/announcement.ts";
import { Announcer } from "./send/announcer.ts";
import type { Repair } from "./wire/messages.ts";
import type { RateLimits } from "./send/rate.ts";
import { Receiving } from "./receive/receiving.ts";
import { SendingSession } from "./send/sending.ts";

export interface MulticastOptions {
  readonly limits: RateLimits;
  readonly repair: Repair;
  readonly largestDatagram: number;
  /** What a member may keep of what is not whole: blocks, and pieces. */
  readonly memoryBytes: number;
}

/** Reliable multicast among the members of a segment. */
export class MulticastTransport implements MembersTransport {
  readonly reach = "members";
  readonly #options: MulticastOptions;
  readonly #announcers = new WeakMap<Channel, Announcer>();
  #sendingCount = 0;
  /** Those who wait until fewer than `mostSessions` are sent. */
  readonly #waiting: (() => void)[] = [];

  constructor(options: MulticastOptions) {
    this.#options = options;
  }

  join(io: Io, channel: Channel, intake: Intake): Promise<AsyncDisposable> {
    return Receiving.open(io, channel, intake, this.#options.memoryBytes);
  }

  async send(io: Io, channel: Channel, delivery: Delivery, signal: AbortSignal): Promise<Delivered> {
    if (delivery.range.to <= delivery.range.from) return { complete: delivery.members, left: [], counters: {} };
    await this.#turn(signal);
    try {
      return await this.#sendNow(io, channel, delivery, signal);
    } finally {
      this.#sendingCount -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #sendNow(io: Io, channel: Channel, delivery: Delivery, signal: AbortSignal): Promise<Delivered> {
    signal.throwIfAborted();
    let announcer = this.#announcers.get(channel);
    if (announcer === undefined) {
      announcer = new Announcer(channel, io.clock);
      this.#announcers.set(channel, announcer);
    }
    const { limits, repair, largestDatagram } = this.#options;
    const share = (bytesPerSecond: number) => bytesPerSecond / this.#sendingCount;
    const session = await SendingSession.open(io, channel, delivery, { limits, repair, largestDatagram, share });
    announcer.add(session);
    try {
      return await session.run(signal);
    } finally {
      announcer.remove(session);
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    while (this.#sendingCount >= mostSessions) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const stop = () => resolve();
      signal.addEventListener("abort", stop, { once: true });
      this.#waiting.push(resolve);
      await promise;
      signal.removeEventListener("abort", stop);
      signal.throwIfAborted();
    }
    this.#sendingCount += 1;
  }
}
