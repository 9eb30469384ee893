import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { sealBytes } from "../geometry.ts";
import type { Session } from "./messages.ts";

const cipher = "aes-256-gcm";
const keyBytes = 32;
const tagKeyBytes = 16;

/** What is derived from a session's key: one for the blocks, one for the tags of datagrams. */
export interface SessionKeys {
  readonly seal: KeyObject;
  readonly tag: Uint8Array;
}

export function sessionKeys({ key, number, assignment }: Pick<Session, "key" | "number" | "assignment">): SessionKeys {
  const derive = (purpose: string, length: number) =>
    new Uint8Array(hkdfSync("sha256", key, assignment, `distributary mctp 1 ${purpose} ${number}`, length));
  return { seal: createSecretKey(derive("seal", keyBytes)), tag: derive("tag", tagKeyBytes) };
}

/**
 * Seals a block: AES-256-GCM, the place of the block being the nonce. A session's key seals nothing else, and a block
 * of an assignment is always the same, so no nonce comes twice with other bytes. A whole block at once, because a call
 * takes as long for 1 KiB as for 10.
 */
export function sealBlock(keys: SessionKeys, block: number, plain: Uint8Array, into: Uint8Array): void {
  const sealing = createCipheriv(cipher, keys.seal, nonceOf(block));
  into.set(sealing.update(plain));
  sealing.final();
  into.set(sealing.getAuthTag(), plain.length);
}

/** The bytes of a block; undefined if they are not what was sealed. */
export function openBlock(keys: SessionKeys, block: number, sealed: Uint8Array): Uint8Array | undefined {
  const opening = createDecipheriv(cipher, keys.seal, nonceOf(block), { authTagLength: sealBytes });
  opening.setAuthTag(sealed.subarray(sealed.length - sealBytes));
  const plain = opening.update(sealed.subarray(0, sealed.length - sealBytes));
  try {
    opening.final();
    return plain;
  } catch {
    return undefined;
  }
}

function nonceOf(block: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(block, 8);
  return nonce;
}
