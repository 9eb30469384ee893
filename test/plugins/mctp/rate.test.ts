import { describe, expect, it } from "vitest";
import { RateControl } from "../../../plugins/mctp/rate.ts";

const wireBytes = 1_514;
const lookMs = 40;
const limits = { startBytesPerSecond: 1_000_000, leastBytesPerSecond: 100_000, mostBytesPerSecond: 10_000_000 };

/** What of so many frames sent at this rate is lost to a member, and how long they wait. */
type Way = (bytesPerSecond: number, member: number) => { readonly loss: number; readonly waitMs?: number };

/** A session that sends as much as it may to some members, over one link and a way of its own each. */
class Session {
  readonly rate: RateControl;
  readonly #memberCount: number;
  now = 0;
  #sentBytes = 0;
  #carry = 0;

  constructor(memberCount = 4, change: Partial<typeof limits> = {}) {
    this.#memberCount = memberCount;
    this.rate = new RateControl({ ...limits, ...change }, wireBytes, 0);
  }

  /** Time passes; each member reports every 20 ms. `share` of what might be sent is there to be sent. */
  run(ms: number, way: Way, share = 1): this {
    for (const end = this.now + ms; this.now < end; this.now += 20) {
      const perSecond = this.rate.bytesPerSecond;
      const bytes = (perSecond * share * 20) / 1_000 + this.#carry;
      const sent = Math.floor(bytes / wireBytes);
      this.#carry = bytes - sent * wireBytes;
      this.#sentBytes += sent * wireBytes;
      for (let member = 0; member < this.#memberCount; member += 1) {
        const { loss, waitMs = 0 } = way(perSecond * share, member);
        this.rate.take({ member, roundTripMs: 1 + waitMs, sent, received: sent - Math.round(sent * loss) });
      }
      this.rate.look(this.now, this.#sentBytes);
    }
    return this;
  }

  get mbytes(): number {
    return this.rate.bytesPerSecond / 1_000_000;
  }
}

const clear: Way = () => ({ loss: 0 });
/** A link of so many bytes a second, whose queue loses what is beyond that. */
const narrow =
  (bytesPerSecond: number): Way =>
  (rate) => ({ loss: Math.max(0, 1 - bytesPerSecond / rate), waitMs: rate > bytesPerSecond ? 20 : 0 });

describe("a session", () => {
  it("begins as it is told, and never goes beyond the limits", () => {
    expect(new Session().mbytes).toBe(1);
    expect(new Session(4, { startBytesPerSecond: 20_000_000 }).mbytes).toBe(10);
    expect(new Session(4, { startBytesPerSecond: 10 }).mbytes).toBe(0.1);
  });

  it("is as fast as it may be within a second if nothing is lost", () => {
    expect(new Session().run(1_000, clear).mbytes).toBe(10);
    expect(new Session().run(1_000, clear).rate.reductions).toBe(0);
  });

  it("gets no faster while it has little to send", () => {
    expect(new Session().run(2_000, clear, 0.1).mbytes).toBeLessThan(1.3);
  });

  it("gets no faster while nobody says anything", () => {
    const session = new Session(0);
    for (let now = 0; now < 2_000; now += 10) session.rate.look(now, now * 1_000);
    expect(session.mbytes).toBe(1);
  });

  it.for([0.01, 0.1, 0.3])("is not slowed by the loss of %d that chance brings", (loss) => {
    expect(new Session().run(5_000, () => ({ loss })).mbytes).toBe(10);
  });

  it("is not slowed by one bad way of ten", () => {
    expect(new Session(10).run(3_000, (_, member) => ({ loss: member === 3 ? 0.9 : 0 })).mbytes).toBe(10);
  });

  it("takes most of a link that is narrower than it may send, and not much more", () => {
    const session = new Session().run(5_000, narrow(3_000_000));
    let [least, most] = [Infinity, 0];
    for (let step = 0; step < 200; step += 1) {
      session.run(20, narrow(3_000_000));
      [least, most] = [Math.min(least, session.mbytes), Math.max(most, session.mbytes)];
    }
    expect(session.rate.reductions).toBeGreaterThan(0);
    expect(least).toBeGreaterThan(1.2);
    expect(most).toBeLessThan(4.6);
  });

  it("gives way on a link that loses what is too much beside its usual loss", () => {
    const link = narrow(3_000_000);
    const both: Way = (rate, member) => ({ loss: 1 - 0.95 * (1 - link(rate, member).loss) });
    const session = new Session().run(5_000, both);
    expect(session.rate.reductions).toBeGreaterThan(0);
    expect(session.mbytes).toBeLessThan(5);
  });

  it("gives way to a queue so deep that nothing is lost in it", () => {
    const session = new Session().run(1_000, clear).run(1_000, () => ({ loss: 0, waitMs: 300 }));
    expect(session.rate.reductions).toBeGreaterThan(0);
    expect(session.mbytes).toBeLessThan(8);
  });

  it("never sends less than it must", () => {
    expect(new Session().run(20_000, (_, member) => ({ loss: 0, waitMs: member + 500 })).mbytes).toBeGreaterThanOrEqual(
      0.1,
    );
  });

  it("grows again when the link is free", () => {
    const session = new Session().run(5_000, narrow(3_000_000)).run(20_000, clear);
    expect(session.mbytes).toBeGreaterThan(9);
  });
});

describe("the policy", () => {
  it("holds from the moment it is known, and no longer than that", () => {
    const session = new Session().run(1_000, clear);
    session.rate.limit(2_000_000);
    expect(session.mbytes).toBe(2);
    session.run(1_000, clear);
    expect(session.mbytes).toBe(2);
    session.rate.limit(Infinity);
    expect(session.mbytes).toBe(10);
  });

  it("may not ask for less than the least, nor for more than the most", () => {
    const { rate } = new Session();
    rate.limit(1);
    expect(rate.bytesPerSecond).toBe(100_000);
    rate.limit(1_000_000_000);
    expect(rate.bytesPerSecond).toBe(1_000_000);
  });
});

it("who is forgotten slows nobody any more", () => {
  const session = new Session(2).run(1_000, clear);
  session.rate.forget(0);
  session.rate.forget(1);
  for (let now = session.now; now < session.now + 5 * lookMs; now += lookMs) session.rate.look(now, 0);
  expect(session.mbytes).toBe(10);
});
