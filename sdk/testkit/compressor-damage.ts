import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Compressor } from "distributary/sdk";
import type { Case } from "./kit.ts";
import { noiseBytes, sequence, textBytes, withBitFlipped } from "./sample-bytes.ts";

const MiB = 1024 * 1024;
const allowanceBytes = 16 * MiB;
const allowanceMs = 2_000;

/** What a compressor does with blocks that are not what it made. */
export const compressorDamageCases: readonly Case<Compressor>[] = [
  {
    title: "never restores something else after a bit was flipped",
    check(create) {
      const compressor = create();
      for (const block of [textBytes(40), noiseBytes(40), textBytes(3_000)]) {
        const compressed = compressor.compress(block);
        for (const bit of bitsToFlip(compressed.length * 8)) {
          assertThrowsOrRestores(compressor, withBitFlipped(compressed, bit), block);
        }
      }
    },
  },
  {
    title: "never restores something else after bytes were overwritten",
    check(create) {
      const compressor = create();
      const block = textBytes(50_000);
      const compressed = compressor.compress(block);
      for (let seed = 0; seed < 50; seed++) {
        const damaged = Uint8Array.from(compressed);
        damaged.set(noiseBytes(8, seed), sequence(seed)() % Math.max(1, damaged.length - 8));
        assertThrowsOrRestores(compressor, damaged, block);
      }
    },
  },
  {
    title: "refuses a block cut off anywhere",
    check(create) {
      const compressor = create();
      for (const block of [new Uint8Array(0), textBytes(40), textBytes(3_000)]) {
        const compressed = compressor.compress(block);
        for (let length = 0; length < compressed.length; length++) {
          assert.throws(() => compressor.decompress(compressed.subarray(0, length), block.length), `cut to ${length}`);
        }
      }
    },
  },
  {
    title: "refuses bytes after the end of a block",
    check(create) {
      const compressor = create();
      const block = textBytes(3_000);
      const compressed = compressor.compress(block);
      for (const tail of [new Uint8Array(1), new Uint8Array(64), noiseBytes(1), noiseBytes(64), compressed]) {
        const extended = Buffer.concat([compressed, tail]);
        assert.throws(() => compressor.decompress(extended, block.length), `${tail.length} bytes more`);
      }
    },
  },
  {
    title: "refuses noise and nothing at all",
    check(create) {
      const compressor = create();
      for (const size of [0, 1, 10, 1_000]) assert.throws(() => compressor.decompress(noiseBytes(size), 100));
      assert.throws(() => compressor.decompress(new Uint8Array(0), 0));
    },
  },
  {
    title: "refuses every size but the right one",
    check(create) {
      const compressor = create();
      for (const block of [new Uint8Array(0), Uint8Array.of(65), textBytes(40_000), noiseBytes(40_000)]) {
        const right = block.length;
        const compressed = compressor.compress(block);
        const sizes = [-1, 0, 1, right - 1, right + 0.5, right + 1, right * 2, 2 ** 32, Number.MAX_SAFE_INTEGER, NaN];
        for (const wrong of sizes.filter((size) => size !== right)) {
          assert.throws(() => compressor.decompress(compressed, wrong), `${wrong} instead of ${right}`);
        }
      }
    },
  },
  {
    title: "refuses a bomb of 64 MiB at once and without unpacking it",
    check(create) {
      const compressor = create();
      const zeros = new Uint8Array(64 * MiB);
      const bomb = compressor.compress(zeros);
      for (const sizeBytes of [0, 1_000, MiB]) {
        assertFrugal(() => assert.throws(() => compressor.decompress(bomb, sizeBytes)));
      }
      // Keeps `zeros` alive, so that freeing it cannot hide what was allocated.
      assert.equal(zeros.length, 64 * MiB);
    },
  },
  {
    title: "reserves no memory for a size that is only claimed",
    check(create) {
      const compressor = create();
      const compressed = compressor.compress(textBytes(1_000));
      assertFrugal(() => assert.throws(() => compressor.decompress(compressed, 512 * MiB)));
    },
  },
];

/** All bits of a short block; of a long one the first and last 200 and 200 between. */
function bitsToFlip(bitCount: number): number[] {
  const next = sequence(bitCount);
  if (bitCount <= 800) return Array.from({ length: bitCount }, (_, bit) => bit);
  const ends = Array.from({ length: 200 }, (_, bit) => [bit, bitCount - 1 - bit]).flat();
  return [...ends, ...Array.from({ length: 200 }, () => next() % bitCount)];
}

function assertThrowsOrRestores(compressor: Compressor, damaged: Uint8Array, block: Uint8Array): void {
  let restored: Uint8Array;
  try {
    restored = compressor.decompress(damaged, block.length);
  } catch {
    return;
  }
  assert.ok(Buffer.compare(restored, block) === 0, "something else was restored");
}

function assertFrugal(action: () => void): void {
  // Garbage of earlier cases, freed meanwhile, would hide what the action allocates.
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  const bytesBefore = process.memoryUsage().arrayBuffers;
  const startedMs = performance.now();
  action();
  const tookMs = performance.now() - startedMs;
  const tookBytes = process.memoryUsage().arrayBuffers - bytesBefore;
  assert.ok(tookBytes < allowanceBytes, `${tookBytes} bytes were allocated`);
  assert.ok(tookMs < allowanceMs, `it took ${Math.round(tookMs)} ms`);
}
