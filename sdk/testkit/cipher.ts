import assert from "node:assert/strict";
import type { Cipher } from "distributary/sdk";
import { runKit } from "./kit.ts";
import type { Kit } from "./kit.ts";
import { noiseBytes, textBytes, withBitFlipped } from "./sample-bytes.ts";

/** A published answer, all in hex. `sealed` is the cipher text with what the cipher adds. */
export interface CipherVector {
  readonly source: string;
  readonly key: string;
  readonly nonce: string;
  readonly plain: string;
  readonly bound: string;
  readonly sealed: string;
}

/** What every cipher must keep; with `vectors`, also that it is the cipher it is called. */
export function cipherKit(vectors: readonly CipherVector[] = []): Kit<Cipher> {
  return { name: "cipher", cases: [...cases, ...vectors.map(knownAnswer)] };
}

/** Holds a cipher to its contract: `testCipher("my-cipher", () => recordingHost(plugin).ciphers.get("my-cipher"))`. */
export function testCipher(name: string, create: () => Cipher, vectors: readonly CipherVector[] = []): void {
  runKit(cipherKit(vectors), name, create);
}

type CipherCase = Kit<Cipher>["cases"][number];

const sizes = [0, 1, 15, 16, 17, 1_000, 4 * 1024 * 1024];

const cases: readonly CipherCase[] = [
  {
    title: "declares its sizes: a key of at least 128 bits, a nonce of at least 96, a tag of at least 128",
    check(create) {
      const { keyBytes, nonceBytes, overheadBytes } = create();
      for (const [size, least] of [
        [keyBytes, 16],
        [nonceBytes, 12],
        [overheadBytes, 16],
      ] as const) {
        assert.ok(Number.isInteger(size) && size >= least && size <= 256, `${size}`);
      }
    },
  },
  {
    title: "opens what it sealed, of every size",
    check(create) {
      const { cipher, key, nonce, bound } = example(create);
      for (const size of sizes) {
        const plain = noiseBytes(size);
        assertSame(create().open(key, nonce, cipher.seal(key, nonce, plain, bound), bound), plain);
      }
    },
  },
  {
    title: "opens what it sealed with nothing bound",
    check(create) {
      const { cipher, key, nonce, plain } = example(create);
      const nothing = new Uint8Array(0);
      assertSame(cipher.open(key, nonce, cipher.seal(key, nonce, plain, nothing), nothing), plain);
    },
  },
  {
    title: "makes a block longer by what it declares",
    check(create) {
      const { cipher, key, nonce, bound } = example(create);
      for (const size of sizes) {
        assert.equal(cipher.seal(key, nonce, noiseBytes(size), bound).length, size + cipher.overheadBytes);
      }
    },
  },
  {
    title: "shows nothing of the plain block",
    check(create) {
      const { cipher, key, nonce, bound } = example(create);
      const plain = textBytes(256);
      const sealed = Buffer.from(cipher.seal(key, nonce, plain, bound));
      for (let start = 0; start + 8 <= plain.length; start++) {
        assert.ok(!sealed.includes(Buffer.from(plain.subarray(start, start + 8))));
      }
    },
  },
  {
    title: "seals the same block differently with another key or nonce, and equal parts of a block differently",
    check(create) {
      const { cipher, key, nonce, bound } = example(create);
      const plain = new Uint8Array(64);
      const variants = [
        cipher.seal(key, nonce, plain, bound),
        cipher.seal(withBitFlipped(key, 3), nonce, plain, bound),
        cipher.seal(key, withBitFlipped(nonce, 3), plain, bound),
        cipher.seal(key, withBitFlipped(nonce, nonce.length * 8 - 1), plain, bound),
      ];
      const starts = [0, 16, 32, 48];
      const parts = variants.flatMap((sealed) => starts.map((start) => hex(sealed.subarray(start, start + 16))));
      assert.equal(new Set(parts).size, parts.length);
    },
  },
  {
    title: "opens nothing after any bit of the sealed block, key, nonce or what is bound was flipped",
    check(create) {
      const { cipher, key, nonce, plain, bound } = example(create);
      const parts = { key, nonce, sealed: cipher.seal(key, nonce, plain, bound), bound };
      for (const part of ["key", "nonce", "sealed", "bound"] as const) {
        for (let bit = 0; bit < parts[part].length * 8; bit++) {
          const changed = { ...parts, [part]: withBitFlipped(parts[part], bit) };
          const open = () => cipher.open(changed.key, changed.nonce, changed.sealed, changed.bound);
          assert.throws(open, `bit ${bit} of ${part}`);
        }
      }
    },
  },
  {
    title: "opens no block that was cut off, down to nothing, or made longer",
    check(create) {
      const { cipher, key, nonce, plain, bound } = example(create);
      const sealed = cipher.seal(key, nonce, plain, bound);
      for (let length = 0; length < sealed.length; length++) {
        assert.throws(() => cipher.open(key, nonce, sealed.subarray(0, length), bound), `cut to ${length}`);
        const end = sealed.subarray(sealed.length - length);
        assert.throws(() => cipher.open(key, nonce, end, bound), `the last ${length}`);
      }
      for (const extended of [
        [sealed, Uint8Array.of(0)],
        [Uint8Array.of(0), sealed],
        [sealed, sealed],
      ]) {
        assert.throws(() => cipher.open(key, nonce, Buffer.concat(extended), bound));
      }
    },
  },
  {
    title: "opens nothing when what is bound is missing, cut off, longer, or moved into the block",
    check(create) {
      const { cipher, key, nonce, plain, bound } = example(create);
      const sealed = cipher.seal(key, nonce, plain, bound);
      const longer = Buffer.concat([bound, Uint8Array.of(0)]);
      for (const other of [bound.subarray(0, 0), bound.subarray(1), bound.subarray(0, -1), longer]) {
        assert.throws(() => cipher.open(key, nonce, sealed, other));
      }
      assert.throws(() => cipher.open(key, nonce, Buffer.concat([bound.subarray(-1), sealed]), bound.subarray(0, -1)));
      const unbound = cipher.seal(key, nonce, plain, bound.subarray(0, 0));
      assert.throws(() => cipher.open(key, nonce, unbound, bound));
    },
  },
  {
    title: "refuses keys and nonces of a wrong length",
    check(create) {
      const { cipher, key, nonce, plain, bound } = example(create);
      const sealed = cipher.seal(key, nonce, plain, bound);
      for (const wrongKey of wrongLengths(key)) {
        assert.throws(() => cipher.seal(wrongKey, nonce, plain, bound), `sealing, a key of ${wrongKey.length}`);
        assert.throws(() => cipher.open(wrongKey, nonce, sealed, bound), `opening, a key of ${wrongKey.length}`);
      }
      for (const wrongNonce of wrongLengths(nonce)) {
        assert.throws(() => cipher.seal(key, wrongNonce, plain, bound), `sealing, a nonce of ${wrongNonce.length}`);
        assert.throws(() => cipher.open(key, wrongNonce, sealed, bound), `opening, a nonce of ${wrongNonce.length}`);
      }
    },
  },
  {
    title: "leaves its arguments as they are and shares no memory with them",
    check(create) {
      const { cipher, key, nonce, plain, bound } = example(create);
      const sealed = cipher.seal(key, nonce, plain, bound);
      const sealedBefore = Uint8Array.from(sealed);
      const opened = cipher.open(key, nonce, sealed, bound);
      const before = example(create);
      const after = { key, nonce, plain, bound };
      for (const part of ["key", "nonce", "plain", "bound"] as const) assertSame(after[part], before[part]);
      assertSame(sealed, sealedBefore);
      for (const argument of [plain, sealed]) argument.fill(0);
      assertSame(opened, before.plain);
    },
  },
  {
    title: "keeps nothing between blocks",
    check(create) {
      const { cipher, key, nonce, bound } = example(create);
      const nonces = [nonce, withBitFlipped(nonce, 0), withBitFlipped(nonce, 9)];
      const sealed = nonces.map((each, index) => cipher.seal(key, each, textBytes(500, index), bound));
      assert.throws(() => cipher.open(key, nonce, sealedAt(sealed, 1), bound));
      for (const index of [2, 0, 1]) {
        const opener = index === 0 ? cipher : create();
        assertSame(opener.open(key, nonces[index] ?? nonce, sealedAt(sealed, index), bound), textBytes(500, index));
      }
    },
  },
];

function knownAnswer({ source, key, nonce, plain, bound, sealed }: CipherVector): CipherCase {
  return {
    title: `gives the answer of ${source}`,
    check(create) {
      const [k, n, p, b] = [fromHex(key), fromHex(nonce), fromHex(plain), fromHex(bound)] as const;
      assert.equal(hex(create().seal(k, n, p, b)), sealed);
      assert.equal(hex(create().open(k, n, fromHex(sealed), b)), plain);
    },
  };
}

function example(create: () => Cipher) {
  const cipher = create();
  const [key, nonce] = [noiseBytes(cipher.keyBytes, 11), noiseBytes(cipher.nonceBytes, 12)];
  return { cipher, key, nonce, plain: textBytes(40, 13), bound: noiseBytes(20, 14) };
}

function wrongLengths(right: Uint8Array): Uint8Array[] {
  const lengths = [0, 1, 8, right.length - 1, right.length + 1, right.length * 2];
  return lengths.map((length) => Uint8Array.from({ length }, (_, index) => right[index] ?? 0));
}

function sealedAt(sealed: readonly Uint8Array[], index: number): Uint8Array {
  return sealed[index] ?? new Uint8Array(0);
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "hex"));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assert.ok(actual instanceof Uint8Array && Buffer.compare(actual, expected) === 0, "the bytes differ");
}
