import { describe, expect, it } from "vitest";
import { recordingHost, testCipher, testPlugin } from "distributary/testkit";
import chacha20poly1305 from "../../plugins/chacha20-poly1305/index.ts";

const create = () => recordingHost(chacha20poly1305).ciphers.get("chacha20-poly1305");
const sunscreen =
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";

const cannotOpen = expect.objectContaining({ code: "DIST_ERR_CIPHER_OPEN", cause: expect.any(Error) as Error });
const assertionFailed = expect.objectContaining({ code: "ERR_ASSERTION" });

testPlugin(chacha20poly1305);
testCipher("chacha20-poly1305", create, [
  {
    source: "RFC 8439, section 2.8.2",
    key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
    nonce: "070000004041424344454647",
    plain: Buffer.from(sunscreen).toString("hex"),
    bound: "50515253c0c1c2c3c4c5c6c7",
    sealed:
      "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6" +
      "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36" +
      "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc" +
      "3ff4def08e4b7a9de576d26586cec64b6116" +
      "1ae10b594f09e26a7e902ecbd0600691",
  },
]);

describe("chacha20-poly1305", () => {
  const cipher = create();
  const [key, nonce, bound] = [Buffer.alloc(32, 1), Buffer.alloc(12, 2), Buffer.from("bound")];

  it("says that it could not open, and why", () => {
    const sealed = cipher.seal(key, nonce, Buffer.from("plain"), bound);
    for (const open of [
      () => cipher.open(key, nonce, sealed.subarray(1), bound),
      () => cipher.open(key, nonce, sealed.subarray(0, 15), bound),
      () => cipher.open(key.subarray(1), nonce, sealed, bound),
      () => cipher.open(key, nonce.subarray(1), sealed, bound),
    ]) {
      expect(open).toThrow(cannotOpen);
    }
  });

  it("refuses the shorter nonces that node:crypto would fill with zeros", () => {
    expect(() => cipher.seal(key, nonce.subarray(0, 8), bound, bound)).toThrow(assertionFailed);
  });
});
