import { encode } from "cborg";
import { describe, expect, it } from "vitest";
import type { SegmentMessage } from "../../core/protocol/segment-messages.ts";
import { writeAttested } from "../../core/runtime/channel/attest.ts";
import { encodeMessage } from "../../core/runtime/channel/message-codec.ts";
import { realUdp } from "../../core/runtime/udp.ts";
import type { Datagram } from "../../sdk/index.ts";
import { SimRandom } from "../../sdk/testkit/sim/random.ts";
import {
  TrialMember,
  alive,
  ed25519,
  forge,
  idOf,
  keysOf,
  recordOf,
  sampleMessages,
  segment,
} from "../core/runtime/channel/segment-trial.ts";

const here: SegmentMessage = {
  type: "here",
  at: { address: "192.0.2.1", port: 7 },
  epoch: 3,
  sequence: 1,
  lostPermille: 0,
  byUnicast: false,
};
const at = { address: "10.0.0.7", port: 7_401 };
const claim: SegmentMessage = { type: "claim", at, priority: 50, leading: false, epoch: 3 };
const register: SegmentMessage = {
  ...{ type: "register", at, name: "web-1", priority: 50, eligible: true, epoch: 3, byUnicast: false },
};

/** What a member knows and holds of others, as far as it can be told from outside. */
function stateOf({ channel, alarms }: TrialMember): unknown {
  return JSON.parse(JSON.stringify([channel.marks(), alarms]));
}

describe.each([
  ["a sender that is known", [alive(), here]],
  ["a stranger", []],
] as const)("of %s", (_, before) => {
  it.each(sampleMessages.map((message) => [message.type, message] as const))(
    "SEC-2: a datagram with one bit flipped anywhere is dropped and counted, and changes nothing (%s)",
    (_type, message) => {
      const [one, two] = [new TrialMember(1), new TrialMember(2)];
      for (const each of before) expect(two.channel.open(one.channel.seal(each))).toBeDefined();
      const datagram = Buffer.from(one.channel.seal(message));
      const state = stateOf(two);
      for (let bit = 0; bit < datagram.length * 8; bit += 1) {
        const flipped = Buffer.from(datagram);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(two.channel.open(flipped), `bit ${bit}`).toBeUndefined();
      }
      expect(stateOf(two)).toEqual(state);
      expect(Object.values(two.dropped).reduce((sum, count) => sum + count, 0)).toBe(datagram.length * 8);
      expect(two.channel.open(datagram)).toMatchObject({ from: one.id, message });
    },
  );
});

it("SEC-2: however many copies are changed on the way, their sender is heard as before", () => {
  const [one, two] = [new TrialMember(1), new TrialMember(2)];
  expect(two.channel.open(one.channel.seal(alive()))).toBeDefined();
  const genuine = Buffer.from(one.channel.seal(alive()));
  const changed = Buffer.from(genuine);
  for (let copy = 0; copy < 10_000; copy += 1) {
    changed.writeUInt32BE(copy, changed.length - 40);
    two.channel.open(changed);
  }
  expect(two.channel.open(genuine)).toBeDefined();
  expect([two.dropped, two.alarms]).toEqual([{ junk: 10_000 }, []]);
});

describe("SEC-3: what was sent once is dropped when it comes again", () => {
  const messages: readonly SegmentMessage[] = [alive(), claim, register, { type: "leave" }, here];

  it.each([0, 1_000, 3_600_000, 30 * 24 * 3_600_000])("SEC-3: after %i ms", async (elapsedMs) => {
    const [one, two] = [new TrialMember(1), new TrialMember(2)];
    const sent = messages.map((message) => one.channel.seal(message));
    for (const datagram of sent) expect(two.channel.open(datagram)).toBeDefined();
    await two.clock.advance(elapsedMs);
    const state = stateOf(two);
    for (const datagram of [...sent, ...sent.toReversed()]) expect(two.channel.open(datagram)).toBeUndefined();
    expect(stateOf(two)).toEqual(state);
    expect(two.dropped).toEqual({ replay: 2 * messages.length });
  });

  it.each([false, true])("SEC-3: from the sender's previous boot (it was heard then: %s)", (wasHeard) => {
    const two = new TrialMember(2);
    const [before, after] = [new TrialMember(1), new TrialMember(1, { bootSequence: 2 }, new SimRandom(9))];
    const sent = messages.map((message) => before.channel.seal(message));
    if (wasHeard) for (const datagram of sent) expect(two.channel.open(datagram)).toBeDefined();
    expect(two.channel.open(after.channel.seal(alive()))).toBeDefined();
    for (const datagram of sent) expect(two.channel.open(datagram)).toBeUndefined();
    expect(two.dropped).toEqual({ boot: messages.length });
  });

  it("SEC-3: after a restart of who hears it, which kept its marks", () => {
    const [one, two] = [new TrialMember(1), new TrialMember(2)];
    const sent = messages.map((message) => one.channel.seal(message));
    for (const datagram of sent) expect(two.channel.open(datagram)).toBeDefined();
    const again = new TrialMember(2, { bootSequence: 2, marks: two.channel.marks() });
    for (const datagram of sent) expect(again.channel.open(datagram)).toBeUndefined();
    expect(again.dropped).toEqual({ replay: messages.length });
    expect(again.channel.open(one.channel.seal(alive()))).toBeDefined();
  });

  it("SEC-3: of the key before, whether that still opens or not", () => {
    const [one, two] = [new TrialMember(1), new TrialMember(2)];
    const sent = messages.map((message) => one.channel.seal(message));
    for (const datagram of sent) expect(two.channel.open(datagram)).toBeDefined();
    for (const keys of [keysOf(1, 2), keysOf(2)]) {
      two.channel.useKeys(keys);
      for (const datagram of sent) expect(two.channel.open(datagram)).toBeUndefined();
    }
    expect(two.dropped).toEqual({ replay: messages.length, key: messages.length });
  });
});

it("SEC-4: a datagram that comes from elsewhere is its sender's, once, and nobody else's", async () => {
  const [one, two] = [new TrialMember(1), new TrialMember(2)];
  const received: Datagram[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  await using socket = await realUdp.bind({
    ...{ port: 0, address: "127.0.0.1" },
    receive: (datagram) => void (received.push(datagram) === 2 && resolve()),
  });
  await using own = await realUdp.bind({ port: 0, address: "127.0.0.1", receive: () => undefined });
  await using other = await realUdp.bind({ port: 0, address: "127.0.0.1", receive: () => undefined });
  const datagram = one.channel.seal(register);
  other.send(datagram, "127.0.0.1", socket.port);
  own.send(datagram, "127.0.0.1", socket.port);
  await promise;
  expect(new Set(received.map(({ port }) => port))).toEqual(new Set([own.port, other.port]));
  const opened = received.map(({ bytes }) => two.channel.open(bytes));
  // Where to answer stands in the message, which is signed.
  expect(opened).toEqual([{ from: one.id, name: "web-1", message: register }, undefined]);
  expect(two.dropped).toEqual({ replay: 1 });
  expect(two.channel.marks().map(({ sender }) => sender)).toEqual([one.id]);
});

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

describe("SEC-16: a machine that was put back to an earlier state never seals twice with one key and nonce", () => {
  const messages = Array.from({ length: 50 }, (_, index): SegmentMessage => ({ type: "introduce", epoch: index }));
  /** What a nonce and its key depend on, and what was sealed with them. */
  const partsOf = (datagram: Uint8Array) => {
    const hex = Buffer.from(datagram).toString("hex");
    return {
      nonce: hex.slice(8, -2 * (16 + 2)),
      sealed: hex.slice(-2 * (16 + 2), -2 * 16),
      sequence: hex.slice(36, 48),
    };
  };

  it.each<[string, (wallTime: number) => TrialMember]>([
    [
      "it is told so, and its chance comes again as well",
      (wallTime) => {
        const restored = new TrialMember(1);
        restored.clock.setWallTime(wallTime);
        restored.channel.rekey();
        return restored;
      },
    ],
    ["it starts again", () => new TrialMember(1, { bootSequence: 2 })],
  ])("SEC-16: %s", (_, restore) => {
    const first = new TrialMember(1);
    const earlier = messages.map((message) => first.channel.seal(message));
    const restored = restore(first.clock.wallTime() + 60_000);
    const later = messages.map((message) => restored.channel.seal(message));
    const nonces = [...earlier, ...later].map((datagram) => partsOf(datagram).nonce);
    expect(new Set(nonces).size).toBe(nonces.length);
    const [before, after] = [earlier.map(partsOf), later.map(partsOf)];
    expect(after.map(({ sequence }) => sequence)).toEqual(before.map(({ sequence }) => sequence));
    // The same messages with the same sequence numbers: with the same keys nearly all would look the same.
    expect(after.filter(({ sealed }, index) => sealed === before[index]?.sealed).length).toBeLessThan(5);
    const two = new TrialMember(2);
    expect(two.channel.open(first.channel.seal(alive()))).toBeDefined();
    expect(two.channel.open(restored.channel.seal(alive()))).toBeDefined();
    expect(two.channel.open(first.channel.seal(alive()))).toBeUndefined();
    for (const datagram of [...earlier, ...later.slice(0, 1)])
      expect(two.channel.open(datagram) !== undefined).toBe(datagram === later[0]);
  });

  it("SEC-16: a state before has nonces of its own, whatever is sealed and however often keys change", () => {
    const { channel } = new TrialMember(1);
    const nonces = sampleMessages.flatMap((message, index) => {
      if (index === 5) channel.useKeys(keysOf(1, 2));
      if (index === 9) channel.rekey();
      return [channel.seal(message), channel.seal(message)].map((datagram) => {
        return Buffer.from(datagram).toString("hex", 8, 40);
      });
    });
    expect(new Set(nonces).size).toBe(2 * sampleMessages.length);
  });
});

it("SEC-17: who was removed can neither speak nor listen once the others have the next key", () => {
  const [removed, one, two] = [new TrialMember(1), new TrialMember(2), new TrialMember(3)];
  expect(one.channel.open(removed.channel.seal(alive()))).toBeDefined();
  for (const { channel } of [one, two]) channel.useKeys(keysOf(2));
  const state = stateOf(one);
  for (const message of sampleMessages) {
    expect(one.channel.open(removed.channel.seal(message))).toBeUndefined();
    expect(removed.channel.open(one.channel.seal(message))).toBeUndefined();
    expect(one.channel.open(forge(1, encodeMessage(message), { header: { epoch: 2 }, keys: guessed }))).toBeUndefined();
  }
  expect(stateOf(one)).toEqual(state);
  expect(one.dropped).toEqual({ key: sampleMessages.length, junk: sampleMessages.length });
  expect(one.channel.open(two.channel.seal(alive()))).toBeDefined();
});
const guessed = { keys: [{ epoch: 2, key: Buffer.alloc(32, 1) }], sealWith: 2 };
