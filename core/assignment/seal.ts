import { createPublicKey, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { failure } from "distributary/sdk";
import { hashOf } from "../content/hash.ts";

/**
 * What is signed: this text and the BLAKE3 of the command buffer, so that no signature made for something else fits.
 */
const context = Buffer.from("distributary assignment 1\0");

/** Length of an Ed25519 signature (RFC 8032), which stands behind the command buffer. */
export const signatureBytes = 64;

/** A command buffer with its signature behind it: what travels. */
export function sealAssignment(buffer: Uint8Array, sign: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  return Buffer.concat([buffer, sign(Buffer.concat([context, hashOf(buffer)]))]);
}

/**
 * The command buffer, if control signed it. Throws DIST_ERR_ASSIGNMENT_SIGNATURE otherwise; nothing was parsed by then.
 */
export function openSeal(sealed: Uint8Array, publicKey: KeyObject): Uint8Array {
  const buffer = sealed.subarray(0, Math.max(0, sealed.length - signatureBytes));
  const signature = sealed.subarray(buffer.length);
  const good = buffer.length > 0 && verify(null, Buffer.concat([context, hashOf(buffer)]), publicKey, signature);
  if (!good) throw failure("DIST_ERR_ASSIGNMENT_SIGNATURE", {});
  return buffer;
}

/** The key that control's signatures are checked with, from the PEM a node got when it enrolled. */
export function readPublicKey(pem: string): KeyObject {
  return createPublicKey(pem);
}
