import { describe, expect, it } from "vitest";
import { noiseBytes, sequence } from "distributary/testkit";
import { FrameField } from "../../../plugins/mctp/field.ts";
import { mostFrames } from "../../../plugins/mctp/geometry.ts";
import { expectRebuilt } from "../expect-rebuilt.ts";
import { everyByte, inverses, multiplied, plainParity, plainTag } from "./plain-field.ts";

/** Room for so many bytes at an offset that is `skew` from aligned, with guards before and behind it. */
class GuardedBlock {
  readonly field: FrameField;
  readonly at: number;
  readonly #allocated: number;
  readonly #bytes: number;

  constructor(field: FrameField, bytes: number, skew: number) {
    this.field = field;
    this.#bytes = bytes;
    this.#allocated = field.allocate(bytes + 64);
    this.at = this.#allocated + 16 + skew;
    field.bytes.fill(0xa5, this.#allocated, this.#allocated + bytes + 64);
  }

  bytes(): Buffer {
    return Buffer.from(this.field.bytes.subarray(this.at, this.at + this.#bytes));
  }

  /** Gives the room back, if nothing was written beside the block. */
  end(): void {
    const { bytes } = this.field;
    expect(new Set(bytes.subarray(this.#allocated, this.at))).toEqual(new Set([0xa5]));
    const behind = bytes.subarray(this.at + this.#bytes, this.#allocated + this.#bytes + 64);
    expect(new Set(behind)).toEqual(new Set([0xa5]));
    this.field.release(this.#allocated);
  }
}

/** Some of the numbers from `from` to below `to`, each at most once, in any order. */
function drawn(count: number, from: number, to: number, below: (bound: number) => number): number[] {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index);
  return Array.from({ length: count }, () => numbers.splice(below(numbers.length), 1)[0] ?? Number.NaN);
}

describe("arithmetic", () => {
  const field = new FrameField();

  it("multiplies like the field does, by every factor and every byte", () => {
    const block = field.allocate(256);
    const into = field.allocate(256);
    field.bytes.set(everyByte, block);
    for (let number = 1; number < mostFrames; number += 1) {
      field.parity(block, 1, 256, number, into);
      const products = field.bytes.slice(into, into + 256);
      const factor = inverses[number] ?? 0;
      expect(products).toEqual(everyByte.map((byte) => multiplied(byte, factor)));
      expect(new Set(products).size).toBe(256);
      expect(
        products.every((product, byte) => product === ((products[byte & 0x5a] ?? 0) ^ (products[byte & 0xa5] ?? 0))),
      ).toBe(true);
    }
    field.release(block);
    field.release(into);
  });

  it("makes the parity that the definition gives, and writes nothing beside it", () => {
    const next = sequence(11);
    const below = (bound: number) => Math.floor((next() / 2 ** 32) * bound);
    for (let round = 0; round < 300; round += 1) {
      const frameBytes = 1 + below(round % 2 ? 40 : 200);
      const count = 1 + below(round % 3 ? 12 : 254);
      const block = new GuardedBlock(field, count * frameBytes, below(16));
      const into = new GuardedBlock(field, frameBytes, below(16));
      const bytes = noiseBytes(count * frameBytes, round);
      const sources = Array.from({ length: count }, (_, row) =>
        bytes.subarray(row * frameBytes, (row + 1) * frameBytes),
      );
      field.bytes.set(bytes, block.at);
      const number = count + below(mostFrames - count);
      field.parity(block.at, count, frameBytes, number, into.at);
      expect(into.bytes().equals(plainParity(sources, number)), `round ${round}`).toBe(true);
      expect(block.bytes().equals(bytes)).toBe(true);
      block.end();
      into.end();
    }
  });
});

describe("a block", () => {
  const field = new FrameField();

  /** Loses frames, puts parity frames in their rows, and expects the block to become whole. */
  function loseAndRestore(
    count: number,
    frameBytes: number,
    lost: readonly number[],
    parities: readonly number[],
  ): void {
    const block = new GuardedBlock(field, count * frameBytes, count % 16);
    const bytes = noiseBytes(count * frameBytes, count * 7 + frameBytes);
    field.bytes.set(bytes, block.at);
    const parity = field.allocate(lost.length * frameBytes);
    const at = (index: number) => parity + index * frameBytes;
    parities.forEach((number, index) => field.parity(block.at, count, frameBytes, number, at(index)));
    const holds = Array.from({ length: count }, (_, row) => row);
    lost.forEach((row, index) => {
      holds[row] = parities[index] ?? Number.NaN;
      field.bytes.copyWithin(block.at + row * frameBytes, at(index), at(index + 1));
    });
    // The only source frame is its own parity frame 1.
    if (lost.length > 0 && count > 1 && frameBytes > 8) expect(block.bytes().equals(bytes)).toBe(false);
    field.restore(block.at, count, frameBytes, holds);
    expect(block.bytes().equals(bytes), `${count} × ${frameBytes}: ${holds.join(" ")}`).toBe(true);
    field.release(parity);
    block.end();
  }

  it("is made whole by any k of its 256 frames", () => {
    const next = sequence(5);
    const below = (bound: number) => Math.floor((next() / 2 ** 32) * bound);
    for (let round = 0; round < 1_500; round += 1) {
      const count = 1 + below(round % 4 ? 24 : 255);
      const frameBytes = 1 + below(round % 3 ? 80 : 1_472);
      const lostCount = below(1 + Math.min(count, mostFrames - count, round % 8 ? 255 : 10));
      const lost = drawn(lostCount, 0, count, below);
      loseAndRestore(count, frameBytes, lost, drawn(lostCount, count, mostFrames, below));
    }
  });

  it("of every length of frames up to a few vectors, and around the columns that are restored at a time", () => {
    const around = (size: number) => [-17, -16, -15, -1, 0, 1, 15, 16, 17].map((off) => size + off);
    const lengths = [...Array.from({ length: 70 }, (_, index) => index + 1), ...around(768), ...around(1_536)];
    for (const frameBytes of lengths) loseAndRestore(9, frameBytes, [0, 3, 4, 7, 8], [200, 9, 255, 31, 10]);
  });

  it("is made whole by parity alone, by one frame, and stays as it is if nothing is lost", () => {
    for (const count of [1, 2, 3, 5, 64, 127, 128]) {
      const rows = Array.from({ length: count }, (_, row) => row);
      const parities = rows.map((row) => 255 - row);
      loseAndRestore(count, 1_449, rows, parities);
      loseAndRestore(count, 1_449, rows.slice(-1), [count]);
      loseAndRestore(count, 1_449, [], []);
    }
    loseAndRestore(
      192,
      1_449,
      drawn(64, 0, 192, () => 0),
      drawn(64, 192, 256, () => 0),
    );
    loseAndRestore(255, 1_449, [254], [255]);
    loseAndRestore(256, 1_449, [], []);
  });

  it("is left as it is if what its rows are said to hold cannot be", () => {
    const block = new GuardedBlock(field, 4 * 100, 0);
    const before = block.bytes();
    for (const holds of [[0, 1, 2], [0, 1, 3, 2], [0, 4, 4, 3], [0, 1, 2, 256], [0, 1.5, 2, 3], [0, -1, 2, 3], []]) {
      expect(() => field.restore(block.at, 4, 100, holds)).toThrow(RangeError);
    }
    for (const [count, frameBytes] of [
      [0, 100],
      [257, 100],
      [1.5, 100],
      [4, 0],
      [4, -1],
      [4, 0.5],
    ] as const) {
      expect(() => field.restore(block.at, count, frameBytes, [0, 1, 2, 3])).toThrow(RangeError);
      expect(() => field.parity(block.at, count, frameBytes, 255, block.at)).toThrow(RangeError);
    }
    for (const number of [3, 256, 4.5, Number.NaN]) {
      expect(() => field.parity(block.at, 4, 100, number, block.at)).toThrow(RangeError);
    }
    expect(block.bytes().equals(before)).toBe(true);
    block.end();
  });
});

describe("tags", () => {
  const field = new FrameField();
  const key = field.allocate(16);
  const message = field.allocate(2_000);

  it("are the low halves of the reference vectors of SipHash-2-4", () => {
    // vectors_sip64 of the reference implementation: key 00 … 0f, messages of 0, 1, 2 … bytes 00, 01, 02 …
    const vectors =
      `310e0edd47db6f72 fd67dc93c539f874 5a4fa9d909806c0d 2d7efbd796666785 b7877127e09427cf 8da699cd64557618
      cee3fe586e46c9cb 37d1018bf50002ab 6224939a79f5f593 b0e4a90bdf82009e f3b9dd94c5bb5d7a a7ad6b22462fb3f4
      fbe50e86bc8f1e75 903d84c02756ea14 eef27a8e90ca23f7 e545be4961ca29a1`.split(/\s+/);
    field.bytes.set(everyByte.subarray(0, 16), key);
    field.bytes.set(everyByte, message);
    const tags = vectors.map((_, size) => field.tag(key, message, size));
    expect(tags).toEqual(vectors.map((vector) => Buffer.from(vector, "hex").readUInt32LE()));
  });

  it("are those of the paper for any key, length and place", () => {
    for (let size = 0; size <= 1_472; size += size < 70 ? 1 : 61) {
      const at = message + (size % 19);
      const [secret, bytes] = [noiseBytes(16, size + 1), noiseBytes(size, size)];
      field.bytes.set(secret, key);
      field.bytes.set(bytes, at);
      expect(field.tag(key, at, size), `${size} bytes`).toBe(plainTag(secret, bytes));
    }
  });
});

describe("memory", () => {
  it("is given out in stretches of their own, aligned to 16 bytes, and given out again", () => {
    const field = new FrameField();
    const sizes = [0, 1, 15, 16, 17, 100, 1_449, 1_472, 65_536, 278_208];
    const offsets = sizes.map((size) => field.allocate(size));
    expect(offsets.every((offset) => offset % 16 === 0)).toBe(true);
    const stretches = offsets.map((offset, index) => [offset, offset + (sizes[index] ?? 0)] as const);
    for (const [from, to] of stretches) {
      expect(stretches.filter(([otherFrom, otherTo]) => otherFrom < to && from < otherTo).length).toBeLessThan(2);
    }
    const atRest = field.bytes.length;
    for (let round = 0; round < 1_000; round += 1) {
      const again = sizes.map((size, index) => {
        field.release(offsets[index] ?? Number.NaN);
        return field.allocate(size);
      });
      expect(again).toEqual(offsets);
    }
    expect(field.bytes.length).toBe(atRest);
  });

  it("gives out for about as much what came back, not what is still taken", () => {
    const field = new FrameField();
    const [first, second] = [field.allocate(278_208), field.allocate(278_208)];
    field.release(first);
    expect(field.allocate(277_000)).toBe(first);
    expect([first, second]).not.toContain(field.allocate(278_208));
  });

  it("keeps its content when it grows", () => {
    const field = new FrameField();
    const at = field.allocate(50_000);
    const content = noiseBytes(50_000, 3);
    field.bytes.set(content, at);
    const before = field.bytes.length;
    const far = field.allocate(20_000_000);
    expect(field.bytes.length).toBeGreaterThanOrEqual(before + 20_000_000 - 65_536);
    expect(field.bytes.length).toBeGreaterThanOrEqual(far + 20_000_000);
    expect(Buffer.compare(field.bytes.subarray(at, at + 50_000), content)).toBe(0);
    field.bytes.copyWithin(far + 19_950_000, at, at + 50_000);
    field.parity(far + 19_950_000, 1, 50_000, 1, far);
    expect(Buffer.compare(field.bytes.subarray(far, far + 50_000), content)).toBe(0);
  });

  it("is a field's own", () => {
    const [one, other] = [new FrameField(), new FrameField()];
    one.bytes.fill(7, one.allocate(100));
    expect(other.bytes.subarray(other.allocate(100)).includes(7)).toBe(false);
  });

  it("ends at 256 MiB, and what came back can be had again", () => {
    const field = new FrameField();
    const half = field.allocate(0x800_0000);
    expect(() => field.allocate(0x800_0000)).toThrow(RangeError);
    field.release(half);
    expect(field.allocate(0x800_0000)).toBe(half);
    for (const size of [0x1000_0001, -1, Number.NaN, Infinity]) expect(() => field.allocate(size)).toThrow(RangeError);
  });

  it("takes back only what it gave, once", () => {
    const field = new FrameField();
    const at = field.allocate(100);
    expect(() => field.release(at + 16)).toThrow(RangeError);
    field.release(at);
    expect(() => field.release(at)).toThrow(RangeError);
  });
});

it("is built of the source beside it: clang-14 and lld-14 make the same bytes of it", () => {
  expectRebuilt("mctp", "field.wasm");
}, 60_000);
