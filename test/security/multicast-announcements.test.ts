import { beforeEach, describe, expect, it } from "vitest";
import { encodeAnnouncement, mostSessions } from "../../plugins/mctp/wire/announcement.ts";
import type { Announced } from "../../plugins/mctp/wire/messages.ts";
import type { PieceStore } from "../../sdk/index.ts";
import { MemoryPieces } from "../../sdk/testkit/memory-pieces.ts";
import { noiseBytes } from "../../sdk/testkit/sample-bytes.ts";
import { Forger, announcedOf, receiving } from "../plugins/mctp/by-hand.ts";

const content = noiseBytes(3_000_000);
const pieceBytes = 1 << 20;
const store = new MemoryPieces(content, pieceBytes, () => false);
const usual = announcedOf(store);
const { extent, cut, at } = usual;
/** A terabyte of which nothing is there. */
const vast: PieceStore = {
  ...{ assignment: "ab".repeat(32), sizeBytes: 2 ** 40, pieceBytes, pieceCount: 2 ** 20 },
  has: () => false,
  read: () => new Uint8Array(),
  write: () => expect.unreachable("something is stored"),
};
const vastExtent = { sizeBytes: vast.sizeBytes, pieceBytes, range: { from: 0, to: vast.pieceCount } };

/** Data channels that a member keeps open at most. */
const mostGroups = 8;
/** What may be garbage, and more. */
const mostGrownBytes = 200 << 20;
const memory = () => process.memoryUsage.rss();
/** As between two datagrams. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("SEC-14: what a leader announces is taken part in only if it can be", { timeout: 60_000 }, () => {
  let member: Awaited<ReturnType<typeof receiving>>;
  beforeEach(async () => {
    member = await receiving([store, vast]);
  });

  const announce = (...sessions: readonly Announced[]) => member.announce(encodeAnnouncement(sessions));

  it.each<[string, Partial<Announced>]>([
    ["of 2^47 bytes", { extent: { ...extent, sizeBytes: 2 ** 47 } }],
    ["of none", { extent: { ...extent, sizeBytes: 0 } }],
    ["of a byte less than control signed", { extent: { ...extent, sizeBytes: extent.sizeBytes - 1 } }],
    ["in pieces of another length than control signed", { extent: { ...extent, pieceBytes: pieceBytes * 2 } }],
    ["in pieces of no length", { extent: { ...extent, pieceBytes: 0 } }],
    ["of pieces that do not exist", { extent: { ...extent, range: { from: 0, to: store.pieceCount + 1 } } }],
    ["of pieces far beyond", { extent: { ...extent, range: { from: 2 ** 32 - 2, to: 2 ** 32 - 1 } } }],
    ["of no pieces", { extent: { ...extent, range: { from: 1, to: 1 } } }],
    ["of pieces from the end to the beginning", { extent: { ...extent, range: { from: 2, to: 1 } } }],
    ["of an assignment that nobody wants", { assignment: "cd".repeat(32) }],
    ["in frames of no bytes", { cut: { ...cut, frameBytes: 0 } }],
    ["in frames of one byte", { cut: { ...cut, frameBytes: 1 } }],
    ["in frames that no datagram can hold", { cut: { ...cut, frameBytes: 65_535 } }],
    ["in frames that are never taken", { cut: { ...cut, frameBytes: 9_300 } }],
    ["in blocks of no bytes", { cut: { ...cut, blockBytes: 0 } }],
    ["in blocks of one byte", { cut: { blockBytes: 1, frameBytes: 1_400 } }],
    ["in blocks of one byte and frames of as many", { cut: { blockBytes: 1, frameBytes: 17 } }],
    ["in blocks that end within a piece", { cut: { blockBytes: pieceBytes + 1, frameBytes: 6_000 } }],
    [
      "of a terabyte in more blocks than need be",
      {
        ...{ assignment: vast.assignment, extent: { ...vastExtent, range: { from: 0, to: 100_000 } } },
        cut: { blockBytes: 8_192, frameBytes: 1_400 },
      },
    ],
    ["to which everybody reports all the time", { reportMs: 0 }],
    ["to which nobody may report for a minute", { reportMs: 60_000 }],
    ["in a group that is one host", { group: "10.77.0.3" }],
    ["in a group that is everybody", { group: "255.255.255.255" }],
    ["at no port", { port: 0 }],
    ["with reports to no port", { at: { ...at, port: 0 } }],
    ["with reports to everybody", { at: { ...at, address: "239.255.77.1" } }],
    ["with reports to everybody on IPv6", { at: { ...at, address: "ff02::1" } }],
  ])("SEC-14: not a session %s", (_, changes) => {
    announce({ ...usual, ...changes });
    expect(member.counts.began).toBe(0);
    expect(member.udp.openCount).toBe(1);
    announce(usual);
    expect(member.counts.began).toBe(1);
  });

  it.each<[string, (bytes: Buffer) => Uint8Array]>([
    [
      "an address that is none",
      (bytes) => Buffer.from(bytes.toString("latin1").replace("239.255.77.1", "239.255.77.x"), "latin1"),
    ],
    ["one session more than it holds", (bytes) => bytes.fill(2, 1, 2)],
    ["255 sessions", (bytes) => bytes.fill(255, 1, 2)],
    ["a byte more", (bytes) => Buffer.concat([bytes, Buffer.of(0)])],
    ["a byte less", (bytes) => bytes.subarray(0, -1)],
    ["nothing", (bytes) => bytes.subarray(0, 0)],
    ["another form", (bytes) => bytes.fill(99, 0, 1)],
  ])("SEC-14: not what has %s", (_, change) => {
    member.announce(change(Buffer.from(encodeAnnouncement([usual]))));
    expect([member.counts.began, member.udp.openCount]).toEqual([0, 1]);
  });

  it("SEC-14: no more of them at once than a leader may have", () => {
    const sessions = Array.from({ length: 100 }, (_, number) => ({ ...usual, number, key: Buffer.alloc(32, number) }));
    for (const session of sessions) announce(session);
    expect(member.counts.began).toBe(mostSessions);
    for (let each = 0; each < 100_000; each += 1) announce(sessions[each % sessions.length] as Announced);
    expect(member.counts.began).toBe(mostSessions);
  });

  it("SEC-14: thousands of them, one after the other, take no more memory and sockets than one", async () => {
    const rounds = 3_000;
    let before = 0;
    for (let number = 0; number < rounds; number += 1) {
      const session = {
        ...usual,
        number,
        key: Buffer.alloc(32, number),
        group: `239.1.${number >> 8}.${number & 255}`,
      };
      const forger = new Forger(session);
      announce(session);
      for (let block = 0; block < 3; block += 1) member.udp.arrive(forger.frame({ block, emission: block + 1 }));
      member.udp.arrive(forger.word({ kind: "over" }));
      await turn();
      expect(member.udp.openCount).toBeLessThanOrEqual(1 + mostGroups);
      if (number === 500) before = memory();
    }
    expect(member.counts).toMatchObject({ began: rounds, ended: rounds });
    expect(memory() - before).toBeLessThan(mostGrownBytes);
    announce(usual);
    expect(member.counts.began).toBe(rounds + 1);
  });

  it("SEC-14: nor do those that are cut in ever other ways", async () => {
    let before = 0;
    for (let number = 0; number < 40; number += 1) {
      const blockBytes = 40_000 + number * 5_000;
      const frameBytes = 1_400;
      const session = {
        ...{ ...usual, number, assignment: vast.assignment, extent: vastExtent, cut: { blockBytes, frameBytes } },
        extent: { ...vastExtent, range: { from: 0, to: 1_000 } },
      };
      const forger = new Forger(session);
      announce(session);
      for (let block = 0; block < 1_000; block += 1) member.udp.arrive(forger.frame({ block, emission: block + 1 }));
      member.udp.arrive(forger.word({ kind: "over" }));
      await turn();
      if (number === 5) before = memory();
    }
    expect(member.counts).toMatchObject({ began: 40, ended: 40 });
    expect(memory() - before).toBeLessThan(mostGrownBytes);
  });

  it("SEC-14: who announces for ever and brings nothing does not keep a member from asking others", async () => {
    announce(usual);
    for (let elapsedMs = 0; member.counts.ended === 0 && elapsedMs < 600_000; elapsedMs += 250) {
      announce({ ...usual, emitted: elapsedMs });
      await member.clock.advance(250);
    }
    expect(member.counts).toMatchObject({ began: 1, ended: 1 });
    expect(member.reasons).not.toContain(undefined);
  });
});
