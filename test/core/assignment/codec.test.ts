import { generateKeyPairSync, sign } from "node:crypto";
import { encode } from "cborg";
import { describe, expect, it } from "vitest";
import { decodeAssignment } from "../../../core/assignment/decode.ts";
import { encodeAssignment } from "../../../core/assignment/encode.ts";
import { openSeal, readPublicKey, sealAssignment, signatureBytes } from "../../../core/assignment/seal.ts";
import { hexHashOf } from "../../../core/content/hash.ts";
import { assemble } from "../../fuzz/assignment-mutations.ts";
import { commitHeader, everyCommand, fullHeader, hashA } from "./sample.ts";

const whole = encodeAssignment(fullHeader, everyCommand);
const decoded = (buffer: Uint8Array) => {
  const { header, commands } = decodeAssignment(buffer);
  const { data } = header;
  return {
    header: { ...header, data: { ...data, pieceHashes: Uint8Array.from(data.pieceHashes) } },
    commands: [...commands()],
  };
};

describe("a command buffer", () => {
  it("gives back the header and the commands it was made of, names that are not text among them", () => {
    expect(decoded(whole)).toEqual({ header: fullHeader, commands: everyCommand });
    expect(decoded(encodeAssignment(commitHeader, []))).toEqual({ header: commitHeader, commands: [] });
  });

  it("can be read over and over", () => {
    const assignment = decodeAssignment(whole);
    expect([...assignment.commands()]).toEqual([...assignment.commands()]);
  });

  it("is named by its hash, and is the same bytes for the same content", () => {
    expect(decodeAssignment(whole).id).toBe(hexHashOf(whole));
    expect(Buffer.from(encodeAssignment(fullHeader, everyCommand)).equals(whole)).toBe(true);
  });

  it("is the format of version 1, byte for byte", async () => {
    const commit = Buffer.from(encodeAssignment(commitHeader, []));
    await expect(`${commit.toString("hex").replaceAll(/.{64}/g, "$&\n")}\n`).toMatchFileSnapshot("golden/commit.hex");
    // Of what does not depend on how zstd packs: header and trailer.
    const headerBytes = Buffer.from(whole).readUInt32BE(5);
    expect(hexHashOf(whole.subarray(17, 17 + headerBytes))).toMatchInlineSnapshot(
      `"f549f8ad620762cc759b3891108397638da89d5f0cae95dbaa6f77cbc0b0ffdc"`,
    );
    expect(Buffer.from(whole.subarray(-32)).toString("hex")).toMatchInlineSnapshot(
      `"283eb3057e6ae5111dbcc3818f9010c63eb372652d5d36c5f23d05c3a73e8773"`,
    );
  });
});

const plainHeader = { ...fullHeader, parts: fullHeader.parts.map((part) => ({ ...part, base: [] })) };
const withHeader = (change: object) => assemble(encode({ ...plainHeader, ...change }), new Uint8Array());
const part = plainHeader.parts[1];

describe("a header", () => {
  it.for([
    ["type", { type: "delete" }],
    ["site", { site: "../shop" }],
    ["site in capitals", { site: "Shop" }],
    ["serial", { serial: 0 }],
    ["serial beyond what a number holds", { serial: 2 ** 53 }],
    ["serial that is text", { serial: "1" }],
    ["section before the first", { section: [0, 1] }],
    ["section after the last", { section: [3, 2] }],
    ["section without a count", { section: [1] }],
    ["section with more than a count", { section: [1, 1, 1] }],
    ["after", { after: "xyz" }],
    ["version", { version: -1 }],
    ["issuedAt", { issuedAt: 1.5 }],
    ["expiresAt", { expiresAt: null }],
    ["audience", { audience: [] }],
    ["audience without nodes", { audience: { group: "web" } }],
    ["audience with a number for a node", { audience: { group: "web", nodes: [1] } }],
    ["audience with more than is known", { audience: { group: "web", nodes: [], only: "n1" } }],
    ["audience that is too large", { audience: { group: "web", nodes: Array.from({ length: 100_001 }, () => "n") } }],
    ["base", { base: hashA.toUpperCase() }],
    ["result", { result: hashA.slice(1) }],
    ["previous", { previous: { serial: 1 } }],
    ["interpreter", { interpreter: 5 }],
    ["number of releases to keep", { keepReleases: 1 }],
    ["diskBytes", { diskBytes: -1 }],
    ["size of pieces", { data: { ...plainHeader.data, pieceBytes: 1 } }],
    ["table of hashes", { data: { ...plainHeader.data, pieceHashes: Buffer.alloc(63) } }],
    ["table of hashes that is text", { data: { ...plainHeader.data, pieceHashes: "0" } }],
    ["list of parts", { parts: {} }],
    ["part that begins elsewhere", { parts: [plainHeader.parts[0], { ...part, offset: 1_299 }] }],
    ["part too few", { parts: [plainHeader.parts[0]] }],
    ["number of blocks", { parts: [plainHeader.parts[0], { ...part, deltaBytes: 0 }] }],
    ["block", { parts: [plainHeader.parts[0], { ...part, blocks: [[200, 1]] }] }],
    ["base of a part that leaves the site", { parts: [plainHeader.parts[0], { ...part, base: ["../x"] }] }],
    ["key that nobody knows", { onlyIf: "the moon is full" }],
  ] as const)("with a wrong %s is refused", ([, change]) => {
    expect(() => decodeAssignment(withHeader(change))).toThrowError(/DIST_ERR|cannot be read|is refused/);
  });

  it.for(Object.keys(commitHeader))("without %s is refused", (key) => {
    const { [key as "type"]: _, ...rest } = commitHeader;
    expect(() => decodeAssignment(assemble(encode(rest), new Uint8Array()))).toThrowError("cannot be read");
  });

  it("of something else than an update has no commands", () => {
    const buffer = encodeAssignment(commitHeader, [{ kind: "remove", path: "a" }]);
    expect(() => decodeAssignment(buffer)).toThrowError("a commit has no commands");
  });

  it("names no block that holds more than a block may, whoever signed it", () => {
    const size = 1 << 30;
    const data = { sizeBytes: size, pieceBytes: 64 << 20, pieceHashes: Buffer.alloc(32 * 16) };
    const parts = [{ ...part, offset: 0, blocks: [[size, false]] }];
    expect(() => decodeAssignment(withHeader({ data, parts }))).toThrowError("block");
  });
});

describe("commands", () => {
  const file = { kind: "file", path: "a", mode: 0o644, mtimeMs: 0, sizeBytes: 0, hash: hashA, part: 0 };
  const header = encode(plainHeader);
  it.for([
    ["an unknown kind", { kind: "chown", path: "a" }],
    ["a path that leaves the site", { ...file, path: "../a" }],
    ["an absolute path", { ...file, path: "/etc/passwd" }],
    ["a path with NUL", { ...file, path: "a\0" }],
    ["a path of 10,000 components", { ...file, path: "a/".repeat(10_000) }],
    ["a set-uid mode", { ...file, mode: 0o4755 }],
    ["a negative size", { ...file, sizeBytes: -1 }],
    ["a size beyond what a number holds", { ...file, sizeBytes: 2 ** 53 }],
    ["a part that is not there", { ...file, part: 2 }],
    ["a link that leaves the site", { kind: "symlink", path: "a", target: "../b" }],
    ["an absolute link", { kind: "symlink", path: "a", target: "/etc" }],
    ["more than is known", { ...file, owner: "root" }],
    ["less than is needed", { kind: "copy", path: "a", mode: 0, mtimeMs: 0 }],
    ["parameters that are no texts or numbers", { kind: "x-run", parameters: { argv: ["sh"] } }],
    ["no map", [1, 2]],
    ["nothing", null],
  ] as const)("with %s are refused", ([, command]) => {
    expect(() => decodeAssignment(assemble(header, encode(command)))).toThrowError(/cannot be read|is refused/);
  });
});

describe("a damaged buffer", () => {
  it("is refused wherever it is cut off", () => {
    for (let length = 0; length < whole.length; length += 1) {
      expect(() => decodeAssignment(whole.subarray(0, length))).toThrowError("cannot be read");
    }
    expect(() => decodeAssignment(Buffer.concat([whole, Buffer.alloc(1)]))).toThrowError("its length is wrong");
  });

  it("is refused if its trailer is not the hash of its commands", () => {
    const wrong = Buffer.from(whole);
    wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
    expect(() => decodeAssignment(wrong)).toThrowError("trailer does not have the hash");
  });

  it("is refused if its commands unpack to more than it says", () => {
    const bomb = Buffer.from(assemble(encode(plainHeader), new Uint8Array(64 << 20)));
    bomb.writeUInt32BE(1_000, 13);
    expect(() => decodeAssignment(bomb)).toThrowError("its body is damaged");
  });
});

describe("a signature", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const sealed = sealAssignment(whole, (bytes) => sign(null, bytes, privateKey));

  it("opens to the buffer that was signed", () => {
    const key = readPublicKey(publicKey.export({ type: "spki", format: "pem" }).toString());
    expect(Buffer.from(openSeal(sealed, key)).equals(whole)).toBe(true);
  });

  it("does not fit any bit changed anywhere", () => {
    for (let bit = 0; bit < sealed.length * 8; bit += 7) {
      const copy = Buffer.from(sealed);
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => openSeal(copy, publicKey)).toThrowError("not signed by the control");
    }
  });

  it.for([0, 1, signatureBytes - 1, signatureBytes, signatureBytes + 1, sealed.length - 1])(
    "does not fit when %i bytes are left",
    (length) => {
      expect(() => openSeal(sealed.subarray(0, length), publicKey)).toThrowError("not signed by the control");
    },
  );

  it("of another control, or for something else, does not fit", () => {
    const other = generateKeyPairSync("ed25519").privateKey;
    const byOther = sealAssignment(whole, (bytes) => sign(null, bytes, other));
    const forElse = Buffer.concat([whole, sign(null, Buffer.from(hexHashOf(whole), "hex"), privateKey)]);
    for (const wrong of [byOther, forElse])
      expect(() => openSeal(wrong, publicKey)).toThrowError("not signed by the control");
  });
});
