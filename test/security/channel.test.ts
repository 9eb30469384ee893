import { describe, expect, it } from "vitest";
import type { SegmentMessage } from "../../core/protocol/segment/messages.ts";
import { encodeMessage } from "../../core/runtime/channel/message-codec.ts";
import { nextBootSequence } from "../../core/runtime/channel/secure-channel.ts";
import { realUdp } from "../../core/runtime/udp.ts";
import type { Datagram } from "../../sdk/index.ts";
import { SimRandom } from "../../sdk/testkit/sim/random.ts";
import {
  TrialMember,
  alive,
  claim,
  forge,
  here,
  keysOf,
  register,
  sampleMessages,
} from "../core/runtime/channel/segment-trial.ts";

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
        restored.channel.rekey(nextBootSequence(1, wallTime));
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
      if (index === 9) channel.rekey(2);
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
