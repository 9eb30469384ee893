import assert from "node:assert/strict";
import { isFailure } from "distributary/sdk";
import type { DeltaEngine } from "distributary/sdk";
import type { Case } from "./kit.ts";
import { noiseBytes, sequence, textBytes, withBitFlipped } from "./sample-bytes.ts";
import { StrictContent, collect, passingChunks } from "./strict-content.ts";

const base = textBytes(30_000, 1);
const changed = base.subarray(0, 15_000).map((byte, at) => (at % 100 ? byte : 7));
const target = new Uint8Array(Buffer.concat([base.subarray(20_000), noiseBytes(300), changed]));

function encoded(engine: DeltaEngine): Uint8Array {
  return collect(engine.encode(new StrictContent(base), new StrictContent(target)));
}

/** Decodes all, and throws if more than `sizeBytes` are yielded or a read leaves the base. */
function decoded(engine: DeltaEngine, delta: Uint8Array, sizeBytes: number): Uint8Array {
  return collect(engine.decode(new StrictContent(base), passingChunks(delta, 700), sizeBytes), sizeBytes);
}

function assertRefused(engine: DeltaEngine, delta: Uint8Array, sizeBytes: number, what: string): void {
  assert.throws(() => decoded(engine, delta, sizeBytes), isDamage, what);
}

function isDamage(error: unknown): boolean {
  return isFailure(error, "DIST_ERR_DELTA_DAMAGED");
}

/** Either it is refused as damaged, or it makes as many bytes as were asked for. */
function assertHarmless(engine: DeltaEngine, delta: Uint8Array): void {
  try {
    assert.equal(decoded(engine, delta, target.length).length, target.length);
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
}

/** What a decoder must do with a delta that nobody made, or for another base or size. */
export const deltaDamageCases: readonly Case<DeltaEngine>[] = [
  {
    title: "refuses a delta that was cut off",
    check(create) {
      const engine = create();
      const delta = encoded(engine);
      for (let size = 0; size < delta.length; size += 1 + (size >> 5))
        assertRefused(engine, delta.subarray(0, size), target.length, `${size} of ${delta.length} bytes`);
    },
  },
  {
    title: "refuses a delta that goes on after its end",
    check(create) {
      const engine = create();
      const delta = encoded(engine);
      for (const tail of [Uint8Array.of(0), Uint8Array.of(255), new Uint8Array(100), noiseBytes(5_000), delta])
        assertRefused(engine, Buffer.concat([delta, tail]), target.length, `${tail.length} bytes more`);
    },
  },
  {
    title: "refuses a delta that makes another size",
    check(create) {
      const engine = create();
      const delta = encoded(engine);
      for (const size of [0, 1, target.length - 1, target.length + 1, 10 * target.length, 2 ** 40])
        assertRefused(engine, delta, size, `${size} bytes`);
    },
  },
  {
    title: "refuses something where nothing is to be made, and nothing where something is",
    check(create) {
      const engine = create();
      assertRefused(engine, Uint8Array.of(0), 0, "one byte");
      assertRefused(engine, noiseBytes(1_000), 0, "noise");
      assertRefused(engine, new Uint8Array(0), 1, "no bytes");
      assert.equal(decoded(engine, new Uint8Array(0), 0).length, 0);
    },
  },
  {
    title: "never makes more than was asked for or leaves the base, whichever bit of a delta is flipped",
    check(create) {
      const engine = create();
      const delta = encoded(engine);
      const step = Math.max(1, Math.floor((delta.length * 8) / 3_000));
      for (let bit = 0; bit < delta.length * 8; bit += step) assertHarmless(engine, withBitFlipped(delta, bit));
    },
  },
  {
    title: "never makes more than was asked for or leaves the base, whatever a delta is",
    check(create) {
      const engine = create();
      for (let seed = 1; seed <= 500; seed++) {
        const next = sequence(seed);
        assertHarmless(engine, noiseBytes((next() >>> 8) % 2_000, seed));
        assertHarmless(engine, new Uint8Array((next() >>> 8) % 2_000).fill(next() >>> 24));
      }
    },
  },
  {
    title: "never leaves a base that is shorter than the one a delta was made for",
    check(create) {
      const engine = create();
      const delta = encoded(engine);
      for (const size of [0, 1, 14_999, 20_000, base.length - 1]) {
        const shorter = new StrictContent(base.subarray(0, size));
        try {
          assert.equal(collect(engine.decode(shorter, [delta], target.length), target.length).length, target.length);
        } catch (error) {
          if (!isDamage(error)) throw error;
        }
      }
    },
  },
  {
    title: "works on after a damaged delta",
    check(create) {
      const engine = create();
      const delta = encoded(engine);
      assertRefused(engine, delta.subarray(0, 10), target.length, "10 bytes");
      assert.ok(Buffer.compare(decoded(engine, delta, target.length), target) === 0, "the bytes differ");
    },
  },
  {
    title: "closes a delta it refuses",
    check(create) {
      let closed = false;
      const chunks = function* () {
        try {
          for (let count = 0; count < 1_000; count++) yield new Uint8Array(1_000);
        } finally {
          closed = true;
        }
      };
      assert.throws(() => collect(create().decode(new StrictContent(base), chunks(), target.length)));
      assert.ok(closed);
    },
  },
];
