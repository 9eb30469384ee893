import assert from "node:assert/strict";
import type { DeltaEngine } from "distributary/sdk";
import { deltaDamageCases } from "./delta-damage.ts";
import { pairs, randomPair, repetitivePairs } from "./delta-pairs.ts";
import type { Pair } from "./delta-pairs.ts";
import { runKit } from "./kit.ts";
import type { Case, Kit } from "./kit.ts";
import { noiseBytes, textBytes } from "./sample-bytes.ts";
import { StrictContent, collect, passingChunks } from "./strict-content.ts";

function encoded(engine: DeltaEngine, base: Uint8Array, target: Uint8Array): Uint8Array {
  return collect(engine.encode(new StrictContent(base), new StrictContent(target)));
}

function assertSame(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length);
  assert.ok(Buffer.compare(actual, expected) === 0, "the bytes differ");
}

function assertRestores(engine: DeltaEngine, base: Uint8Array, target: Uint8Array, chunkBytes = 5_000): void {
  const delta = encoded(engine, base, target);
  const chunks = passingChunks(delta, chunkBytes);
  assertSame(collect(engine.decode(new StrictContent(base), chunks, target.length), target.length), target);
}

const restores = ({ name, make }: Pair): Case<DeltaEngine> => ({
  title: `makes ${name}`,
  check: (create) => assertRestores(create(), ...make()),
});

const boundaries = [0x1000, 0x1_0000, 0x4_0000, 0x10_0000, 0x40_0000, 0x80_0000];

/** What every delta engine must keep. */
export const deltaKit: Kit<DeltaEngine> = {
  name: "delta engine",
  cases: [
    ...pairs.map(restores),
    ...repetitivePairs.map(restores),
    {
      title: "makes targets of every size from 0 to 300",
      check(create) {
        const engine = create();
        for (let size = 0; size <= 300; size++) {
          assertRestores(engine, textBytes(size, 1), textBytes(size, 1));
          assertRestores(engine, textBytes(300 - size, 1), textBytes(size, 2));
        }
      },
    },
    ...boundaries.map((boundary) => ({
      title: `makes targets of about ${boundary / 1024} KiB`,
      check(create: () => DeltaEngine) {
        const engine = create();
        const old = textBytes(boundary + 70, 3);
        const shifted = new Uint8Array(Buffer.concat([noiseBytes(13, 4), old]));
        for (const size of [boundary - 1, boundary, boundary + 1, boundary + 64]) {
          assertRestores(engine, old.subarray(0, size), shifted.subarray(0, boundary + 1), 0x10_0000);
          assertRestores(engine, old.subarray(0, boundary), shifted.subarray(0, size), 0x10_0000);
        }
      },
    })),
    {
      title: "makes 600 random targets",
      check(create) {
        const engine = create();
        for (let seed = 1; seed <= 600; seed++) assertRestores(engine, ...randomPair(seed), 1 + (seed % 1_000));
      },
    },
    {
      title: "takes a delta byte by byte, and empty chunks in it",
      check(create) {
        const engine = create();
        const [base, target] = randomPair(11);
        const delta = encoded(engine, base, target);
        const chunks = function* () {
          for (const byte of delta) {
            yield new Uint8Array(0);
            yield Uint8Array.of(byte);
          }
          yield new Uint8Array(0);
        };
        assertSame(collect(engine.decode(new StrictContent(base), chunks(), target.length)), target);
      },
    },
    {
      title: "makes the same delta every time, whatever it made before",
      check(create) {
        const used = create();
        encoded(used, noiseBytes(3_000_000, 5), textBytes(3_000_000, 6));
        for (const seed of [21, 22, 23, 24]) {
          const [base, target] = randomPair(seed);
          const first = encoded(create(), base, target);
          assertSame(encoded(used, base, target), first);
          assertSame(encoded(used, base, target), first);
        }
      },
    },
    {
      title: "makes two deltas in turns",
      check(create) {
        const engine = create();
        const work = [7, 8].map((seed) => {
          const target = noiseBytes(9_000_000, seed);
          const base = target.subarray(0, 100_000);
          const chunks = engine.encode(new StrictContent(base), new StrictContent(target))[Symbol.iterator]();
          return { base, target, chunks, copies: [] as Uint8Array[] };
        });
        inTurns(work);
        for (const { base, target, copies } of work) {
          assertSame(collect(engine.decode(new StrictContent(base), copies, target.length)), target);
        }
      },
    },
    {
      title: "makes two targets in turns of one base",
      check(create) {
        const engine = create();
        const base = noiseBytes(2_000_000, 9);
        const content = new StrictContent(base);
        const work = [base.slice(1_000), new Uint8Array(Buffer.concat([textBytes(900_000), base]))].map((target) => ({
          target,
          copies: [] as Uint8Array[],
          chunks: engine.decode(content, [encoded(engine, base, target)], target.length)[Symbol.iterator](),
        }));
        for (let left = work; left.length > 0;) {
          left = left.filter(({ chunks, copies }) => {
            const { done, value } = chunks.next();
            if (!done) copies.push(new Uint8Array(value));
            return !done;
          });
        }
        for (const { target, copies } of work) assertSame(Buffer.concat(copies), target);
      },
    },
    {
      title: "works on after a delta and a target were given up halfway",
      check(create) {
        const engine = create();
        const base = noiseBytes(500_000, 1);
        const target = noiseBytes(500_000, 2);
        const delta = encoded(engine, base, target);
        for (const begun of [
          engine.encode(new StrictContent(base), new StrictContent(target)),
          engine.decode(new StrictContent(base), [delta], target.length),
        ]) {
          for (const chunk of begun) {
            assert.ok(chunk.length > 0);
            break;
          }
        }
        assertRestores(engine, base, target);
        assertRestores(engine, target, textBytes(100_000));
      },
    },
    ...deltaDamageCases,
  ],
};

interface Turn {
  readonly chunks: Iterator<Uint8Array>;
  readonly copies: Uint8Array[];
}

/** Asks each for a chunk in turn, and takes copies only when all have given theirs: a chunk must last so long. */
function inTurns(turns: readonly Turn[]): void {
  for (let left = turns; left.length > 0;) {
    const given = left.map((turn) => ({ turn, result: turn.chunks.next() }));
    const going = given.filter(({ result }) => !result.done);
    for (const { turn, result } of going) turn.copies.push(new Uint8Array(result.value));
    left = going.map(({ turn }) => turn);
  }
}

/** Holds a delta engine to its contract: `testDelta("rsync", () => recordingHost(rsync).deltas.get("rsync"))`. */
export function testDelta(name: string, create: () => DeltaEngine): void {
  runKit(deltaKit, name, create);
}
