import { createPublicKey } from "node:crypto";
import { describe, expect, it } from "vitest";
import { encodeMessage } from "../../../../core/runtime/channel/message-codec.ts";
import { nextBootSequence } from "../../../../core/runtime/channel/secure-channel.ts";
import type { ChannelOptions } from "../../../../core/runtime/channel/secure-channel.ts";
import { SimRandom } from "../../../../sdk/testkit/sim/random.ts";
import { TrialMember, alive, ed25519, forge, idOf, keysOf, recordOf, sampleMessages } from "./segment-trial.ts";

const [here, leave] = [sampleMessages.at(-1), { type: "leave" } as const];
if (here === undefined) throw new Error("there is no sample");

it.each(sampleMessages.map((message) => [message.type, message] as const))(
  "%s is opened by another member, once, and by nobody without the key",
  (_, message) => {
    const [one, two, three] = [new TrialMember(1), new TrialMember(2), new TrialMember(3, { keys: keysOf(2) })];
    const datagram = one.channel.seal(message);
    const opened = two.channel.open(datagram);
    expect(opened).toMatchObject({ from: one.id, message });
    expect(two.channel.open(datagram)).toBeUndefined();
    expect(one.channel.open(datagram)).toBeUndefined();
    expect(three.channel.open(datagram)).toBeUndefined();
    expect([one, two, three].map(({ dropped }) => dropped)).toEqual([{ own: 1 }, { replay: 1 }, { key: 1 }]);
  },
);

it("nothing of a message can be read in its datagram", () => {
  const { channel } = new TrialMember(1, { record: recordOf(1, { name: "a-secret-name" }) });
  const datagram = Buffer.from(channel.seal(leave));
  expect(datagram.includes("a-secret-name")).toBe(false);
  expect(datagram.includes(Buffer.from(encodeMessage(leave)))).toBe(false);
});

it("the name of a sender is known as soon as it signed something", () => {
  const [one, two] = [new TrialMember(1), new TrialMember(2)];
  const names = [here, leave, here].map((message) => two.channel.open(one.channel.seal(message))?.name);
  expect(names).toEqual([undefined, "web-1", "web-1"]);
});

it("datagrams may come late and out of turn, up to 1,023 behind the newest", () => {
  const [one, two] = [new TrialMember(1), new TrialMember(2)];
  const datagrams = Array.from({ length: 1_025 }, () => one.channel.seal(here));
  expect(two.channel.open(datagrams.at(-1) ?? Buffer.of())).toBeDefined();
  expect(two.channel.open(datagrams[0] ?? Buffer.of())).toBeUndefined();
  expect(two.channel.open(datagrams[1] ?? Buffer.of())).toBeDefined();
});

describe("a boot of a sender", () => {
  it("ends all earlier ones, also those of before this member started again", () => {
    const boots = [1, 2, 3].map(
      (bootSequence) => new TrialMember(1, { bootSequence }, new SimRandom(bootSequence)).channel,
    );
    const [first, second, third] = boots.map((channel) => [
      channel.seal(leave),
      channel.seal(here),
      channel.seal(leave),
    ]);
    const two = new TrialMember(2);
    const opened = (member: TrialMember, datagrams: readonly Uint8Array[] = []) =>
      datagrams.map((datagram) => member.channel.open(datagram) !== undefined);
    expect(opened(two, first?.slice(0, 2))).toEqual([true, true]);
    expect(opened(two, second?.slice(0, 1))).toEqual([true]);
    expect(opened(two, first)).toEqual([false, false, false]);
    const again = new TrialMember(2, { bootSequence: 2, marks: JSON.parse(JSON.stringify(two.channel.marks())) });
    expect(opened(again, first)).toEqual([false, false, false]);
    expect(opened(again, second)).toEqual([false, true, true]);
    expect(opened(again, third)).toEqual([true, true, true]);
    expect(again.dropped).toEqual({ boot: 3, replay: 1 });
  });

  it("is not another one with the same number", () => {
    const [one, other] = [new TrialMember(1), forge(1, encodeMessage(leave))];
    const two = new TrialMember(2);
    expect(two.channel.open(one.channel.seal(leave))).toBeDefined();
    expect(two.channel.open(other)).toBeUndefined();
    expect(two.dropped).toEqual({ boot: 1 });
  });

  it("cannot be shut out by another member, who can forge only what is not signed", () => {
    const [one, two] = [new TrialMember(1), new TrialMember(2)];
    const forged = { signed: false, boot: { id: "cd".repeat(16), sequence: 2 ** 48 - 1 }, sequence: 2 ** 48 - 1 };
    expect(two.channel.open(forge(1, encodeMessage(here), { header: forged }))).toBeDefined();
    expect(two.channel.open(one.channel.seal(here))).toBeUndefined();
    expect(two.channel.open(one.channel.seal(leave))).toBeDefined();
    expect(two.channel.open(one.channel.seal(here))).toBeDefined();
    expect(two.channel.marks()).toMatchObject([{ bootSequence: 1 }]);
  });

  it("is heard again with what it signs, if another member forged its sequence number", () => {
    const [one, two] = [new TrialMember(1, {}, new SimRandom(1)), new TrialMember(2)];
    const first = one.channel.seal(leave);
    expect(two.channel.open(first)).toBeDefined();
    const boot = { id: Buffer.from(first).toString("hex", 24, 40), sequence: 1 };
    two.channel.open(forge(1, encodeMessage(here), { header: { signed: false, boot, sequence: 100_000 } }));
    expect(two.channel.open(one.channel.seal(here))).toBeUndefined();
    expect(two.channel.open(one.channel.seal(leave))).toBeDefined();
    expect(two.channel.open(one.channel.seal(here))).toBeDefined();
  });
});

describe("keys", () => {
  it("change without a gap: what is installed opens, and the first that seals with it takes the others along", () => {
    const members = [1, 2, 3].map((number) => new TrialMember(number));
    const [one, two, three] = members as [TrialMember, TrialMember, TrialMember];
    const all = () => {
      for (const from of members) {
        const datagram = from.channel.seal(alive());
        for (const to of members)
          if (to !== from) expect(to.channel.open(datagram), `${from.id} → ${to.id}`).toBeDefined();
      }
    };
    all();
    for (const { channel } of members) {
      channel.useKeys({ ...keysOf(1, 2), sealWith: 1 });
      all();
    }
    expect(epochOf(three.channel.seal(here))).toBe(1);
    one.channel.useKeys(keysOf(1, 2));
    all();
    expect(members.map(({ channel }) => epochOf(channel.seal(here)))).toEqual([2, 2, 2]);
    two.channel.useKeys({ ...keysOf(1, 2), sealWith: 1 });
    expect(epochOf(two.channel.seal(here))).toBe(2);
    for (const { channel } of members) {
      channel.useKeys(keysOf(2));
      all();
    }
    expect(members.map(({ dropped }) => dropped)).toEqual([{}, {}, {}]);
  });

  it("of an epoch that is given anew are the new ones", () => {
    const [one, two] = [new TrialMember(1), new TrialMember(2)];
    expect(two.channel.open(one.channel.seal(here))).toBeDefined();
    const other = { keys: [{ epoch: 1, key: Buffer.alloc(32, 99) }], sealWith: 1 };
    one.channel.useKeys(other);
    expect(two.channel.open(one.channel.seal(here))).toBeUndefined();
    two.channel.useKeys(other);
    expect(two.channel.open(one.channel.seal(here))).toBeDefined();
  });

  it.each([
    ["none", { keys: [], sealWith: 0 }],
    ["one that is short", { keys: [{ epoch: 1, key: Buffer.alloc(31) }], sealWith: 1 }],
    ["two of an epoch", { ...keysOf(1, 1) }],
    ["none to seal with", { ...keysOf(1), sealWith: 2 }],
    ["one of no epoch", keysOf(-1)],
    ["one of half an epoch", keysOf(1.5)],
    ["one of too high an epoch", keysOf(2 ** 32)],
    ["too many", keysOf(...Array.from({ length: 17 }, (_, epoch) => epoch))],
  ])("are refused if there is %s, and those before stay", (_, keys) => {
    const [one, two] = [new TrialMember(1), new TrialMember(2)];
    const refused = expect.objectContaining({ code: "DIST_ERR_CHANNEL_KEYS" });
    expect(() => new TrialMember(3, { keys })).toThrow(refused);
    expect(() => one.channel.useKeys(keys)).toThrow(refused);
    expect(two.channel.open(one.channel.seal(here))).toBeDefined();
  });
});

describe("a record", () => {
  it("is replaced by a later one only", () => {
    const [one, two] = [new TrialMember(1), new TrialMember(2)];
    const early = one.channel.seal(leave);
    one.channel.useRecord(recordOf(1, { issuedAt: 2_000, maxPriority: 60, name: "db-1" }));
    expect(two.channel.open(one.channel.seal(alive(60)))?.name).toBe("db-1");
    expect(two.channel.open(one.channel.seal(alive(61)))).toBeUndefined();
    expect(two.channel.open(early)).toBeUndefined();
    const again = new TrialMember(2, { marks: two.channel.marks() });
    one.channel.useRecord(recordOf(1));
    expect(again.channel.open(one.channel.seal(alive(61)))).toBeUndefined();
    one.channel.useRecord(recordOf(1, { issuedAt: 2_000, maxPriority: 60 }));
    expect(again.channel.open(one.channel.seal(alive(60)))).toBeDefined();
    expect([two.dropped, again.dropped]).toEqual([{ priority: 1, record: 1 }, { record: 1 }]);
  });

  it.each<[string, Partial<ChannelOptions>]>([
    ["another member's", { record: recordOf(2) }],
    ["of another segment", { record: recordOf(1, { segment: "hall-2" }) }],
    ["of another key", { signingKey: ed25519(2) }],
    ["not signed by control", { record: recordOf(1, {}, ed25519(2)) }],
    ["of another control", { controlKey: createPublicKey(ed25519(2)) }],
    ["nothing", { record: Buffer.of() }],
  ])("of this member that is %s is refused", (_, options) => {
    expect(() => new TrialMember(1, options)).toThrow(expect.objectContaining({ code: "DIST_ERR_CHANNEL_RECORD" }));
  });
});

describe("somebody with this member's own identity", () => {
  it("is noticed by the boot that began first, and by both if they began at once", () => {
    const first = new TrialMember(1, { bootSequence: 5 });
    const copy = new TrialMember(1, { bootSequence: 6 }, new SimRandom(77));
    expect([first.channel.open(copy.channel.seal(alive())), copy.channel.open(first.channel.seal(alive()))]).toEqual([
      undefined,
      undefined,
    ]);
    expect([first.alarms, copy.alarms]).toEqual([[{ kind: "twin", sender: first.id }], []]);
    const [one, other] = [new TrialMember(1), new TrialMember(1, {}, new SimRandom(77))];
    one.channel.open(other.channel.seal(leave));
    other.channel.open(one.channel.seal(leave));
    expect([one.alarms, other.alarms].flat().map(({ kind }) => kind)).toEqual(["twin", "twin"]);
  });

  it("is noticed if a machine was copied while it ran, by what this one never sent", () => {
    const [one, copy] = [new TrialMember(1, {}, new SimRandom(1)), new TrialMember(1, {}, new SimRandom(1))];
    const sent = [copy.channel.seal(leave), copy.channel.seal(leave)] as const;
    one.channel.seal(leave);
    one.channel.open(sent[0]);
    expect(one.alarms).toEqual([]);
    one.channel.open(sent[1]);
    expect(one.alarms).toEqual([{ kind: "twin", sender: one.id }]);
  });

  it("is not made up by those who have not its key, nor by what it sent in an earlier boot", () => {
    const one = new TrialMember(1, { bootSequence: 5 });
    const header = { boot: { id: "cd".repeat(16), sequence: 9 } };
    one.channel.open(forge(1, encodeMessage(leave), { header, signingKey: ed25519(2) }));
    one.channel.open(forge(1, encodeMessage(here), { header: { ...header, signed: false } }));
    one.channel.open(new TrialMember(1, { bootSequence: 4 }, new SimRandom(77)).channel.seal(leave));
    one.channel.rekey(6);
    expect(one.alarms).toEqual([]);
    expect(one.dropped).toEqual({ own: 2, signature: 1 });
  });
});

it("a boot sequence is higher than the last, and than any of a state before, by the clock", () => {
  expect(nextBootSequence(0, 1_700_000_000_000.5)).toBe(1_700_000_000_000);
  expect(nextBootSequence(1_800_000_000_000, 1_700_000_000_000)).toBe(1_800_000_000_001);
});

it(
  "4,096 senders are remembered; another one is taken once somebody is no danger any more",
  { timeout: 60_000 },
  async () => {
    const one = new TrialMember(1);
    const bytes = encodeMessage(leave);
    const open = (number: number, epoch: number) => {
      const datagram = forge(number, bytes, {
        header: { epoch },
        record: recordOf(number),
        signingKey: ed25519(number),
      });
      return one.channel.open(datagram) !== undefined;
    };
    one.channel.useKeys(keysOf(1, 2));
    for (let number = 2; number < 4_098; number += 1) {
      if (number % 500 === 0) await one.clock.advance(1_000);
      expect(open(number, number < 100 ? 1 : 2)).toBe(true);
    }
    expect(open(5_000, 2)).toBe(false);
    expect(one.alarms).toEqual([{ kind: "full", sender: idOf(5_000) }]);
    one.channel.useKeys(keysOf(2));
    expect(open(5_000, 2)).toBe(true);
    expect(one.channel.marks().length).toBe(4_096 - 98 + 1);
  },
);

function epochOf(datagram: Uint8Array): number {
  return Buffer.from(datagram).readUInt32BE(8);
}
