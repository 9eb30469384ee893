import { describe, expect, it } from "vitest";
import { noiseBytes } from "distributary/testkit";
import {
  decodeWord,
  encodeWord,
  frameHeadBytes,
  headBytes,
  readBlock,
  readEmission,
  readHead,
  unwrap,
  writeFrameHead,
} from "../../../plugins/mctp/wire/datagram.ts";
import type { Word } from "../../../plugins/mctp/wire/datagram.ts";

const words: readonly (readonly [name: string, word: Word, hex: string])[] = [
  [
    "a poll",
    {
      ...{ kind: "poll", emitted: 2 ** 40, sentBlocks: 700 },
      asks: { from: 7, to: 0xffffffff, listed: true, hashes: [8, 0xfffffffe] },
    },
    "0000000001020304000100280100000000000002bc00000007ffffffff01000200000008fffffffe",
  ],
  ["a dismissal", { kind: "dismissal", member: "n1", reason: "slow" }, "000000000102030400020014026e3104736c6f77"],
  ["over", { kind: "over" }, "00000000010203040003000c"],
  [
    "a report",
    {
      ...{
        kind: "report",
        member: "n1",
        seen: 513,
        heldMs: 65_535,
        received: 512,
        isComplete: false,
        isBehind: false,
        hasMore: true,
      },
      lacks: [
        { block: 1, blocks: 300, frames: 255 },
        { block: 70_000, blocks: 1, frames: 2, which: Uint8Array.of(3, 0, 128) },
      ],
    },
    "00000000010203040004" + "0031026e31000000000201ffff000000000200020002" + "000001012cff00" + "01117000010203030080",
  ],
  [
    "a report without lacks",
    {
      kind: "report",
      member: "n2",
      seen: 0,
      heldMs: 0,
      received: 0,
      isComplete: true,
      isBehind: false,
      hasMore: false,
      lacks: [],
    },
    "000000000102030400040020026e320000000000000000000000000000010000",
  ],
];

function decoded(bytes: Uint8Array): Word | undefined {
  const head = readHead(bytes, 0, bytes.length);
  return head === undefined ? undefined : decodeWord(head, bytes);
}

describe.each(words)("%s", (_name, word, hex) => {
  const bytes = encodeWord(0x01020304, word);

  it("says what it said", () => {
    expect(readHead(bytes, 0, bytes.length)).toMatchObject({ session: 0x01020304, pass: 0, sizeBytes: bytes.length });
    expect(decoded(bytes)).toEqual(word);
  });

  it("has the form it had", () => expect(Buffer.from(bytes).toString("hex")).toBe(hex));

  it("says nothing if it is cut off anywhere, or goes on", () => {
    for (let length = 0; length < bytes.length; length += 1)
      expect(decoded(bytes.subarray(0, length)), `${length} bytes`).toBeUndefined();
    expect(decoded(Buffer.concat([bytes, Buffer.of(0)]))).toBeUndefined();
  });

  it("never throws, whatever of it is wrong", () => {
    const noise = noiseBytes(4_000, bytes.length);
    for (let at = 0; at < 2_000; at += 1) {
      const wrong = Uint8Array.from(bytes);
      const place = headBytes + ((noise[at] as number) % Math.max(1, bytes.length - headBytes));
      if (place < wrong.length) wrong[place] = noise[at + 2_000] as number;
      expect(() => decoded(wrong)).not.toThrow();
    }
  });
});

it("a word of another kind says nothing", () => {
  for (const kind of [0, 5, 255])
    expect(
      decodeWord({ session: 1, pass: 0, index: kind, sizeBytes: headBytes }, new Uint8Array(headBytes)),
    ).toBeUndefined();
});

it.for(["lacks", "hashes"])("more %s than there can be are refused", (what) => {
  const report = {
    kind: "report",
    member: "",
    seen: 0,
    heldMs: 0,
    received: 0,
    isComplete: false,
    isBehind: false,
    hasMore: false,
  } as const;
  const lacks = Array.from({ length: 257 }, (_, block) => ({ block, blocks: 1, frames: 1 }));
  const asks = { from: 0, to: 0, listed: true, hashes: Array.from({ length: 257 }, (_, hash) => hash) };
  const word: Word = what === "lacks" ? { ...report, lacks } : { kind: "poll", emitted: 0, sentBlocks: 0, asks };
  expect(decoded(encodeWord(1, word))).toBeUndefined();
});

it("reasons are cut, and times have an end", () => {
  expect(decoded(encodeWord(1, { kind: "dismissal", member: "m", reason: "x".repeat(500) }))).toEqual({
    ...{ kind: "dismissal", member: "m", reason: "x".repeat(200) },
  });
});

describe("a frame", () => {
  const frame = {
    session: 0xfffefdfc,
    pass: 255,
    index: 254,
    block: 0x123456,
    emission: 2 ** 24 + 5,
    sizeBytes: 1_446,
  };
  const bytes = new Uint8Array(frameHeadBytes + 8);
  writeFrameHead(bytes, 8, frame);

  it("has the form it had", () => {
    expect(Buffer.from(bytes.subarray(8)).toString("hex")).toBe("00000000fffefdfcfffe05a6000005123456");
  });

  it("says where it belongs", () => {
    const { session, pass, index, sizeBytes } = frame;
    expect(readHead(bytes, 8, 100)).toEqual({ session, pass, index, sizeBytes });
    expect([readEmission(bytes, 8), readBlock(bytes, 8)]).toEqual([5, 0x123456]);
    expect(readHead(bytes, 8, headBytes - 1)).toBeUndefined();
  });
});

describe("an emission of 24 bits", () => {
  it.for([
    [0, 0, 0],
    [5, 0, 5],
    [0xfffffe, 0xffffff, 0xfffffe],
    [1, 0xffffff, 2 ** 24 + 1],
    [0xffffff, 2 ** 24, 0xffffff],
    [3, 2 ** 24 + 9, 2 ** 24 + 3],
    [0x7fffff, 0, 0x7fffff],
    [0, 5 * 2 ** 24 - 1, 5 * 2 ** 24],
    [0xffffff, 5 * 2 ** 24, 5 * 2 ** 24 - 1],
    // Before the first one there is none.
    [0xffffff, 3, 0],
  ] as const)("%i is, near %i, the number %i", ([low, near, whole]) => expect(unwrap(low, near)).toBe(whole));

  it("is the same number within 2²³ of it", () => {
    const noise = noiseBytes(80_000);
    const view = new DataView(noise.buffer, noise.byteOffset);
    for (let at = 0; at < noise.length; at += 8) {
      const whole = 2 ** 24 + view.getUint32(at);
      const near = whole + (view.getInt32(at + 4) >> 9);
      expect(unwrap(whole % 2 ** 24, near)).toBe(whole);
    }
  });
});
