import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Cipher } from "distributary/sdk";
import { cipherKit, failedCases, recordingHost } from "distributary/testkit";
import aes256gcm from "../../../plugins/aes-256-gcm/index.ts";

const good = recordingHost(aes256gcm).ciphers.get("aes-256-gcm");
const flipped = "opens nothing after any bit of the sealed block, key, nonce or what is bound was flipped";

/** Wrong ciphers, and a case that each must fail. */
const saboteurs: Record<string, { create: () => Cipher; fails: string }> = {
  "declares a tag it does not add": {
    create: () => ({ ...good, overheadBytes: 32 }),
    fails: "makes a block longer by what it declares",
  },
  "has a short tag": {
    create: () => withTag(8),
    fails: "declares its sizes: a key of at least 128 bits, a nonce of at least 96, a tag of at least 128",
  },
  "seals nothing": {
    create: () => ({
      ...good,
      seal: (key, nonce, plain, bound) => Buffer.concat([plain, digest(key, nonce, plain, bound)]),
      open(key, nonce, sealed, bound) {
        const plain = Uint8Array.from(sealed.subarray(0, -16));
        if (!digest(key, nonce, plain, bound).equals(sealed.subarray(-16))) throw new Error("changed");
        return plain;
      },
    }),
    fails: "shows nothing of the plain block",
  },
  "does not look at the tag": {
    create: () => ({
      ...good,
      open(key, nonce, sealed, bound) {
        const decipher = createDecipheriv("aes-256-gcm", key, nonce).setAAD(bound);
        return decipher.update(sealed.subarray(0, -16));
      },
    }),
    fails: flipped,
  },
  "does not bind what is bound": {
    create: () => ({
      ...good,
      seal: (key, nonce, plain) => good.seal(key, nonce, plain, new Uint8Array(0)),
      open: (key, nonce, sealed) => good.open(key, nonce, sealed, new Uint8Array(0)),
    }),
    fails: "opens nothing when what is bound is missing, cut off, longer, or moved into the block",
  },
  "uses one nonce for all": {
    create: () => ({
      ...good,
      seal: (key, nonce, plain, bound) => good.seal(key, nonce.slice().fill(0), plain, bound),
      open: (key, nonce, sealed, bound) => good.open(key, nonce.slice().fill(0), sealed, bound),
    }),
    fails: "seals the same block differently with another key or nonce, and equal parts of a block differently",
  },
  "looks at half of the key": {
    create: () => ({
      ...good,
      seal: (key, nonce, plain, bound) => good.seal(half(key), nonce, plain, bound),
      open: (key, nonce, sealed, bound) => good.open(half(key), nonce, sealed, bound),
    }),
    fails: flipped,
  },
  "fills up keys and nonces": {
    create: () => ({
      ...good,
      seal: (key, nonce, plain, bound) => good.seal(fitted(key, 32), fitted(nonce, 12), plain, bound),
      open: (key, nonce, sealed, bound) => good.open(fitted(key, 32), fitted(nonce, 12), sealed, bound),
    }),
    fails: "refuses keys and nonces of a wrong length",
  },
  "accepts a tag cut short": {
    create: () => ({ ...good, open: openWithAnyTag }),
    fails: "opens no block that was cut off, down to nothing, or made longer",
  },
  "seals in place": {
    create: () => ({
      ...good,
      seal(key, nonce, plain, bound) {
        const sealed = good.seal(key, nonce, plain, bound);
        plain.set(sealed.subarray(0, plain.length));
        return sealed;
      },
    }),
    fails: "leaves its arguments as they are and shares no memory with them",
  },
  "counts blocks itself": {
    create: () => {
      const counts = { sealed: 0, opened: 0 };
      const numbered = (bound: Uint8Array, count: number) => Buffer.concat([bound, Uint8Array.of(count)]);
      return {
        ...good,
        seal: (key, nonce, plain, bound) => good.seal(key, nonce, plain, numbered(bound, counts.sealed++)),
        open: (key, nonce, sealed, bound) => good.open(key, nonce, sealed, numbered(bound, counts.opened++)),
      };
    },
    fails: "keeps nothing between blocks",
  },
};

describe("the cipher kit", () => {
  for (const [name, { create, fails }] of Object.entries(saboteurs)) {
    it(`rejects one that ${name}`, async () => {
      expect(await failedCases(cipherKit(), create)).toContain(fails);
    });
  }

  it("rejects one that is another cipher than it says", async () => {
    const [key, nonce, sealed] = [32, 12, 16].map((size) => "00".repeat(size)) as [string, string, string];
    const vector = { source: "a book", key, nonce, plain: "", bound: "", sealed };
    expect(await failedCases(cipherKit([vector]), () => good)).toEqual(["gives the answer of a book"]);
  });

  it("passes one that is right", async () => {
    expect(await failedCases(cipherKit(), () => good)).toEqual([]);
  });
});

function withTag(authTagLength: number): Cipher {
  return {
    ...good,
    overheadBytes: authTagLength,
    seal(key, nonce, plain, bound) {
      const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength }).setAAD(bound);
      return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(key, nonce, sealed, bound) {
      const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength }).setAAD(bound);
      decipher.setAuthTag(sealed.subarray(-authTagLength));
      return Buffer.concat([decipher.update(sealed.subarray(0, -authTagLength)), decipher.final()]);
    },
  };
}

/** The tag is what follows 40 bytes: a short one is checked as far as it goes, and none is not checked. */
function openWithAnyTag(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, bound: Uint8Array): Uint8Array {
  if (sealed.length >= 56 || sealed.length <= 40) return good.open(key, nonce, sealed, bound);
  const [text, tag] = [sealed.subarray(0, 40), sealed.subarray(40)];
  const plain = createDecipheriv("aes-256-gcm", key, nonce).update(text);
  const whole = good.seal(key, nonce, plain, bound);
  if (Buffer.compare(whole.subarray(40, 40 + tag.length), tag) !== 0) throw new Error("changed");
  return plain;
}

function digest(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length} `).update(part);
  return hash.digest().subarray(0, 16);
}

function half(key: Uint8Array): Uint8Array {
  return key.slice().fill(0, 0, key.length / 2);
}

function fitted(bytes: Uint8Array, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => bytes[index] ?? 0);
}
