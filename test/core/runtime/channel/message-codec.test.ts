import { encode } from "cborg";
import { describe, expect, it } from "vitest";
import { membersPerReport, mostRidesBytes } from "../../../../core/protocol/segment/messages.ts";
import type { RegistrationReport, SegmentMessage } from "../../../../core/protocol/segment/messages.ts";
import { decodeMessage, encodeMessage, mostMessageBytes } from "../../../../core/runtime/channel/message-codec.ts";
import { TrialMember, alive, idOf, recordOf, sampleMessages } from "./segment-trial.ts";

const refused = expect.objectContaining({ code: "DIST_ERR_CHANNEL_MESSAGE" });

describe.each(sampleMessages.map((message) => [message.type, message] as const))("%s", (_, message) => {
  it("comes out as it went in", () => {
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
  });

  it("is nothing without its last byte, nor with one more", () => {
    const bytes = encodeMessage(message);
    expect(() => decodeMessage(bytes.subarray(0, -1))).toThrow(refused);
    expect(() => decodeMessage(Buffer.concat([bytes, Buffer.of(0)]))).toThrow(refused);
  });
});

const member = { id: "n1", at: { address: "10.0.0.1", port: 1 }, priority: 0, eligible: true, byUnicast: false };
const report: RegistrationReport = { type: "report", epoch: 1, revision: 1, from: "", to: "", members: [member] };
const claim = { type: "claim", at: { address: "10.0.0.1", port: 1 }, priority: 1, leading: false, epoch: 1 } as const;

it.each<[string, SegmentMessage]>([
  ...[-1, 0.5, NaN, Infinity, 2 ** 31].map((priority): [string, SegmentMessage] => {
    return [`priority ${priority}`, { ...claim, priority }];
  }),
  ...["", "localhost", "10.0.0.256", "10.0.0.1 ", "010.0.0.1", "fe80::1%eth0", "239.1.1.1", "ff02::1"].map(
    (address): [string, SegmentMessage] => [`host '${address}'`, { ...claim, at: { address, port: 1 } }],
  ),
  ...["0.0.0.0", "::", "255.255.255.255"].map((address): [string, SegmentMessage] => {
    return [`host '${address}'`, { type: "probe", nonce: 0, at: { address, port: 1 } }];
  }),
  ...["10.0.0.1", "fe80::1", "224.0.0", "all"].map((group): [string, SegmentMessage] => {
    return [`group '${group}'`, { ...alive(), channel: { number: 1, group, port: 1 } }];
  }),
  ...[0, 65_536, -1, 1.5].map((port): [string, SegmentMessage] => {
    return [`port ${port}`, { ...claim, at: { address: "10.0.0.1", port } }];
  }),
  ...[-1, 2 ** 53, 0.5].map((epoch): [string, SegmentMessage] => [`epoch ${epoch}`, { type: "introduce", epoch }]),
  ...[-1, 1_001, 0.5].map((lostPermille): [string, SegmentMessage] => {
    return [
      `loss ${lostPermille}`,
      { type: "here", at: { address: "192.0.2.1", port: 7 }, epoch: 1, sequence: 1, lostPermille, byUnicast: false },
    ];
  }),
  ...["", "control", ".", "a/b", "a".repeat(65), "é"].map((hears): [string, SegmentMessage] => {
    return [`id '${hears}'`, { ...claim, hears }];
  }),
  ...["", "a b", "-a", "a".repeat(254)].map((name): [string, SegmentMessage] => {
    const { at, priority, epoch } = claim;
    return [`name '${name}'`, { type: "register", at, name, priority, epoch, eligible: true, byUnicast: false }];
  }),
  ["more than rides", { ...alive(), rides: Buffer.alloc(mostRidesBytes + 1) }],
  ["a report whose end is before its begin", { ...report, from: "n1", to: "n0", members: [] }],
  ["a report whose end is its begin", { ...report, from: "n1", to: "n1", members: [] }],
  ["a report with somebody before its begin", { ...report, from: "n2" }],
  ["a report with somebody at its end", { ...report, to: "n1" }],
  ["a report with somebody twice", { ...report, members: [member, member] }],
  ["a report that is out of order", { ...report, members: [{ ...member, id: "n2" }, member] }],
  ["a report that is too long", { ...report, members: Array.from({ length: membersPerReport + 1 }, listed) }],
])("%s is not sent", (_, message) => {
  expect(() => encodeMessage(message)).toThrow(refused);
});

const onChannel = [1, Buffer.of(239, 77, 1, 1), 7_400];
it.each<[string, unknown]>([
  ["nothing", []],
  ["no list", 7],
  ["a type that is not known", [13]],
  ["a sign of life without what rides on it, as it once was", [1, [Buffer.of(10, 0, 0, 1), 1], 1, 1, 1, 1, onChannel]],
  ["more than rides", [12, [Buffer.of(10, 0, 0, 1), 1], 1, 1, 1, 1, onChannel, Buffer.alloc(mostRidesBytes + 1)]],
  ["what rides as text", [12, [Buffer.of(10, 0, 0, 1), 1], 1, 1, 1, 1, onChannel, "one"]],
  ["a type by its name", ["leave"]],
  ["one field too many", [11, 0]],
  ["one field too few", [8]],
  ["a port of 0", [4, [Buffer.of(10, 0, 0, 1), 0], 1]],
  ["an address as text", [4, ["10.0.0.1", 1], 1]],
  ["an address of 5 bytes", [4, [Buffer.of(10, 0, 0, 1, 1), 1], 1]],
  ["a number as text", [8, "1"]],
  ["a nonce that is absent", [4, [Buffer.of(10, 0, 0, 1), 1], null]],
  ["a way that there is not", [5, 1, 2, null]],
  ["a UUID as text", [2, [Buffer.of(10, 0, 0, 1), 1], 1, true, 1, idOf(1)]],
  ["an id as other bytes", [2, [Buffer.of(10, 0, 0, 1), 1], 1, true, 1, Buffer.alloc(15)]],
  ["too deep a list", Array.from({ length: 500 }).reduce<unknown>((inner) => [inner], 11)],
  ["a map", new Map([[0, 11]])],
  ["too much", [8, Buffer.alloc(mostMessageBytes)]],
])("%s is not taken", (_, value) => {
  expect(() => decodeMessage(encode(value))).toThrow(refused);
});

it.each([
  ["a number in more bytes than it needs", "82081800"],
  ["a whole number as a float", "8208fb3ff0000000000000"],
  ["-0", "8208fb8000000000000000"],
  ["a list without its length", "9f0801ff"],
  ["undefined", "8208f7"],
  ["a number that is no safe integer", "82081b0020000000000000"],
  ["two messages", "810b810b"],
])("%s is not taken", (_, hex) => {
  expect(() => decodeMessage(Buffer.from(hex, "hex"))).toThrow(refused);
});

it.each([0, 1, mostRidesBytes])("%d bytes that ride on a sign of life come out as they went in, as a copy", (count) => {
  const sent: SegmentMessage = { ...alive(), rides: Uint8Array.from({ length: count }, (_, index) => index) };
  const bytes = encodeMessage(sent);
  const read = decodeMessage(bytes);
  bytes.fill(0);
  expect(read).toEqual(sent);
});

it("an age is rounded up, so that nobody seems to be heard later than it was", () => {
  const follows = { leader: "n1", epoch: 1, at: member.at, priority: 1, ageMs: 12.25, isRegistered: true };
  const sent: SegmentMessage = { type: "answer", nonce: 1, heardBy: "unicast", follows };
  expect(decodeMessage(encodeMessage(sent))).toEqual({ ...sent, follows: { ...follows, ageMs: 13 } });
});

it.each([
  ...["1.2.3.4", "::1", "1::", "1:2:3:4:5:6:7:8", "2001:db8::1", "1:0:0:2::3", "1::2:0:0:3", "0:1::", "::ffff:1.2.3.4"],
  ...["fe80::a:b", "1:0:2:3:4:5:6:0", "abcd:ef01:2345:6789:abcd:ef01:2345:6789", "10::10:0"],
])("the address %s comes out as it went in", (address) => {
  expect(seen(address)).toBe(address);
});

it.each([
  ["FE80:0:0:0:0:0:0:A", "fe80::a"],
  ["1::2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
  ["::ffff:0102:0304", "::ffff:1.2.3.4"],
])("the address %s comes out as %s", (address, written) => {
  expect(seen(address)).toBe(written);
});

function seen(address: string): string | undefined {
  const probe: SegmentMessage = { type: "probe", nonce: 1, at: { address, port: 1 } };
  const message = decodeMessage(encodeMessage(probe));
  return message.type === "probe" ? message.at.address : undefined;
}

function listed(_: unknown, index: number): RegistrationReport["members"][number] {
  const address = `2001:db8:1234:5678:9abc:def0:1234:${(0x1000 + index).toString(16)}`;
  return { id: idOf(index), at: { address, port: 65_535 }, priority: 2 ** 31 - 1, eligible: true, byUnicast: true };
}

it("a sign of life with as much as can ride on it fits into a frame of Ethernet, sealed and signed", () => {
  const most = Number.MAX_SAFE_INTEGER;
  const at = { address: "2001:db8:1234:5678:9abc:def0:1234:5678", port: 65_535 };
  const channel = { number: most, group: "ff15:db8:1234:5678:9abc:def0:1234:5678", port: 65_535 };
  const full: SegmentMessage = {
    ...{ type: "alive", at, priority: 2 ** 31 - 1, epoch: most, sequence: most, revision: most, channel },
    rides: new Uint8Array(mostRidesBytes),
  };
  const record = recordOf(1, { name: "n".repeat(253), segment: "hall-1", maxPriority: 2 ** 31 - 1, issuedAt: most });
  expect(new TrialMember(1, { record }).channel.seal(full).length).toBeLessThanOrEqual(1_452);
});

it("a full report fits into 1,400 bytes, sealed and signed, with the longest name", () => {
  const most = Number.MAX_SAFE_INTEGER;
  const members = Array.from({ length: membersPerReport }, listed);
  const full: SegmentMessage = { type: "report", epoch: most, revision: most, from: idOf(0), to: idOf(16), members };
  const record = recordOf(1, { name: "n".repeat(253), segment: "hall-1", maxPriority: 2 ** 31 - 1, issuedAt: most });
  const { channel } = new TrialMember(1, { record });
  expect(channel.seal(full).length).toBeLessThanOrEqual(1_400);
});
