import { RateControl } from "../../../plugins/mctp/send/rate.ts";
import { SimRandom } from "../../../sdk/testkit/index.ts";

/** A link, who is on it, and what happens to datagrams behind it. */
export interface LinkTrial {
  readonly megabits?: number;
  /** How long a full queue before the link takes to drain. */
  readonly queueMs?: number;
  /** The rate at which the session begins, in Mbit/s. */
  readonly start?: number;
  readonly members?: number;
  /** The share of datagrams that each member loses whatever is sent. */
  readonly loss?: number;
  /** How late a member's process may notice something. */
  readonly lateMs?: number;
  /** Whether a TCP stream has the link for three seconds before, and goes on. */
  readonly tcp?: boolean;
  /** The session's datagrams come just when there is room again, as those that are sent evenly do. */
  readonly inPhase?: boolean;
  readonly seed?: number;
}

/** The shares of the link in the last 15 of 18 seconds together. */
interface LinkShares {
  readonly tcp: number;
  readonly session: number;
  readonly reductions: number;
}

const packetBytes = 1_514;
const headStartMs = 3_000;
const settledMs = 6_000;
const endMs = 21_000;
const reportMs = 10;

interface Packet {
  /** Of the session; 0 for one of the stream. */
  readonly emission: number;
  readonly at: number;
}

/** A CUBIC stream (RFC 9438) as far as its window goes: what it sends is always there, what is lost is noticed. */
class Stream {
  #window = 100;
  #peak = 100;
  #cutAt = 0;
  #inFlight = 0;
  #roundTripMs = 1;
  readonly #acknowledged: number[] = [];
  readonly #lost: number[] = [];

  /** How many packets it sends at this moment. */
  send(now: number): number {
    while ((this.#acknowledged[0] ?? Infinity) <= now) this.#acknowledge(now);
    while ((this.#lost[0] ?? Infinity) <= now) this.#notice(now);
    const count = Math.min(60, Math.max(0, Math.floor(this.#window) - this.#inFlight));
    this.#inFlight += count;
    return count;
  }

  arrived({ at }: Packet, now: number): void {
    this.#roundTripMs = now - at + 1;
    this.#acknowledged.push(now + 1);
  }

  lose(noticedAt: number): void {
    this.#lost.push(noticedAt);
  }

  #acknowledge(now: number): void {
    this.#acknowledged.shift();
    this.#inFlight -= 1;
    const wanted = 0.4 * ((now - this.#cutAt) / 1_000 - Math.cbrt((this.#peak * 0.3) / 0.4)) ** 3 + this.#peak;
    this.#window += Math.max(0.01, Math.min(0.5, (wanted - this.#window) / this.#window));
  }

  #notice(now: number): void {
    this.#lost.shift();
    this.#inFlight -= 1;
    if (now - this.#cutAt <= this.#roundTripMs) return;
    this.#peak = this.#window < this.#peak ? this.#window * 0.85 : this.#window;
    this.#window = Math.max(2, this.#window * 0.7);
    this.#cutAt = now;
  }
}

class Member {
  readonly #index: number;
  #seen = 0;
  #received = 0;
  #before: { seen: number; received: number } | undefined;
  #reportAt: number;

  constructor(index: number, reportAt: number) {
    this.#index = index;
    this.#reportAt = reportAt;
  }

  take(emission: number): void {
    this.#seen = emission;
    this.#received += 1;
  }

  report(
    rate: RateControl,
    sentAt: readonly number[],
    now: number,
    seenAt: number,
    draw: number,
    lateMs: number,
  ): void {
    if (now < this.#reportAt || this.#seen === 0) return;
    this.#reportAt = now + reportMs * (0.5 + draw);
    const before = this.#before ?? { seen: this.#seen, received: this.#received };
    const roundTripMs = Math.max(0.5, seenAt - (sentAt[this.#seen] ?? 0) + 1 + lateMs * draw ** 4);
    const [sent, received] = [this.#seen - before.seen, this.#received - before.received];
    rate.take({ member: this.#index, roundTripMs, sent, received, isBehind: false });
    this.#before = { seen: this.#seen, received: this.#received };
  }
}

/** Lets a session, and a TCP stream if there is one, send as fast as each thinks fit, a millisecond after the other. */
export function tryLink(trial: LinkTrial): LinkShares {
  const { megabits = 100, queueMs = 50, start = 100, members = 1, loss = 0, lateMs = 0, seed = 1 } = trial;
  const { tcp = false, inPhase = false } = trial;
  const random = new SimRandom(seed);
  const draw = () => random.below(2 ** 20) / 2 ** 20;
  const perMs = (megabits * 125) / packetBytes;
  const limits = { startBytesPerSecond: start * 125_000, leastBytesPerSecond: 12_500, mostBytesPerSecond: 1.25e9 };
  const rate = new RateControl(limits, packetBytes, headStartMs);
  const everybody = Array.from({ length: members }, (_, index) => new Member(index, headStartMs + 10 * draw()));
  const stream = tcp ? new Stream() : undefined;
  const queue: Packet[] = [];
  const sentAt: number[] = [0];
  const got = { tcp: 0, session: 0 };
  let [credit, drain, seenAt] = [0, 0, 0];
  for (let now = 0; now < endMs; now += 1) {
    const offered: Packet[] = Array.from({ length: stream?.send(now) ?? 0 }, () => ({ emission: 0, at: now }));
    if (now >= headStartMs) {
      rate.look(now, (sentAt.length - 1) * packetBytes, false);
      const earned = rate.bytesPerSecond / 1_000 / packetBytes;
      credit = Math.min(credit + earned, Math.max(2, 10 * earned));
      for (; credit >= 1; credit -= 1) {
        // Somewhere among the stream's packets, behind its own.
        const own = offered.findLastIndex(({ emission }) => emission > 0) + 1;
        const place = inPhase ? own : own + random.below(offered.length - own + 1);
        offered.splice(place, 0, { emission: sentAt.length, at: now });
        sentAt.push(now);
      }
    }
    for (const packet of offered) {
      if (queue.length < queueMs * perMs) queue.push(packet);
      else if (packet.emission === 0) stream?.lose(now + queue.length / perMs + 2);
    }
    drain += perMs;
    while (drain >= 1 && queue.length > 0) {
      drain -= 1;
      const packet = queue.shift() as Packet;
      if (packet.emission === 0) stream?.arrived(packet, now);
      else {
        seenAt = now;
        for (const member of everybody) if (draw() >= loss) member.take(packet.emission);
      }
      if (now >= settledMs) got[packet.emission === 0 ? "tcp" : "session"] += 1;
    }
    drain = Math.min(drain, 1);
    for (const member of everybody) member.report(rate, sentAt, now, seenAt, draw(), lateMs);
  }
  const whole = perMs * (endMs - settledMs);
  return { tcp: got.tcp / whole, session: got.session / whole, reductions: rate.reductions };
}
