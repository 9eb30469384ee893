import { createCipheriv, createDecipheriv } from "node:crypto";
import { headerBytes, readHeader, writeHeader } from "./header.ts";
import type { Header } from "./header.ts";
import { prefilterBytes } from "./key-ring.ts";
import type { RingKey } from "./key-ring.ts";
import type { SenderBoot } from "./sender.ts";

const cipher = "aes-256-gcm";
const tagBytes = 16;
const nonceBytes = 12;
/** Longer ones are not looked at. */
const mostDatagramBytes = 4_096;

/** A datagram whose header was read. */
export interface Sealed {
  readonly header: Header;
  readonly prefilter: Buffer;
  /** All behind the prefilter, and the header alone. */
  readonly rest: Buffer;
  readonly clear: Buffer;
}

/**
 * Prefilter (4 bytes, over all the rest) · header · sealed body · tag (16, over body and header).
 * What only passes the prefilter was made by a member, or is a copy: others cannot use up what a sender may send.
 */
export function sealBody(
  header: Header,
  ringKey: RingKey,
  from: SenderBoot,
  bodyOf: (header: Buffer) => Uint8Array,
): Buffer {
  const clear = writeHeader(header);
  const sealing = createCipheriv(cipher, from.keyFrom(ringKey, header.sender), nonceOf(header));
  sealing.setAAD(clear);
  const body = sealing.update(bodyOf(clear));
  const rest = Buffer.concat([clear, body, sealing.final(), sealing.getAuthTag()]);
  return Buffer.concat([ringKey.prefilter(rest), rest]);
}

/** Undefined if it is no datagram of a channel. Nothing of it is proven. */
export function readSealed(datagram: Uint8Array): Sealed | undefined {
  if (datagram.length > mostDatagramBytes) return undefined;
  const whole = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const rest = whole.subarray(prefilterBytes);
  const header = readHeader(rest);
  if (header === undefined) return undefined;
  const clear = rest.subarray(0, headerBytes(rest));
  if (rest.length <= clear.length + tagBytes) return undefined;
  return { header, prefilter: whole.subarray(0, prefilterBytes), rest, clear };
}

/** What was sealed; undefined if anything was changed. */
export function openBody({ header, rest, clear }: Sealed, ringKey: RingKey, from: SenderBoot): Buffer | undefined {
  const tagAt = rest.length - tagBytes;
  const opening = createDecipheriv(cipher, from.keyFrom(ringKey, header.sender), nonceOf(header), {
    authTagLength: tagBytes,
  });
  opening.setAAD(clear);
  opening.setAuthTag(rest.subarray(tagAt));
  const body = opening.update(rest.subarray(clear.length, tagAt));
  try {
    opening.final();
    return body;
  } catch {
    return undefined;
  }
}

/** The sequence number: a boot never has one twice, and no other boot has its key. */
function nonceOf({ sequence }: Header): Buffer {
  const nonce = Buffer.alloc(nonceBytes);
  nonce.writeUIntBE(sequence, nonceBytes - 6, 6);
  return nonce;
}
