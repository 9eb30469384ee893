import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { formatJoinToken } from "../runtime/join-token.ts";
import type { JoinToken } from "../runtime/join-token.ts";

/** A new token of the authority with this fingerprint. `text` is shown once; store `id` and `hashSecret(secret)`. */
export function createJoinToken(fingerprint: string): JoinToken & { readonly text: string } {
  const token = { id: randomBytes(8).toString("hex"), secret: randomBytes(16).toString("hex"), fingerprint };
  return { ...token, text: formatJoinToken(token) };
}

/** What is stored of a secret: hex SHA-256. It has 128 random bits, so nothing slower is needed. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Whether `secret` is the one with this hash; takes as long either way. */
export function secretMatches(secret: string, hash: string): boolean {
  const [given, stored] = [Buffer.from(hashSecret(secret)), Buffer.from(hash)];
  return given.length === stored.length && timingSafeEqual(given, stored);
}
