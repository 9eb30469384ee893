import type { Millis } from "distributary/sdk";

/*
 * How fast a session sends. Loss alone says little on a LAN, where it may be a bad cable. So more of it than before is
 * put to the test: the session gives way, and if as much is lost as before, it was not for its sake, and it goes on as
 * fast as it was. Otherwise a queue was full, and it grows again by the law of CUBIC (RFC 9438, sections 4.2 to 4.7),
 * as TCP does beside it, so that both get their share of a link. Where datagrams wait, any loss beyond chance counts:
 * TCP gives way at the first. How long the way takes without waiting is found out by a moment of silence.
 */

const cubicC = 0.4;
const cubicBeta = 0.7;
/** Where a queue only waits, as TCP does where one is marked (RFC 8511). */
const waitingBeta = 0.85;
/** Between two looks at what members report. */
const lookMs = 40;
/** What is lost that long after giving way was sent before that; and for so long it is then looked at. */
const settleMs = 60;
const testMs = 80;
/** So many frames more than chance explains may be chance as well, where nothing waits. */
const chanceFrames = 3;
/** What a member may lose from the start without a test, as found out by so many frames. */
const mostFirstChance = 0.03;
const leastFrames = 100;
/** No LAN loses more by chance. */
const mostChance = 0.15;
/** If more than this share of what arrived before arrives of less, more was sent than can. */
const mostArriving = 0.85;
/** As much of the loss must be left for it to be chance. */
const chanceShare = 0.6;
/** On a LAN nothing takes so long unless it waits. */
const calmMs = 20;
/** How long, how quiet, and how often at most the session is, to see whether that waiting is somebody else's. */
const hushMs = 60;
const hushShare = 0.3;
const hushEveryMs = 2_000;
/** Who waits all the time for so long stands in a queue that somebody keeps full; then it is let rest for a while. */
const standingMs = 300;
const restMs = 1_000;
/** Before anything was lost for its sake: how much faster at each look, and than what really leaves. */
const growth = 1.5;
const mostAhead = 2;
/** However much is lost, no slower than this share of the rate it begins at; only the policy makes it slower. */
const leastShare = 0.1;
/** Of what leaves, while this host's own queue is full. */
const heldShare = 0.97;

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
  /** Its process was behind: the time says nothing of the way. */
  readonly isBehind: boolean;
}

/** One member's way: what it lost since the last look, and what it loses whatever is sent. */
class Path {
  bestMs: Millis = Infinity;
  waitMs: Millis = Infinity;
  sent = 0;
  lost = 0;
  chance = 0;
  #isNew = true;

  take({ roundTripMs, sent, received, isBehind }: PathSample): void {
    if (!isBehind) this.bestMs = Math.min(this.bestMs, roundTripMs);
    if (!isBehind) this.waitMs = Math.min(this.waitMs, roundTripMs - this.bestMs);
    this.sent += sent;
    this.lost += Math.max(0, sent - received);
    // A little loss from the start needs no test.
    if (this.#isNew && this.sent >= leastFrames) {
      this.chance = Math.min(this.loss, mostFirstChance);
      this.#isNew = false;
    }
  }

  get loss(): number {
    return this.sent === 0 ? 0 : this.lost / this.sent;
  }

  get isWaiting(): boolean {
    return this.waitMs !== Infinity && this.waitMs > calmMs;
  }

  /** Whether more is lost than chance explains: three standard deviations, and where nothing waits some frames. */
  get losesMore(): boolean {
    const expected = this.chance * this.sent;
    return this.lost > expected + 3 * Math.sqrt(expected) + (this.isWaiting ? 0 : chanceFrames);
  }

  reset(): void {
    // What is lost where nothing waits is chance; where something does, it is no more than that.
    const isCalm = this.waitMs <= calmMs / 2;
    if (this.sent > 0 && (isCalm || this.loss < this.chance))
      this.chance += (this.loss - this.chance) / (isCalm ? 8 : 32);
    [this.waitMs, this.sent, this.lost] = [Infinity, 0, 0];
  }
}

/** The session has given way, and looks whether that helps. */
interface Test {
  /** How fast it was, and how much of that left. */
  readonly before: number;
  readonly leaving: number;
  /** What was lost then, by the paths that lost more than usual. */
  readonly losses: ReadonlyMap<Path, number>;
  readonly from: Millis;
  readonly until: Millis;
}

export class RateControl {
  readonly #limits: RateLimits;
  readonly #wireBytes: number;
  readonly #paths = new Map<number, Path>();
  #mostBytesPerSecond: number;
  #bytesPerSecond: number;
  #lookAt: Millis;
  #test: Test | undefined;
  /** Of the last time it gave way and it helped: when, and how fast it was. */
  #gaveWayAt: Millis = -Infinity;
  #peak = 0;
  #roundTripMs = 5;
  #sentBytes = 0;
  /** What left lately. */
  #usedPerSecond = 0;
  /** Since when many wait. */
  #waitingSince: Millis = Infinity;
  #hushedAt: Millis = -Infinity;
  #rateBeforeHush = 0;
  /** How often it gave way and that helped. */
  reductions = 0;

  constructor(limits: RateLimits, wireBytes: number, now: Millis) {
    this.#limits = limits;
    this.#wireBytes = wireBytes;
    this.#mostBytesPerSecond = limits.mostBytesPerSecond;
    this.#bytesPerSecond = Math.min(limits.startBytesPerSecond, limits.mostBytesPerSecond);
    this.#lookAt = now + lookMs;
  }

  get bytesPerSecond(): number {
    const { startBytesPerSecond, leastBytesPerSecond } = this.#limits;
    const rate = Math.max(this.#bytesPerSecond, startBytesPerSecond * leastShare);
    return Math.max(leastBytesPerSecond, Math.min(rate, this.#mostBytesPerSecond));
  }

  /** What the policy allows from now on. */
  limit(bytesPerSecond: number): void {
    this.#mostBytesPerSecond = Math.min(bytesPerSecond, this.#limits.mostBytesPerSecond);
  }

  take(sample: PathSample): void {
    let path = this.#paths.get(sample.member);
    if (path === undefined) {
      path = new Path();
      this.#paths.set(sample.member, path);
    }
    path.take(sample);
  }

  forget(member: number): void {
    this.#paths.delete(member);
  }

  /**
   * Looks at what was reported since the last time, if that is due. `sentBytes` is all that was sent so far; held back
   * is what the system does not take yet.
   */
  look(now: Millis, sentBytes: number, isHeldBack: boolean): void {
    if (now < this.#lookAt) return;
    const spanMs = lookMs + now - this.#lookAt;
    const usedNow = ((sentBytes - this.#sentBytes) / spanMs) * 1_000;
    this.#usedPerSecond += (usedNow - this.#usedPerSecond) / 2;
    const reporting = [...this.#paths.values()].filter(({ sent }) => sent > 0);
    if (this.#test !== undefined) return this.#lookAtTest(this.#test, now, sentBytes);
    this.#next(now, sentBytes);
    if (this.#rateBeforeHush > 0) return this.#endHush(now);
    if (reporting.length === 0) return;
    const nearestMs = Math.min(...reporting.map(({ bestMs, waitMs }) => bestMs + waitMs));
    const isKnown = nearestMs !== Infinity;
    if (isKnown) this.#roundTripMs += (Math.max(1, nearestMs) - this.#roundTripMs) / 4;
    const losing = reporting.filter(({ losesMore }) => losesMore);
    const isWaiting = this.#areMany(reporting.filter((path) => path.isWaiting));
    this.#waitingSince = isWaiting ? Math.min(this.#waitingSince, now) : Infinity;
    if (this.#areMany(losing)) this.#beginTest(losing, now);
    else if (now - this.#waitingSince > standingMs) this.#makeWay(now);
    else if (isHeldBack) this.#bytesPerSecond = Math.min(this.bytesPerSecond, this.#usedPerSecond * heldShare);
    else this.#grow(now, spanMs);
    for (const path of reporting) path.reset();
    if (isKnown && nearestMs > calmMs / 2 && now - this.#hushedAt > hushEveryMs) this.#hush(now);
  }

  /** Somebody keeps a queue full, and loses what is lost there. */
  #makeWay(now: Millis): void {
    this.#waitingSince = now + restMs;
    this.#giveWay(now, this.#leaving(this.bytesPerSecond), waitingBeta);
  }

  /** Nearly silent for a moment: what then comes shows how long the way is without waiting. */
  #hush(now: Millis): void {
    this.#hushedAt = now;
    this.#rateBeforeHush = this.bytesPerSecond;
    this.#bytesPerSecond = this.#leaving(this.#rateBeforeHush) * hushShare;
    for (const path of this.#paths.values()) path.bestMs = Infinity;
    this.#lookAt = now + hushMs;
  }

  #endHush(now: Millis): void {
    this.#bytesPerSecond = this.#rateBeforeHush;
    this.#rateBeforeHush = 0;
    for (const path of this.#paths.values()) path.reset();
    // What waits now was sent before.
    this.#lookAt = now + lookMs;
  }

  #next(now: Millis, sentBytes: number): void {
    this.#lookAt = now + lookMs;
    this.#sentBytes = sentBytes;
  }

  /** What of a rate really leaves: what waits in this host is no part of it. */
  #leaving(rate: number): number {
    return Math.min(rate, Math.max(this.#usedPerSecond * 1.2, this.#limits.leastBytesPerSecond));
  }

  /** A few whose own way is narrow are served another way, and do not slow the others. */
  #areMany(paths: readonly Path[]): boolean {
    return paths.length > 0 && paths.length * 3 >= this.#paths.size;
  }

  #beginTest(losing: readonly Path[], now: Millis): void {
    const before = this.bytesPerSecond;
    const leaving = this.#leaving(before);
    const losses = new Map(losing.map((path) => [path, path.loss]));
    const from = now + settleMs + this.#roundTripMs;
    this.#test = { before, leaving, losses, from, until: from + testMs };
    this.#bytesPerSecond = leaving * cubicBeta;
  }

  #lookAtTest({ before, leaving, losses, from, until }: Test, now: Millis, sentBytes: number): void {
    this.#next(now, sentBytes);
    const tested = [...losses.keys()];
    if (now < from) for (const path of this.#paths.values()) path.reset();
    if (now < until || (tested.every(({ sent }) => sent === 0) && now < until + settleMs)) return;
    this.#test = undefined;
    // Of all together: each alone has lost a handful.
    const lossBefore = tested.reduce((sum, path) => sum + (losses.get(path) ?? 0), 0) / tested.length;
    const [lost, sent] = tested.reduce(([l, s], path) => [l + path.lost, s + path.sent], [0, 0]);
    const loss = sent === 0 ? 0 : lost / sent;
    // Where all that can arrive does, as much arrives of less; and where a queue was just filling, even more is lost.
    const arriving = (cubicBeta * (1 - loss)) / Math.max(1 - lossBefore, 0.01);
    const isSteady = loss <= 1.2 * lossBefore + 0.05 && loss <= mostChance;
    if (sent > 0 && loss >= chanceShare * lossBefore && isSteady && arriving < mostArriving) {
      for (const path of this.#paths.values()) path.chance = Math.max(path.chance, path.loss, losses.get(path) ?? 0);
      this.#bytesPerSecond = before;
    } else this.#giveWay(now, leaving);
    for (const path of this.#paths.values()) path.reset();
  }

  /** Down from the rate at which too much was lost. Who gives way again before it was as fast makes room for others. */
  #giveWay(now: Millis, rate: number, share = cubicBeta): void {
    this.#bytesPerSecond = rate * share;
    this.#peak = rate < this.#peak ? (rate * (1 + cubicBeta)) / 2 : rate;
    this.#gaveWayAt = now;
    this.reductions += 1;
  }

  /** Never far beyond what really leaves: that may be all the system takes, or all there is to send. */
  #grow(now: Millis, spanMs: Millis): void {
    const rate = this.bytesPerSecond;
    // What only the policy holds back is as fast as before when it may be.
    if (rate < this.#bytesPerSecond) return;
    const faster =
      this.reductions === 0
        ? rate * (1 + ((growth - 1) * Math.min(spanMs, 2 * lookMs)) / lookMs)
        : Math.max(rate, this.#cubic(now));
    const most = this.#usedPerSecond * mostAhead;
    if (most >= rate) this.#bytesPerSecond = Math.min(faster, most);
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
