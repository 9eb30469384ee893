import { createPublicKey, sign, verify } from "node:crypto";
import { encode } from "cborg";
import { expect, it } from "vitest";
import { memberKey, readRecord, signRecord } from "../../../../core/runtime/channel/member-record.ts";
import type { MemberRecord } from "../../../../core/runtime/channel/member-record.ts";
import { controlKey, ed25519, rawKey, recordOf, segment } from "./segment-trial.ts";

const refused = expect.objectContaining({ code: "DIST_ERR_CHANNEL_RECORD" });
const publicKey = createPublicKey(controlKey);
const record: MemberRecord = {
  ...{ segment, id: "n1", name: "web-1.example", key: rawKey(ed25519(1)), maxPriority: 9, eligible: true, issuedAt: 5 },
};
const signer = (bytes: Uint8Array) => sign(null, bytes, controlKey);

it("comes out as it went in, and its key checks what the member signs", () => {
  const read = readRecord(signRecord(record, signer), publicKey, segment);
  expect({ ...read, key: Buffer.from(read.key) }).toEqual({ ...record, key: Buffer.from(record.key) });
  const signature = sign(null, Buffer.from("x"), ed25519(1));
  expect(verify(null, Buffer.from("x"), memberKey(read), signature)).toBe(true);
});

it.each<[string, Partial<MemberRecord>]>([
  ["a segment", { segment: "Hall 1" }],
  ["an id", { id: "control" }],
  ["a name", { name: "" }],
  ["a key", { key: Buffer.alloc(31) }],
  ["a priority", { maxPriority: 2 ** 31 }],
  ["a time", { issuedAt: -1 }],
])("is not signed without %s that can be one", (_, differing) => {
  expect(() => signRecord({ ...record, ...differing }, signer)).toThrow(refused);
});

it("is only read if control signed it, as a record, for this segment", () => {
  const other = ed25519(0xbad);
  expect(() => readRecord(recordOf(1, {}, other), publicKey, segment)).toThrow(refused);
  expect(() => readRecord(recordOf(1, { segment: "hall-2" }), publicKey, segment)).toThrow(refused);
  const body = signRecord(record, signer).subarray(0, -64);
  for (const context of ["", "distributary assignment 1\0", "distributary segment message 1\0"]) {
    const elsewhere = Buffer.concat([body, signer(Buffer.concat([Buffer.from(context), body]))]);
    expect(() => readRecord(elsewhere, publicKey, segment), context).toThrow(refused);
  }
});

it.each<[string, unknown]>([
  ["no list", 1],
  ["a list that is too short", [segment, "n1", "web-1"]],
  ["a list that is too long", [segment, "n1", "web-1", Buffer.alloc(32), 1, true, 1, 1]],
  ["a number for yes", [segment, "n1", "web-1", Buffer.alloc(32), 1, 1, 1]],
  ["a priority below 0", [segment, "n1", "web-1", Buffer.alloc(32), -1, true, 1]],
  ["a name of control's choice that is too long", [segment, "n1", "w".repeat(2_000), Buffer.alloc(32), 1, true, 1]],
])("is not read if control signed %s", (_, value) => {
  const body = encode(value);
  const bytes = Buffer.concat([body, signer(Buffer.concat([Buffer.from("distributary member record 1\0"), body]))]);
  expect(() => readRecord(bytes, publicKey, segment)).toThrow(refused);
});

it("is not read with any bit flipped, nor cut", () => {
  const bytes = recordOf(1);
  for (let bit = 0; bit < bytes.length * 8; bit += 7) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => readRecord(flipped, publicKey, segment), `bit ${bit}`).toThrow(refused);
  }
  for (const length of [0, 1, 63, 64, 65, bytes.length - 1])
    expect(() => readRecord(bytes.subarray(0, length), publicKey, segment)).toThrow(refused);
});
