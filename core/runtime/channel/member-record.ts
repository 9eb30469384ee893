import { createPublicKey, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { decode, encode } from "cborg";
import { failure } from "../../../sdk/index.ts";
import { isName } from "../../../config/formats.ts";
import { count, demand, flag, nodeId, nodeName, text, tuple, whole } from "./message-fields.ts";
import type { Field } from "./message-fields.ts";

/** What control attests of a member of a segment. */
export interface MemberRecord {
  readonly segment: string;
  readonly id: string;
  readonly name: string;
  /** What the member's messages are checked with: a raw Ed25519 public key (RFC 8032), 32 bytes. */
  readonly key: Uint8Array;
  /** The highest priority it may claim. */
  readonly maxPriority: number;
  /** Whether it may lead. */
  readonly eligible: boolean;
  /** Milliseconds since 1970; of two records of a member the later one counts. */
  readonly issuedAt: number;
}

/** Stands before what is signed, so that no signature that control makes for something else fits. */
const context = Buffer.from("distributary member record 1\0");
const signatureBytes = 64;
const keyBytes = 32;
const mostRecordBytes = 1_024;

const key: Field<Uint8Array> = { write: checkKey, read: checkKey };
const priority = whole(0, 2 ** 31 - 1);
const form = tuple<MemberRecord>({
  ...{ segment: text(isName), id: nodeId, name: nodeName, key, maxPriority: priority, eligible: flag, issuedAt: count },
});

/** A record with the signature of control's key behind it. Throws DIST_ERR_CHANNEL_RECORD if it is no record. */
export function signRecord(record: MemberRecord, sign: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  try {
    const bytes = encode(form.write(record));
    return Buffer.concat([bytes, sign(Buffer.concat([context, bytes]))]);
  } catch (cause) {
    throw refused(record.segment, (cause as Error).message, cause);
  }
}

/** The record of a member of this segment, if control signed it. Throws DIST_ERR_CHANNEL_RECORD otherwise. */
export function readRecord(bytes: Uint8Array, controlKey: KeyObject, segment: string): MemberRecord {
  const length = bytes.length - signatureBytes;
  if (length <= 0 || bytes.length > mostRecordBytes) throw refused(segment, `it is ${bytes.length} bytes long`);
  const body = bytes.subarray(0, length);
  if (!verify(null, Buffer.concat([context, body]), controlKey, bytes.subarray(length)))
    throw refused(segment, "control did not sign it");
  const record = decodeRecord(body, segment);
  if (record.segment !== segment) throw refused(segment, `it is of segment '${record.segment}'`);
  return record;
}

/** The key that a member's signatures are checked with. */
export function memberKey(record: MemberRecord): KeyObject {
  const x = Buffer.from(record.key).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

function decodeRecord(body: Uint8Array, segment: string): MemberRecord {
  try {
    return form.read(decode(body, { strict: true, allowIndefinite: false }));
  } catch (cause) {
    throw refused(segment, (cause as Error).message, cause);
  }
}

function checkKey(value: unknown): Uint8Array {
  demand(value instanceof Uint8Array && value.length === keyBytes, value);
  return value;
}

function refused(segment: string, problem: string, cause?: unknown): Error {
  return failure("DIST_ERR_CHANNEL_RECORD", { segment, problem }, { cause });
}
