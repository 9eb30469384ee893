import { describe, expect, it } from "vitest";
import { recordingHost, testCipher, testPlugin } from "distributary/testkit";
import aes256gcm from "../../plugins/aes-256-gcm/index.ts";

const create = () => recordingHost(aes256gcm).ciphers.get("aes-256-gcm");
const key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
const nonce = "cafebabefacedbaddecaf888";

const cannotOpen = expect.objectContaining({ code: "DIST_ERR_CIPHER_OPEN", cause: expect.any(Error) as Error });
const assertionFailed = expect.objectContaining({ code: "ERR_ASSERTION" });

testPlugin(aes256gcm);
testCipher("aes-256-gcm", create, [
  {
    source: "McGrew and Viega, The Galois/Counter Mode, test case 13",
    key: "00".repeat(32),
    nonce: "00".repeat(12),
    plain: "",
    bound: "",
    sealed: "530f8afbc74536b9a963b4f1c4cb738b",
  },
  {
    source: "McGrew and Viega, The Galois/Counter Mode, test case 14",
    key: "00".repeat(32),
    nonce: "00".repeat(12),
    plain: "00".repeat(16),
    bound: "",
    sealed: "cea7403d4d606b6e074ec5d3baf39d18" + "d0d1c8a799996bf0265b98b5d48ab919",
  },
  {
    source: "McGrew and Viega, The Galois/Counter Mode, test case 16",
    key,
    nonce,
    plain:
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    bound: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    sealed:
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa" +
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" +
      "76fc6ece0f4e1768cddf8853bb2d551b",
  },
]);

describe("aes-256-gcm", () => {
  const cipher = create();
  const [k, n] = [Buffer.from(key, "hex"), Buffer.from(nonce, "hex")];
  const bound = Buffer.from("bound");

  it("says that it could not open, and why", () => {
    const sealed = cipher.seal(k, n, Buffer.from("plain"), bound);
    for (const open of [
      () => cipher.open(k, n, sealed.subarray(1), bound),
      () => cipher.open(k, n, sealed.subarray(0, 15), bound),
      () => cipher.open(k.subarray(1), n, sealed, bound),
      () => cipher.open(k, n.subarray(1), sealed, bound),
    ]) {
      expect(open).toThrow(cannotOpen);
    }
  });

  it("takes a wrong length when sealing for the programmer's mistake that it is", () => {
    expect(() => cipher.seal(k, n.subarray(1), bound, bound)).toThrow(assertionFailed);
    expect(() => cipher.seal(k.subarray(1), n, bound, bound)).toThrow(assertionFailed);
  });
});
