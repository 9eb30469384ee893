import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  noiseBytes,
  recordingHost,
  testCompressor,
  testCompressorInThreads,
  testPlugin,
  textBytes,
} from "distributary/testkit";
import zstd from "../../plugins/zstd/index.ts";
import { expectDamaged } from "./expect-damaged.ts";

const optionsInvalid = expect.objectContaining({ code: "DIST_ERR_OPTIONS_INVALID" });

testPlugin(zstd);
testCompressor("zstd", () => recordingHost(zstd).compressors.get("zstd"));
testCompressorInThreads("zstd", new URL("../../plugins/zstd/index.ts", import.meta.url).href);

describe("zstd", () => {
  const { compress, decompress } = recordingHost(zstd).compressors.get("zstd");
  const text = textBytes(50_000);

  it("writes what every zstd reads", () => {
    expect(Buffer.compare(zstdDecompressSync(compress(text)), text)).toBe(0);
  });

  it("restores what every zstd writes", () => {
    expect(Buffer.compare(decompress(zstdCompressSync(text), text.length), text)).toBe(0);
  });

  it("finds a match at the other end of a block of 4 MiB", () => {
    const noise = noiseBytes(1024 * 1024);
    const block = Buffer.concat([noise, noiseBytes(2 * 1024 * 1024, 2), noise]);
    expect(compress(block).length).toBeLessThan(3.2 * 1024 * 1024);
  });

  it("refuses a window larger than what a block restores to", () => {
    // RFC 8878: magic, no size, a window of 2^27, one raw block that is the last: "A".
    const greedy = Buffer.from("28b52ffd" + "00" + "88" + "090000" + "41", "hex");
    expect(zstdDecompressSync(greedy).toString()).toBe("A");
    expectDamaged("zstd", () => decompress(greedy, 1));
  });

  it("obeys its level", () => {
    const sizeAt = (level: number) => recordingHost(zstd, { level }).compressors.get("zstd").compress(text).length;
    expect(sizeAt(19)).toBeLessThan(sizeAt(1));
  });

  it("refuses a level out of range", () => {
    for (const level of [0, 20, 2.5]) {
      expect(() => recordingHost(zstd, { level })).toThrow(optionsInvalid);
    }
  });

  it("says what is wrong with a block, and what zstd said", () => {
    const compressed = compress(text);
    const cut = expectDamaged("zstd", () => decompress(compressed.subarray(0, -1), text.length));
    expect(cut.cause).toBeInstanceOf(Error);
    expectDamaged("zstd", () => decompress(compressed, text.length + 1));
    expectDamaged("zstd", () => decompress(Buffer.concat([compressed, compressed]), text.length));
  });
});
