import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { encodeAnnouncement } from "../../plugins/mctp/wire/announcement.ts";
import { frameHeadBytes, readBlock, readHead, tagBytes } from "../../plugins/mctp/wire/datagram.ts";
import { Geometry } from "../../plugins/mctp/geometry.ts";
import { realIo } from "../../core/runtime/io.ts";
import { CheckedPieces } from "../../sdk/testkit/members-trial.ts";
import { MemoryPieces } from "../../sdk/testkit/memory-pieces.ts";
import { noiseBytes, withBitFlipped } from "../../sdk/testkit/sample-bytes.ts";
import { SimRandom } from "../../sdk/testkit/sim/random.ts";
import { Forger, leading, receiving } from "../plugins/mctp/by-hand.ts";
import { deliverBeside } from "../plugins/mctp/insider.ts";
import type { Insider, Outcome } from "../plugins/mctp/insider.ts";

const pieceBytes = 100_000;
const content = noiseBytes(4 * pieceBytes + 321);
const source = new MemoryPieces(content, pieceBytes);
const isFrame = (datagram: Uint8Array) => (readHead(datagram, 0, datagram.length)?.pass ?? 0) > 0;

/** A session that was sent once, all of it. */
async function sentOnce(random = new SimRandom(7)) {
  const leader = await leading(source, ["n1"], random);
  const stop = new AbortController();
  const running = leader.session.run(stop.signal).catch((error: unknown) => error);
  await leader.clock.advance(500);
  stop.abort();
  await running;
  const { session } = leader.session;
  const announcement = encodeAnnouncement([{ ...session, emitted: 0, sentBlocks: 0, bytesPerSecond: 0 }]);
  return { session, announcement, frames: leader.sent.filter(isFrame) };
}

describe("SEC-15: what is not what the leader sent comes to nothing", { timeout: 60_000 }, () => {
  let sent: Awaited<ReturnType<typeof sentOnce>>;
  let store: CheckedPieces;
  let member: Awaited<ReturnType<typeof receiving>>;

  beforeAll(async () => {
    sent = await sentOnce();
  });
  beforeEach(async () => {
    store = new CheckedPieces(content, pieceBytes, () => false);
    member = await receiving([store]);
    member.announce(sent.announcement);
  });

  /** How many frames it has counted, as it says when it is asked. */
  async function received(): Promise<number> {
    const asks = { from: 0, to: 0xffffffff, listed: false, hashes: [] };
    member.udp.arrive(new Forger(sent.session).word({ kind: "poll", emitted: 1, sentBlocks: 0, asks }));
    await member.clock.advance(100);
    return member.lastReport()?.received ?? 0;
  }

  async function expectWhole(): Promise<void> {
    for (const frame of sent.frames) member.udp.arrive(frame);
    await member.clock.advance(100);
    expect(store.held.length).toBe(source.pieceCount);
    expect([store.wrongWrites, member.counts.ended, member.reasons]).toEqual([0, 1, [undefined]]);
  }

  it("SEC-15: with one bit flipped, whichever it is", async () => {
    const forger = new Forger(sent.session);
    const asks = { from: 0, to: 0xffffffff, listed: true, hashes: [] };
    const words = [
      forger.word({ kind: "over" }),
      forger.word({ kind: "dismissal", member: "n1", reason: "x" }),
      forger.word({ kind: "poll", emitted: 1, sentBlocks: 0, asks }),
    ];
    for (const datagram of [sent.frames[0] as Uint8Array, ...words])
      for (let bit = 0; bit < datagram.length * 8; bit += 1) member.udp.arrive(withBitFlipped(datagram, bit));
    expect(await received()).toBe(0);
    await expectWhole();
  });

  it("SEC-15: 100,000 times with something wrong anywhere", async () => {
    const random = new SimRandom(3);
    for (let count = 0; count < 100_000; count += 1) {
      const frame = Buffer.from(sent.frames[random.below(sent.frames.length)] as Uint8Array);
      const at = random.below(frame.length);
      frame.set(random.bytes(Math.min(8, frame.length - at)), at);
      frame[at] = (frame[at] ?? 0) ^ 1;
      member.udp.arrive(frame);
    }
    expect(await received()).toBe(0);
    await expectWhole();
  });

  it("SEC-15: with a tag by another key, or of another session", async () => {
    const { session } = sent;
    const strangers = [
      new Forger(session, Buffer.alloc(32, 1)),
      new Forger({ ...session, number: session.number + 1 }),
      new Forger({ ...session, assignment: "ab".repeat(32) }),
    ];
    for (let block = 0; block < 3; block += 1)
      for (let index = 0; index < 256; index += 1)
        for (const forger of strangers) member.udp.arrive(forger.frame({ block, index, session: session.number }));
    for (const frame of (await sentOnce(new SimRandom(9))).frames) member.udp.arrive(frame);
    expect(await received()).toBe(0);
    await expectWhole();
  });

  it("SEC-15: cut, made longer, or joined to what is none", async () => {
    const frame = sent.frames[0] as Uint8Array;
    for (let length = 0; length < frame.length; length += 1) member.udp.arrive(frame.subarray(0, length));
    for (const more of [1, tagBytes, 1_000, 9_000, 60_000])
      member.udp.arrive(
        Buffer.concat([frame.subarray(0, 10), Buffer.alloc(2), frame.subarray(12), Buffer.alloc(more)]),
      );
    expect(await received()).toBe(0);
    await expectWhole();
  });

  it("SEC-15: with the right tag, and a place that does not exist or another length", async () => {
    const forger = new Forger(sent.session);
    const { blockCount } = new Geometry(sent.session.extent, sent.session.cut);
    const { frameBytes } = sent.session.cut;
    for (const block of [blockCount, blockCount + 1, 2 ** 24 - 1]) member.udp.arrive(forger.frame({ block }));
    for (const length of [0, 1, frameBytes - 1, frameBytes + 1, 9_000])
      member.udp.arrive(forger.frame({}, new Uint8Array(length)));
    expect(await received()).toBe(0);
    await expectWhole();
  });

  it("SEC-15: frames of its own that another member made: what they spoil is asked for again", async () => {
    const forger = new Forger(sent.session);
    const spoiled = sent.frames.map((frame, at) =>
      at % 50 === 0 ? forger.frame({ block: readBlock(frame, 0), index: at % 250, emission: at + 1 }) : frame,
    );
    for (const frame of spoiled) member.udp.arrive(frame);
    await member.clock.advance(300);
    expect(store.held.length).toBeLessThan(source.pieceCount);
    expect(member.lastReport()?.lacks.length).toBeGreaterThan(0);
    await expectWhole();
  });

  it("SEC-15: numbers as large as they can be, by which the next report would not fit", async () => {
    const forger = new Forger(sent.session);
    const asks = { from: 0, to: 0xffffffff, listed: false, hashes: [] };
    for (const emitted of [2 ** 47, 2 ** 47 + 1, 2 ** 48 - 1])
      member.udp.arrive(forger.word({ kind: "poll", emitted, sentBlocks: 2 ** 24 - 1, asks }));
    for (let count = 0; count < 600; count += 1)
      member.udp.arrive(forger.frame({ block: 0, emission: (count * (2 ** 23 - 1)) % 2 ** 24 }));
    await member.clock.advance(500);
    expect(member.lastReport()?.seen).toBe(2 ** 47);
    // Once for what is there of the block, and once for the block.
    for (const frame of sent.frames) member.udp.arrive(frame);
    await expectWhole();
  });

  it("SEC-24: a piece that is damaged at the leader ends the session, and is not sent", async () => {
    const rotten = new MemoryPieces(content, pieceBytes);
    rotten.damage(3);
    rotten.read = (index) => {
      if (index === 3) rotten.write(index, Buffer.of(0));
      return source.read(index);
    };
    const leader = await leading(rotten, ["n1"]);
    const running = leader.session.run(new AbortController().signal);
    const refused = expect(running).rejects.toMatchObject({ code: "DIST_ERR_TRANSFER_PIECE" });
    await leader.clock.advance(1_000);
    await refused;
    expect(leader.udp.openCount).toBe(0);
  });
});

describe("SEC-15: nothing that a member sends in the leader's place keeps the others from having all", () => {
  const sizeBytes = 4 << 20;
  const blockCount = 16;
  let calm: Outcome;
  beforeAll(async () => {
    calm = await deliverBeside({ sizeBytes, act: () => undefined });
  });
  const asks = { from: 0, to: 0xffffffff, listed: false, hashes: [] };

  it.each<[string, (insider: Insider, count: number) => void]>([
    [
      "frames of its own making",
      ({ heard, forger, toAll }, count) => {
        if (count < 100)
          toAll(forger.frame({ block: count % blockCount, index: count, emission: heard?.emitted ?? 1 }));
      },
    ],
    [
      "a frame from far ahead",
      ({ forger, toAll }, count) => {
        if (count === 20) toAll(forger.frame({ block: 15, index: 200, emission: 1_000_000 }));
      },
    ],
    [
      "frames from ever farther ahead",
      ({ forger, toAll }, count) => {
        if (count < 100) toAll(forger.frame({ block: 0, index: 200, emission: (count * 8_000_000) % 2 ** 24 }));
      },
    ],
    [
      "questions all the time",
      ({ forger, toAll }) => {
        toAll(forger.word({ kind: "poll", emitted: 2 ** 47, sentBlocks: 2 ** 24 - 1, asks }));
      },
    ],
    [
      "frames of no session",
      ({ forger, toAll }, count) => {
        for (let each = 0; each < 100; each += 1) toAll(forger.frame({ session: count * 100 + each }));
      },
    ],
  ])("SEC-15: %s", { timeout: 60_000 }, async (_, act) => {
    const { delivered, tookMs, sentBytes } = await deliverBeside({ sizeBytes, act });
    expect(delivered.left).toEqual([]);
    expect(tookMs).toBeLessThan(calm.tookMs * 5);
    expect(sentBytes).toBeLessThan(calm.sentBytes * 4);
  });
});

describe("SEC-16: no key seals two things with one nonce", () => {
  it("SEC-16: every session has a key and a number of its own", async () => {
    const sessions = await Promise.all(
      Array.from({ length: 200 }, async () => (await leading(source, ["n1"], realIo.random)).session.session),
    );
    const keys = sessions.map(({ key }) => Buffer.from(key).toString("hex"));
    expect(new Set(keys).size).toBe(200);
    expect(new Set(sessions.map(({ number }) => number)).size).toBe(200);
  });

  it("SEC-16: a frame that is sent again is the same, and of another session another", async () => {
    const contents: Set<string>[] = [];
    for (const seed of [7, 9]) {
      const leader = await leading(source, ["n1", "n2"], new SimRandom(seed));
      const stop = new AbortController();
      const running = leader.session.run(stop.signal).catch(() => undefined);
      for (let received = 0; received < 30; received += 1) {
        await leader.clock.advance(50);
        const lacks = [{ block: 0, blocks: 9, frames: 255 }];
        const said = { seen: leader.session.announced.emitted, received, lacks };
        for (const member of ["n1", "n2"]) leader.udp.arrive(leader.forger.report({ member, ...said }));
      }
      stop.abort();
      await running;
      const frames = leader.sent.filter(isFrame);
      const placeOf = (frame: Uint8Array) => `${readBlock(frame, 0)} ${readHead(frame, 0, frame.length)?.index}`;
      const carriedBy = (frame: Uint8Array) => Buffer.from(frame.subarray(frameHeadBytes)).toString("base64");
      const places = Map.groupBy(frames, placeOf);
      expect(frames.length).toBeGreaterThan(2 * places.size);
      for (const same of places.values()) expect(new Set(same.map(carriedBy)).size).toBe(1);
      contents.push(new Set(frames.map(carriedBy)));
    }
    expect(contents[0]?.isDisjointFrom(contents[1] ?? new Set())).toBe(true);
  });
});
