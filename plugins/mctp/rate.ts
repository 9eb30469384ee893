import type { Millis } from "distributary/sdk";

/*
 * How fast a session sends. Loss alone says little on a LAN, where it may be a bad cable of one member; packets that
 * are lost while others wait longer than usual were dropped by a queue that is full, and then the session gives way as
 * TCP does, by the law of CUBIC (RFC 9438, section 4), so that both get their share of a link.
 */

const cubicC = 0.4;
const cubicBeta = 0.7;
/** Datagrams that wait less than this longer than at best wait for a busy process, not for a link. */
const calmMs = 20;
/** Whoever waits so long stands in a queue too deep to lose anything. */
const deepMs = 150;
/** Between two looks at what members report. */
const lookMs = 40;
const growth = 1.25;
const mostAhead = 1.5;
/** What a member may lose from the start without a queue being blamed for it. */
const mostCalmLoss = 0.15;

export interface RateLimits {
  readonly startBytesPerSecond: number;
  readonly leastBytesPerSecond: number;
  readonly mostBytesPerSecond: number;
}

/** What one member's report says of its way. */
export interface PathSample {
  readonly member: number;
  /** From the sending of the latest frame it has seen to its report, without the time it held it. */
  readonly roundTripMs: Millis;
  /** Frames sent and received since its report before. */
  readonly sent: number;
  readonly received: number;
}

interface Path {
  bestMs: Millis;
  /** Of the last look. */
  waitMs: Millis;
  sent: number;
  received: number;
  /** The share it loses while nothing waits; undefined before the first look. */
  calmLoss: number | undefined;
}

export class RateControl {
  readonly #limits: RateLimits;
  readonly #wireBytes: number;
  readonly #paths = new Map<number, Path>();
  #mostBytesPerSecond: number;
  #bytesPerSecond: number;
  #lookAt: Millis;
  /** Of the last time it gave way: when, and how fast it was. */
  #gaveWayAt: Millis = -Infinity;
  #peak = 0;
  #roundTripMs = 5;
  #sentBytes = 0;
  #wasCrowded = false;
  reductions = 0;

  constructor(limits: RateLimits, wireBytes: number, now: Millis) {
    this.#limits = limits;
    this.#wireBytes = wireBytes;
    this.#mostBytesPerSecond = limits.mostBytesPerSecond;
    this.#bytesPerSecond = Math.min(limits.startBytesPerSecond, limits.mostBytesPerSecond);
    this.#lookAt = now + lookMs;
  }

  get bytesPerSecond(): number {
    return Math.max(this.#limits.leastBytesPerSecond, Math.min(this.#bytesPerSecond, this.#mostBytesPerSecond));
  }

  /** What the policy allows from now on. */
  limit(bytesPerSecond: number): void {
    this.#mostBytesPerSecond = Math.min(bytesPerSecond, this.#limits.mostBytesPerSecond);
  }

  take({ member, roundTripMs, sent, received }: PathSample): void {
    let path = this.#paths.get(member);
    if (path === undefined) {
      path = { bestMs: roundTripMs, waitMs: Infinity, sent: 0, received: 0, calmLoss: undefined };
      this.#paths.set(member, path);
    }
    path.bestMs = Math.min(path.bestMs, roundTripMs);
    path.waitMs = Math.min(path.waitMs, roundTripMs - path.bestMs);
    path.sent += sent;
    path.received += received;
  }

  forget(member: number): void {
    this.#paths.delete(member);
  }

  /** Looks at what was reported since the last time, if that is due. `sentBytes` is all that was sent so far. */
  look(now: Millis, sentBytes: number): void {
    if (now < this.#lookAt) return;
    const spanMs = lookMs + now - this.#lookAt;
    const usedPerSecond = ((sentBytes - this.#sentBytes) / spanMs) * 1_000;
    this.#sentBytes = sentBytes;
    this.#lookAt = now + lookMs;
    let [reporting, crowded, deep] = [0, 0, 0];
    let nearest = Infinity;
    for (const path of this.#paths.values()) {
      if (path.waitMs === Infinity || path.sent === 0) continue;
      reporting += 1;
      const loss = Math.max(0, 1 - path.received / path.sent);
      nearest = Math.min(nearest, path.bestMs + path.waitMs);
      path.calmLoss ??= Math.min(loss, mostCalmLoss);
      if (path.waitMs < calmMs) path.calmLoss += (loss - path.calmLoss) / 4;
      else if (path.waitMs > deepMs) deep += 1;
      else if (loss > 2 * path.calmLoss + 0.02) crowded += 1;
      [path.waitMs, path.sent, path.received] = [Infinity, 0, 0];
    }
    if (reporting === 0) return;
    this.#roundTripMs += (Math.max(1, nearest) - this.#roundTripMs) / 4;
    // A few whose own way is narrow are served another way, and do not slow the others; and once is chance.
    const isCrowded = crowded + deep > 0 && (crowded + deep) * 3 >= this.#paths.size;
    if (isCrowded && this.#wasCrowded) this.#giveWay(now);
    else if (!isCrowded) this.#grow(now, spanMs, usedPerSecond);
    this.#wasCrowded = isCrowded;
  }

  #giveWay(now: Millis): void {
    // One event a round trip, as of the moment before the queue was full.
    if (now - this.#gaveWayAt < 2 * this.#roundTripMs + lookMs) return;
    this.#peak = this.bytesPerSecond;
    this.#bytesPerSecond = this.#peak * cubicBeta;
    this.#gaveWayAt = now;
    this.reductions += 1;
  }

  /** Never far beyond what really leaves: that may be all the system takes, or all there is to send. */
  #grow(now: Millis, spanMs: Millis, usedPerSecond: number): void {
    const rate = this.bytesPerSecond;
    // What only the policy holds back is as fast as before when it may be.
    if (rate < this.#bytesPerSecond) return;
    const faster =
      this.reductions === 0
        ? rate * (1 + ((growth - 1) * Math.min(spanMs, 2 * lookMs)) / lookMs)
        : Math.max(rate, this.#cubic(now));
    if (usedPerSecond * mostAhead >= rate) this.#bytesPerSecond = Math.min(faster, usedPerSecond * mostAhead);
  }

  /** W(t) = C (t - K)³ + W_max, in packets and seconds, with K = ∛(W_max (1 - β) / C). */
  #cubic(now: Millis): number {
    const perRound = this.#roundTripMs / 1_000 / this.#wireBytes;
    const peak = Math.max(2, this.#peak * perRound);
    const k = Math.cbrt((peak * (1 - cubicBeta)) / cubicC);
    const t = (now - this.#gaveWayAt) / 1_000;
    return (cubicC * (t - k) ** 3 + peak) / perRound;
  }
}
