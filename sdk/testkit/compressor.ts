import assert from "node:assert/strict";
import type { Compressor } from "distributary/sdk";
import { compressorDamageCases } from "./compressor-damage.ts";
import { runKit } from "./kit.ts";
import type { Case, Kit } from "./kit.ts";
import { noiseBytes, textBytes } from "./sample-bytes.ts";

const blockBytesMax = 4 * 1024 * 1024;

const samples: readonly (readonly [name: string, make: () => Uint8Array])[] = [
  ["an empty block", () => new Uint8Array(0)],
  ["one byte", () => Uint8Array.of(65)],
  ["text", () => textBytes(100_000)],
  ["noise, which nothing makes smaller", () => noiseBytes(100_000)],
  ["a whole block of 4 MiB", () => textBytes(blockBytesMax)],
  ["4 MiB of noise", () => noiseBytes(blockBytesMax)],
  ["4 MiB of zeros", () => new Uint8Array(blockBytesMax)],
];

const roundTrips: readonly Case<Compressor>[] = samples.map(([name, make]) => ({
  title: `restores ${name}`,
  check(create) {
    const block = make();
    const compressor = create();
    assertSame(compressor.decompress(compressor.compress(block), block.length), block);
  },
}));

/** What every compressor must keep. */
export const compressorKit: Kit<Compressor> = {
  name: "compressor",
  cases: [
    ...roundTrips,
    {
      title: "restores every size from 0 to 300",
      check(create) {
        const compressor = create();
        for (let size = 0; size <= 300; size++) {
          const block = textBytes(size, size);
          assertSame(compressor.decompress(compressor.compress(block), size), block);
        }
      },
    },
    {
      title: "restores a block that is part of a larger buffer, and takes nothing beside it",
      check(create) {
        const compressor = create();
        const block = textBytes(3_000).subarray(1_000, 2_000);
        const compressed = compressor.compress(block);
        const around = noiseBytes(compressed.length + 200);
        around.set(compressed, 100);
        assertSame(compressor.decompress(around.subarray(100, 100 + compressed.length), 1_000), block);
      },
    },
    {
      title: "makes repetitive text smaller",
      check(create) {
        assert.ok(create().compress(textBytes(100_000)).length < 60_000);
      },
    },
    {
      title: "makes no block more than a sixteenth larger, beside 1 KiB",
      check(create) {
        for (const size of [0, 1, 100, 100_000, 1_000_000]) {
          const { length } = create().compress(noiseBytes(size));
          assert.ok(length <= size + size / 16 + 1_024, `${size} bytes became ${length}`);
        }
      },
    },
    {
      title: "leaves its input as it is",
      check(create) {
        const compressor = create();
        const block = textBytes(10_000);
        const compressed = compressor.compress(block);
        assertSame(block, textBytes(10_000));
        const before = Uint8Array.from(compressed);
        compressor.decompress(compressed, block.length);
        assertSame(compressed, before);
      },
    },
    {
      title: "shares no memory between input and result",
      check(create) {
        const compressor = create();
        for (const make of [() => new Uint8Array(0), () => noiseBytes(5_000), () => textBytes(5_000)]) {
          const block = make();
          const compressed = compressor.compress(block);
          block.fill(0);
          const restored = compressor.decompress(compressed, block.length);
          compressed.fill(0);
          assertSame(restored, make());
        }
      },
    },
    {
      title: "gives results that later calls do not overwrite",
      check(create) {
        const compressor = create();
        const compressed = compressor.compress(textBytes(5_000, 1));
        const restored = compressor.decompress(compressed, 5_000);
        compressor.decompress(compressor.compress(noiseBytes(5_000, 2)), 5_000);
        assertSame(restored, textBytes(5_000, 1));
        assertSame(compressor.decompress(compressed, 5_000), restored);
      },
    },
    {
      title: "keeps nothing between blocks: another instance restores them in another order",
      check(create) {
        const sender = create();
        const blocks = [1, 1, 2, 3].map((seed) => textBytes(20_000, seed));
        const compressed = blocks.map((block) => sender.compress(block));
        for (const index of [3, 0, 2, 1]) {
          const [block, packed] = [blocks[index], compressed[index]];
          assert.ok(block !== undefined && packed !== undefined);
          assertSame(create().decompress(packed, block.length), block);
        }
      },
    },
    {
      title: "works on after a damaged block",
      check(create) {
        const compressor = create();
        const block = textBytes(10_000);
        const compressed = compressor.compress(block);
        assert.throws(() => compressor.decompress(compressed.subarray(0, 20), block.length));
        assertSame(compressor.decompress(compressed, block.length), block);
      },
    },
    ...compressorDamageCases,
  ],
};

/** Holds a compressor to its contract: `testCompressor("gzip", () => recordingHost(gzip).compressors.get("gzip"))`. */
export function testCompressor(name: string, create: () => Compressor): void {
  runKit(compressorKit, name, create);
}

function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length);
  assert.ok(actual instanceof Uint8Array && Buffer.compare(actual, expected) === 0, "the bytes differ");
}
