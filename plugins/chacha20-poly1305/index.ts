import { createCipheriv, createDecipheriv } from "node:crypto";
import assert from "node:assert/strict";
import { definePlugin, failure } from "distributary/sdk";

const keyBytes = 32;
const nonceBytes = 12;
const authTagLength = 16;

/** Seals blocks with ChaCha20 and Poly1305 (RFC 8439), the tag appended. */
export default definePlugin({
  name: "chacha20-poly1305",
  api: 1,
  description: "Seals blocks with ChaCha20-Poly1305, fast on processors without AES instructions.",
  stability: "stable",
  setup({ ciphers }) {
    ciphers.add("chacha20-poly1305", { keyBytes, nonceBytes, overheadBytes: authTagLength, seal, open });
  },
});

function seal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, bound: Uint8Array): Uint8Array {
  checkSizes(key, nonce);
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength });
  cipher.setAAD(bound, { plaintextLength: plain.length });
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, bound: Uint8Array): Uint8Array {
  try {
    checkSizes(key, nonce);
    assert(sealed.length >= authTagLength, "shorter than its tag");
    const text = sealed.subarray(0, -authTagLength);
    const decipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength })
      .setAAD(bound, { plaintextLength: text.length })
      .setAuthTag(sealed.subarray(-authTagLength));
    return Buffer.concat([decipher.update(text), decipher.final()]);
  } catch (cause) {
    throw failure("DIST_ERR_CIPHER_OPEN", { name: "chacha20-poly1305" }, { cause });
  }
}

/** node:crypto also takes shorter nonces, filled with zeros; two different ones could then be the same. */
function checkSizes(key: Uint8Array, nonce: Uint8Array): void {
  assert.equal(key.length, keyBytes, "length of the key");
  assert.equal(nonce.length, nonceBytes, "length of the nonce");
}
