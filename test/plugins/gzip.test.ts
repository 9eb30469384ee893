import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { recordingHost, testCompressor, testCompressorInThreads, testPlugin, textBytes } from "distributary/testkit";
import gzip from "../../plugins/gzip/index.ts";
import { expectDamaged } from "./expect-damaged.ts";

const optionsInvalid = expect.objectContaining({ code: "DIST_ERR_OPTIONS_INVALID" });

testPlugin(gzip);
testCompressor("gzip", () => recordingHost(gzip).compressors.get("gzip"));
testCompressorInThreads("gzip", new URL("../../plugins/gzip/index.ts", import.meta.url).href);

describe("gzip", () => {
  const { compress, decompress } = recordingHost(gzip).compressors.get("gzip");
  const text = textBytes(50_000);

  it("writes what every gzip reads", () => {
    expect(Buffer.compare(gunzipSync(compress(text)), text)).toBe(0);
  });

  it("restores what every gzip writes", () => {
    expect(Buffer.compare(decompress(gzipSync(text, { level: 9 }), text.length), text)).toBe(0);
  });

  it("obeys its level", () => {
    const sizeAt = (level: number) => recordingHost(gzip, { level }).compressors.get("gzip").compress(text).length;
    expect(sizeAt(9)).toBeLessThan(sizeAt(1));
  });

  it("refuses a level out of range and an option it does not have", () => {
    for (const options of [{ level: 0 }, { level: 10 }, { level: 1.5 }, { levl: 6 }]) {
      expect(() => recordingHost(gzip, options)).toThrow(optionsInvalid);
    }
  });

  it("says what is wrong with a block, and what zlib said", () => {
    const compressed = compress(text);
    const cut = expectDamaged("gzip", () => decompress(compressed.subarray(0, -1), text.length));
    expect(cut.cause).toMatchObject({ code: "Z_BUF_ERROR" });
    const long = expectDamaged("gzip", () => decompress(compressed, text.length - 1));
    expect(long.cause).toMatchObject({ code: "ERR_BUFFER_TOO_LARGE" });
    expectDamaged("gzip", () => decompress(compressed, text.length + 1));
    expectDamaged("gzip", () => decompress(Buffer.concat([compressed, Uint8Array.of(0)]), text.length));
  });
});
