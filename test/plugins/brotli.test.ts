import { brotliDecompressSync, crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { recordingHost, testCompressor, testCompressorInThreads, testPlugin, textBytes } from "distributary/testkit";
import brotli from "../../plugins/brotli/index.ts";
import { expectDamaged } from "./expect-damaged.ts";

const optionsInvalid = expect.objectContaining({ code: "DIST_ERR_OPTIONS_INVALID" });

testPlugin(brotli);
testCompressor("brotli", () => recordingHost(brotli).compressors.get("brotli"));
testCompressorInThreads("brotli", new URL("../../plugins/brotli/index.ts", import.meta.url).href);

describe("brotli", () => {
  const { compress, decompress } = recordingHost(brotli).compressors.get("brotli");
  const text = textBytes(50_000);

  it("writes a Brotli stream and the CRC-32 of the plain block", () => {
    const compressed = Buffer.from(compress(text));
    expect(Buffer.compare(brotliDecompressSync(compressed.subarray(0, -4)), text)).toBe(0);
    expect(compressed.readUInt32LE(compressed.length - 4)).toBe(crc32(text));
  });

  it("refuses a stream that restores well but to something else", () => {
    const other = Buffer.from(compress(textBytes(50_000, 2)));
    other.writeUInt32LE(crc32(text), other.length - 4);
    expectDamaged("brotli", () => decompress(other, text.length));
  });

  it("obeys its level", () => {
    const sizeAt = (level: number) => recordingHost(brotli, { level }).compressors.get("brotli").compress(text).length;
    expect(sizeAt(9)).toBeLessThan(sizeAt(0));
  });

  it("refuses a level out of range", () => {
    for (const level of [-1, 12, 2.5]) {
      expect(() => recordingHost(brotli, { level })).toThrow(optionsInvalid);
    }
  });

  it("says what is wrong with a block, and what Brotli said", () => {
    const compressed = compress(text);
    const cut = Buffer.concat([compressed.subarray(0, 50), compressed.subarray(-4)]);
    expect(expectDamaged("brotli", () => decompress(cut, text.length)).cause).toBeInstanceOf(Error);
    expectDamaged("brotli", () => decompress(compressed, text.length + 1));
    expectDamaged("brotli", () => decompress(compressed.subarray(0, 4), 0));
  });
});
