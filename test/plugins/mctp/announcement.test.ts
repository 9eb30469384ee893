import { describe, expect, it } from "vitest";
import { noiseBytes } from "distributary/testkit";
import { decodeAnnouncement, encodeAnnouncement, mostSessions } from "../../../plugins/mctp/wire/announcement.ts";
import type { Announced } from "../../../plugins/mctp/wire/messages.ts";

const session: Announced = {
  ...{ number: 0xfffefdfc, assignment: "0123456789abcdef".repeat(4) },
  extent: { sizeBytes: 2 ** 40 + 1, pieceBytes: 2 ** 20, range: { from: 3, to: 2 ** 20 + 1 } },
  cut: { blockBytes: 262_144, frameBytes: 1_449 },
  ...{ key: noiseBytes(32), group: "239.192.0.1", port: 7_401, at: { address: "192.0.2.7", port: 65_535 } },
  ...{ reportMs: 4_096, repair: "plain", emitted: 2 ** 30, sentBlocks: 7, bytesPerSecond: 12_500_000 },
};
const other: Announced = {
  ...session,
  number: 1,
  repair: "parity",
  group: "ff12::7401",
  at: { address: "fe80::1", port: 1 },
};

describe("an announcement", () => {
  it.for([[[]], [[session]], [[session, other]], [[session, other, session]]])(
    "says what it said: %#",
    ([sessions = []]) => {
      expect(decodeAnnouncement(encodeAnnouncement(sessions))).toEqual(sessions);
    },
  );

  it("has the form it had", () => {
    const [key, hash] = [Buffer.from(session.key).toString("hex"), session.assignment];
    const numbers = "010000000001" + "00100000" + "00000003" + "00100001" + "00040000" + "05a9";
    const addresses = "0b3233392e3139322e302e31" + "1ce9" + "093139322e302e322e37" + "ffff";
    const rest = "1000" + "01" + "000040000000" + "000007" + "000000bebc20";
    const hex = `0101fffefdfc${hash}${numbers}${key}${addresses}${rest}`;
    expect(Buffer.from(encodeAnnouncement([session])).toString("hex")).toBe(hex);
  });

  it("fits beside a sign of life, with addresses as long as they can be", () => {
    const longest = "ff12:1111:2222:3333:4444:5555:6666:7777";
    const long = { ...session, group: longest, at: { address: longest, port: 1 } };
    expect(encodeAnnouncement(Array.from({ length: mostSessions }, () => long)).length).toBeLessThanOrEqual(600);
  });

  it("says nothing if it is cut off anywhere, or goes on", () => {
    const bytes = encodeAnnouncement([session, other]);
    for (let length = 0; length < bytes.length; length += 1)
      expect(decodeAnnouncement(bytes.subarray(0, length)), `${length} bytes`).toBeUndefined();
    expect(decodeAnnouncement(Buffer.concat([bytes, Buffer.of(0)]))).toBeUndefined();
  });

  it("says nothing in another form, or of more sessions than there can be", () => {
    const bytes = Uint8Array.from(encodeAnnouncement([session]));
    bytes[0] = 2;
    expect(decodeAnnouncement(bytes)).toBeUndefined();
    const many = Array.from({ length: mostSessions + 1 }, () => session);
    expect(decodeAnnouncement(encodeAnnouncement(many))).toBeUndefined();
  });

  it.for(["239.192.0", "", "example.org"])("says nothing if '%s' stands for an address", (address) => {
    expect(decodeAnnouncement(encodeAnnouncement([{ ...session, at: { address, port: 1 } }]))).toBeUndefined();
    expect(decodeAnnouncement(encodeAnnouncement([{ ...session, group: address }]))).toBeUndefined();
  });

  it("never throws, whatever of it is wrong", () => {
    const bytes = encodeAnnouncement([session, other]);
    const noise = noiseBytes(20_000);
    for (let at = 0; at < 10_000; at += 1) {
      const wrong = Uint8Array.from(bytes);
      wrong[((noise[at] as number) * 7 + at) % wrong.length] = noise[at + 10_000] as number;
      expect(() => decodeAnnouncement(wrong)).not.toThrow();
    }
  });
});
