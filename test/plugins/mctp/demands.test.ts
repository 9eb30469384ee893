import { describe, expect, it } from "vitest";
import { Demands } from "../../../plugins/mctp/send/demands.ts";
import type { Repair } from "../../../plugins/mctp/wire/messages.ts";

const sources = 100;
const [a, b, c] = [0, 1, 2];

/** What a session of a few blocks of 100 frames sends. */
class Session {
  readonly demands: Demands;
  emitted = 0;

  constructor(repair: Repair = "parity", memberCount = 3) {
    this.demands = new Demands(memberCount, () => sources, repair);
  }

  /** Sends blocks for the first time; gives the emission of the last frame. */
  first(...blocks: readonly number[]): number {
    for (const block of blocks) {
      this.demands.begun(block, this.emitted + 1, sources);
      this.emitted += sources;
    }
    return this.emitted;
  }

  /** Sends what is asked for, in runs of at most 44, as `block: first+count`. */
  repair(most = 1_000): string[] {
    const runs: string[] = [];
    for (let left = most; left > 0;) {
      const run = this.demands.next(Math.min(44, left));
      if (run === undefined) break;
      this.demands.sent(run, this.emitted + 1);
      this.emitted += run.count;
      left -= run.count;
      runs.push(`${run.block}: ${run.index}+${run.count}`);
    }
    return runs;
  }
}

function bitsOf(...indexes: readonly number[]): Uint8Array {
  const bits = new Uint8Array(13);
  for (const index of indexes) bits[index >> 3] = (bits[index >> 3] as number) | (1 << (index & 7));
  return bits;
}

describe("parity", () => {
  it("is sent for who lacks most, and mends the others by the way", () => {
    const session = new Session();
    const seen = session.first(0);
    session.demands.lacks(a, 0, 3, seen);
    session.demands.lacks(b, 0, 5, seen);
    session.demands.lacks(c, 0, 1, seen);
    expect(session.repair()).toEqual(["0: 100+5"]);
    expect(session.demands.isPending).toBe(false);
  });

  it("is not sent twice for who had not yet seen it", () => {
    const session = new Session();
    const seen = session.first(0);
    session.demands.lacks(a, 0, 5, seen);
    session.repair();
    // It has seen two of the five.
    session.demands.lacks(a, 0, 3, seen + 2);
    expect(session.repair()).toEqual([]);
    // It has seen all, and lost one of them.
    session.demands.lacks(a, 0, 1, seen + 5);
    expect(session.repair()).toEqual(["0: 105+1"]);
  });

  it("waits until a block was sent for the first time", () => {
    const session = new Session();
    session.demands.begun(0, 1, 40);
    session.demands.lacks(a, 0, 62, 38);
    expect(session.repair()).toEqual([]);
    session.demands.begun(0, 41, 60);
    session.emitted = 100;
    // Two were lost of the first 38.
    expect(session.repair()).toEqual([]);
    session.demands.lacks(a, 0, 2, 100);
    expect(session.repair()).toEqual(["0: 100+2"]);
  });

  it("is sent in turns by block, oldest demand first", () => {
    const session = new Session();
    const seen = session.first(0, 1, 2);
    session.demands.lacks(a, 2, 50, seen);
    session.demands.lacks(a, 0, 1, seen);
    expect(session.repair()).toEqual(["2: 100+44", "2: 144+6", "0: 100+1"]);
  });

  it("begins again when it is used up, for who lacks little", () => {
    const session = new Session();
    session.demands.lacks(a, 0, 100, session.first(0));
    session.repair();
    session.demands.lacks(a, 0, 80, session.emitted);
    expect(session.repair(50)).toEqual(["0: 200+44", "0: 244+6"]);
    expect(session.repair()).toEqual(["0: 250+6", "0: 100+24"]);
  });

  it("is followed by the source frames, for who lacks nearly everything", () => {
    const session = new Session();
    const seen = session.first(0);
    for (const round of [1, 2, 3]) {
      session.demands.lacks(a, 0, 255, round === 1 ? seen : session.emitted);
      if (round < 2) session.repair();
    }
    expect(session.repair(60)).toEqual(["0: 200+44", "0: 244+12", "0: 100+4"]);
  });

  it("is sent of a block that nobody lacked, for who comes later", () => {
    const session = new Session();
    session.demands.skip(0);
    session.demands.lacks(a, 0, 255, 0);
    expect(session.repair()).toEqual(["0: 100+44", "0: 144+44", "0: 188+12"]);
  });
});

describe("single frames", () => {
  it("are sent in runs, each once, however many want it", () => {
    const session = new Session();
    const seen = session.first(0);
    session.demands.wants(a, 0, bitsOf(3, 4, 5, 90), seen);
    session.demands.wants(b, 0, bitsOf(3, 4, 5, 91), seen);
    expect(session.repair()).toEqual(["0: 3+3", "0: 90+1", "0: 91+1"]);
    session.demands.wants(c, 0, bitsOf(5, 6), seen);
    expect(session.repair()).toEqual(["0: 6+1"]);
    // That one has seen it come, but for the frame itself.
    session.demands.wants(c, 0, bitsOf(6), session.emitted);
    expect(session.repair()).toEqual(["0: 6+1"]);
  });

  it("leave parity for others as it is", () => {
    const session = new Session();
    const seen = session.first(0);
    session.demands.wants(a, 0, bitsOf(7), seen);
    session.demands.lacks(b, 0, 2, seen);
    // What is sent for one may help the other.
    expect(session.repair()).toEqual(["0: 7+1", "0: 100+1"]);
    session.demands.lacks(b, 0, 1, session.emitted);
    expect(session.repair()).toEqual(["0: 101+1"]);
  });

  it("are all there is if nothing is mended by parity", () => {
    const session = new Session("plain");
    const seen = session.first(0);
    session.demands.lacks(a, 0, 255, seen);
    expect(session.repair()).toEqual(["0: 0+44", "0: 44+44", "0: 88+12"]);
  });
});

describe("a member is charged", () => {
  it("for what is sent for it alone", () => {
    const session = new Session("parity", 2);
    const seen = session.first(0);
    session.demands.lacks(a, 0, 10, seen);
    expect(session.demands.chargeOf(a)).toBe(0);
    session.repair(4);
    expect(session.demands.chargeOf(a)).toBe(4);
    // Then it turns out that another one lacks three of them as well.
    session.demands.lacks(b, 0, 3, seen);
    expect(session.demands.chargeOf(a)).toBe(1);
    session.repair();
    expect(session.demands.chargeOf(a)).toBe(7);
  });

  it("for single frames that nobody else wants", () => {
    const session = new Session("plain", 2);
    const seen = session.first(0);
    session.demands.wants(a, 0, bitsOf(1, 2, 3), seen);
    session.demands.wants(b, 0, bitsOf(3), seen);
    session.repair();
    expect([session.demands.chargeOf(a), session.demands.chargeOf(b)]).toEqual([2, -2]);
  });

  it("for no more than the others are on average", () => {
    const session = new Session("parity", 3);
    const seen = session.first(0, 1, 2);
    for (const [member, block] of [
      [a, 0],
      [b, 1],
      [c, 2],
    ] as const)
      session.demands.lacks(member, block, 8, seen);
    session.repair();
    expect([a, b, c].map((member) => session.demands.chargeOf(member))).toEqual([0, 0, 0]);
  });

  it("until it is dropped: then nothing is sent for its sake", () => {
    const session = new Session();
    const seen = session.first(0);
    session.demands.lacks(a, 0, 50, seen);
    session.demands.lacks(b, 0, 2, seen);
    session.demands.wants(a, 0, bitsOf(8), seen);
    session.demands.drop(a);
    expect(session.repair()).toEqual(["0: 100+2"]);
  });
});
