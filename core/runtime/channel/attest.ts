import { sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { SegmentMessage } from "../../protocol/segment/messages.ts";
import type { ChannelAlarm } from "./alarms.ts";
import type { MemberRecord } from "./member-record.ts";

/** Stands before what is signed, so that no signature that a member makes for something else fits. */
const context = Buffer.from("distributary segment message 1\0");
const signatureBytes = 64;

/** Messages by which others judge who leads and who belongs to whom; every other is as good from any member. */
const signedTypes: ReadonlySet<SegmentMessage["type"]> = new Set([
  ...(["alive", "claim", "resign", "report", "register", "leave"] as const),
]);

/** Whether such a message travels with its sender's record and signature. */
export function isSigned({ type }: SegmentMessage): boolean {
  return signedTypes.has(type);
}

/** What is inside the seal of a signed datagram. */
export interface Attested {
  readonly record: Uint8Array;
  readonly signature: Uint8Array;
  readonly message: Uint8Array;
}

/** Where a message stands; it is signed too, so that a message cannot be taken elsewhere. */
interface Place {
  readonly segment: string;
  readonly header: Uint8Array;
}

/** Length of the record (2 bytes) · record · signature of segment, header and message · message. */
export function writeAttested(record: Uint8Array, message: Uint8Array, key: KeyObject, place: Place): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(record.length);
  return Buffer.concat([length, record, sign(null, signedBytes(place, message), key), message]);
}

/** Undefined if it is too short. */
export function readAttested(body: Buffer): Attested | undefined {
  if (body.length < 2) return undefined;
  const recordEnd = 2 + body.readUInt16BE(0);
  const messageAt = recordEnd + signatureBytes;
  if (body.length < messageAt) return undefined;
  const [record, signature] = [body.subarray(2, recordEnd), body.subarray(recordEnd, messageAt)];
  return { record, signature, message: body.subarray(messageAt) };
}

/** Whether the owner of this key signed it. */
export function isFrom({ signature, message }: Attested, key: KeyObject, place: Place): boolean {
  return verify(null, signedBytes(place, message), key, signature);
}

/** What of a message goes beyond what control attests of its sender; undefined if nothing does. */
export function excessOf(
  message: SegmentMessage,
  { maxPriority, eligible }: MemberRecord,
): (ChannelAlarm["kind"] & ("priority" | "eligibility")) | undefined {
  if (message.type !== "alive" && message.type !== "claim" && message.type !== "register") return undefined;
  if (message.priority > maxPriority) return "priority";
  const wantsToLead = message.type !== "register" || message.eligible;
  return wantsToLead && !eligible ? "eligibility" : undefined;
}

function signedBytes({ segment, header }: Place, message: Uint8Array): Buffer {
  return Buffer.concat([context, Buffer.from(`${segment}\0`), header, message]);
}
