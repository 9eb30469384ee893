import { encode } from "cborg";
import { describe, expect, it } from "vitest";
import type { SegmentMessage } from "../../core/protocol/segment/messages.ts";
import { writeAttested } from "../../core/runtime/channel/attest.ts";
import { encodeMessage } from "../../core/runtime/channel/message-codec.ts";
import {
  TrialMember,
  alive,
  claim,
  ed25519,
  forge,
  here,
  idOf,
  recordOf,
  register,
  segment,
} from "../core/runtime/channel/segment-trial.ts";

describe("SEC-5: who holds the segment's key ranks no higher than control attests", () => {
  const types = [alive(), claim, register];

  it.each([101, 2 ** 31 - 1])("SEC-5: priority %i of at most 100 is dropped, with an alarm", (priority) => {
    const [one, two] = [new TrialMember(1), new TrialMember(2)];
    for (const message of types) expect(two.channel.open(one.channel.seal({ ...message, priority }))).toBeUndefined();
    expect([two.dropped, two.alarms]).toEqual([{ priority: 3 }, [{ kind: "priority", sender: one.id }]]);
    expect(two.channel.marks()).toEqual([]);
    expect(two.channel.open(one.channel.seal({ ...claim, priority: 100 }))).toBeDefined();
  });

  it.each([NaN, -1, 0.5, 2 ** 31, Infinity, 2 ** 53, null, "100", [100]])("SEC-5: priority %o is none", (priority) => {
    const two = new TrialMember(2);
    const bytes = encode([2, [Buffer.of(10, 0, 0, 7), 7_401], priority, false, 3, null], { float64: true });
    expect(two.channel.open(forge(1, bytes))).toBeUndefined();
    expect(two.dropped).toEqual({ message: 1 });
  });

  it("SEC-5: who may not lead cannot claim to, lead, or register as who may", () => {
    const [one, two] = [new TrialMember(1, { record: recordOf(1, { eligible: false }) }), new TrialMember(2)];
    for (const message of types) expect(two.channel.open(one.channel.seal(message))).toBeUndefined();
    expect([two.dropped, two.alarms]).toEqual([{ priority: 3 }, [{ kind: "eligibility", sender: one.id }]]);
    expect(two.channel.open(one.channel.seal({ ...register, eligible: false }))).toBeDefined();
  });
});

describe("SEC-6: a member cannot speak for another one", () => {
  const bytes = encodeMessage(alive());

  it.each([
    ["with its own record and key", { record: recordOf(3), signingKey: ed25519(3) }, "record"],
    ["with the other's record", { signingKey: ed25519(3) }, "signature"],
    ["with a record that it signed", { record: recordOf(1, {}, ed25519(3)) }, "record"],
    [
      "with a record of the other with its own key",
      { record: recordOf(1, {}, ed25519(3)), signingKey: ed25519(3) },
      "record",
    ],
    ["with the other's record for another segment", { record: recordOf(1, { segment: "hall-2" }) }, "record"],
    ["with what the other signed for another segment", { segment: "hall-2" }, "signature"],
    ["without a record", { record: Buffer.of() }, "record"],
  ] as const)("SEC-6: %s", (_, forgery, reason) => {
    const two = new TrialMember(2);
    expect(two.channel.open(forge(1, bytes, forgery))).toBeUndefined();
    expect([two.dropped, two.alarms]).toEqual([{ [reason]: 1 }, [{ kind: reason, sender: idOf(1) }]]);
    expect(two.channel.marks()).toEqual([]);
    expect(two.channel.open(new TrialMember(1).channel.seal(alive()))).toBeDefined();
  });

  it("SEC-6: without a signature", () => {
    const two = new TrialMember(2);
    for (const message of [alive(), claim, register])
      expect(two.channel.open(forge(1, encodeMessage(message), { header: { signed: false } }))).toBeUndefined();
    expect(two.channel.marks()).toEqual([]);
  });

  it.each([{ sequence: 5 }, { epoch: 2 }, { boot: { id: "cd".repeat(16), sequence: 1 } }, { sender: "n9" }])(
    "SEC-6: with what the other signed in a datagram with %o",
    (signedHeader) => {
      const two = new TrialMember(2);
      expect(two.channel.open(forge(1, bytes, { signedHeader }))).toBeUndefined();
      expect(two.dropped).toEqual({ signature: 1 });
    },
  );
});

describe("SEC-7: a member that sends 100,000 messages in a second costs the others nothing", () => {
  type Flood = (flooder: TrialMember, count: number) => Uint8Array;
  // The signature is one of another datagram.
  const body = writeAttested(recordOf(3), encodeMessage(claim), ed25519(3), { segment, header: Buffer.of() });

  it.each<[string, number, Flood]>([
    ["alive", 512 + 128, ({ channel }) => channel.seal(alive())],
    ["here", 256 + 64, ({ channel }) => channel.seal(here)],
    [
      "claims with bad signatures",
      512 + 128,
      ({ number }, sequence) => forge(number, body, { header: { sequence }, body }),
    ],
  ])("SEC-7: %s, of which %i are looked at", { timeout: 120_000 }, async (_, most, flood) => {
    const [leader, flooder, two] = [new TrialMember(1), new TrialMember(3), new TrialMember(2)];
    expect(two.channel.open(leader.channel.seal(alive()))).toBeDefined();
    let taken = 0;
    for (let count = 1; count <= 100_000; count += 1) {
      if (two.channel.open(flood(flooder, count)) !== undefined) taken += 1;
      if (count % 1_000 > 0) continue;
      await two.clock.advance(10);
      expect(two.channel.open(leader.channel.seal(alive())), `after ${count}`).toBeDefined();
      expect(two.channel.open(leader.channel.seal(here)), `after ${count}`).toBeDefined();
    }
    const checked = taken + (two.dropped["signature"] ?? 0);
    expect(checked).toBeLessThanOrEqual(most);
    expect(two.dropped["flood"]).toBe(100_000 - checked);
    const floods = () => two.alarms.filter(({ kind }) => kind === "flood");
    expect(floods()).toEqual([{ kind: "flood", sender: flooder.id }]);
    expect(two.alarms.filter(({ sender }) => sender !== flooder.id)).toEqual([]);
    await two.clock.advance(60_000);
    for (let count = 100_001; count <= 100_600; count += 1) two.channel.open(flood(flooder, count));
    expect(floods().length).toBe(2);
  });

  it("SEC-7: nor does one that calls itself by ever other names", async () => {
    const [leader, two] = [new TrialMember(1), new TrialMember(2)];
    expect(two.channel.open(leader.channel.seal(alive()))).toBeDefined();
    for (let number = 10; number < 20_010; number += 1) {
      const header = { signed: number % 2 === 0 };
      two.channel.open(forge(number, encodeMessage(here), { header, record: Buffer.of(1), signingKey: ed25519(3) }));
      if (number % 1_000 > 0) continue;
      await two.clock.advance(10);
      expect(two.channel.open(leader.channel.seal(alive()))).toBeDefined();
    }
    expect(two.channel.marks().map(({ sender }) => sender)).toEqual([leader.id]);
    expect(two.alarms.length).toBeLessThanOrEqual(256);
  });
});

describe("SEC-10: nobody is led to another channel but by the signed word of who may lead", () => {
  const moved: SegmentMessage = { ...alive(), channel: { number: 2, group: "239.9.9.9", port: 7_400 } };

  it.each([
    ["without a signature", { header: { signed: false } }],
    ["signed by another member", { signingKey: ed25519(3) }],
    ["attested for another member", { record: recordOf(3), signingKey: ed25519(3) }],
    ["by one that may not lead", { record: recordOf(1, { eligible: false }) }],
    ["by one that ranks lower than it says", { record: recordOf(1, { maxPriority: 49 }) }],
  ])("SEC-10: %s", (_, forgery) => {
    const two = new TrialMember(2);
    expect(two.channel.open(forge(1, encodeMessage(moved), forgery))).toBeUndefined();
    expect(two.channel.marks()).toEqual([]);
  });

  it("SEC-10: nor back to the one before, by what the leader said then", () => {
    const [one, two] = [new TrialMember(1), new TrialMember(2)];
    const before = one.channel.seal(alive());
    for (const datagram of [before, one.channel.seal(moved)]) expect(two.channel.open(datagram)).toBeDefined();
    expect(two.channel.open(before)).toBeUndefined();
  });
});
