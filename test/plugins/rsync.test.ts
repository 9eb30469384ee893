import { describe, expect, it } from "vitest";
import {
  StrictContent,
  collect,
  noiseBytes,
  recordingHost,
  sequence,
  testDelta,
  testPlugin,
  textBytes,
} from "distributary/testkit";
import rsync from "../../plugins/rsync/index.ts";
import { expectRebuilt } from "./expect-rebuilt.ts";

const create = (options: { windowMiB?: number } = {}) => recordingHost(rsync, options).deltas.get("rsync");

testPlugin(rsync);
testDelta("rsync", create);

const joined = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

/** The size of the delta, after it was seen to make the target. */
function deltaBytes(base: Uint8Array, target: Uint8Array, engine = create()): number {
  const delta = collect(engine.encode(new StrictContent(base), new StrictContent(target)));
  const made = collect(engine.decode(new StrictContent(base), [delta], target.length), target.length);
  expect(Buffer.compare(made, target)).toBe(0);
  return delta.length;
}

describe("rsync", () => {
  const old = noiseBytes(3_000_000, 1);

  it("needs under 40 bytes for content that did not change", () => {
    for (const size of [1, 1_000, 3_000_000]) {
      expect(deltaBytes(old.subarray(0, size), old.subarray(0, size))).toBeLessThan(40);
    }
  });

  it("needs little more than the new bytes, wherever they are put", () => {
    const added = noiseBytes(500, 2);
    for (const at of [0, 1, 12_345, 1_500_000, 2_999_999, 3_000_000]) {
      expect(deltaBytes(old, joined(old.subarray(0, at), added, old.subarray(at)))).toBeLessThan(560);
      expect(deltaBytes(joined(old.subarray(0, at), added, old.subarray(at)), old)).toBeLessThan(60);
    }
  });

  it("finds files that changed places in a tree", () => {
    const files = Array.from({ length: 300 }, (_, index) => textBytes(1_000 + 37 * index, index));
    const shuffled = files.map((_, index) => files[(index * 77) % 300] ?? old);
    expect(deltaBytes(joined(...files), joined(...shuffled))).toBeLessThan(300 * 40);
  });

  it("never needs more than the target and 1 in 1,000", () => {
    for (const size of [1, 100, 70_000, 2_900_000]) {
      expect(deltaBytes(old, noiseBytes(size, 3))).toBeLessThan(size + size / 1_000 + 40);
    }
  });

  it("gives the same difference for addresses that moved by the same distance", () => {
    const next = sequence(5);
    const code = new DataView(noiseBytes(400_000, 4).buffer);
    const moved = new DataView(code.buffer.slice(0));
    for (let at = 0; at < 400_000 - 4; at += 40 + (next() >>> 24) * 4) {
      code.setUint32(at, next() >>> 12, true);
      moved.setUint32(at, code.getUint32(at, true) + 0x1234, true);
    }
    const content = ({ buffer }: DataView) => new StrictContent(new Uint8Array(buffer));
    const delta = collect(create().encode(content(code), content(moved)));
    const places = [...delta.keys()].filter((at) => delta[at] === 0x34 && delta[at + 1] === 0x12);
    expect(places.length).toBeGreaterThan(500);
  });

  it("fills several segments", () => {
    const changed = old.map((byte, at) => (at % 90 ? byte : ~byte));
    const target = joined(noiseBytes(5_000_000, 6), old, noiseBytes(9_000_000, 7), changed);
    expect(deltaBytes(old, target)).toBeLessThan(15_500_000);
  });

  it("follows content that is larger than its window, both ways", () => {
    const engine = create({ windowMiB: 16 });
    const large = noiseBytes(70_000_000, 8);
    const shifted = joined(noiseBytes(99, 9), large.subarray(5_000_000, 69_000_000), large.subarray(0, 7_000_000));
    expect(deltaBytes(large, shifted, engine)).toBeLessThan(7_100_000);
    expect(deltaBytes(large, large.subarray(60_000_000), engine)).toBeLessThan(10_000_100);
  }, 60_000);

  it("refuses a window that is too small or too large", () => {
    for (const windowMiB of [0, 15, 1_025]) {
      expect(() => create({ windowMiB })).toThrow(expect.objectContaining({ code: "DIST_ERR_OPTIONS_INVALID" }));
    }
  });

  it("is built of the source beside it: clang-14 and lld-14 make the same bytes of it", () => {
    expectRebuilt("rsync", "delta.wasm");
  }, 60_000);
});
