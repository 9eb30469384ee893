import { describe, expect, it } from "vitest";
import { isName, parseAddress } from "../../config/formats.ts";
import { didYouMean } from "../../config/suggest.ts";
import { formatBytes, formatDuration, parseBytes, parseDuration } from "../../config/units.ts";

describe("durations", () => {
  it.each([
    ["250ms", 250],
    ["30s", 30_000],
    ["5m", 300_000],
    ["12h", 43_200_000],
    ["7d", 604_800_000],
    ["1h30m", 5_400_000],
    ["1.5s", 1500],
    ["0s", 0],
  ])("reads %s", (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each([
    "",
    "5",
    "s",
    "5 s",
    "-5s",
    "5sec",
    "5M",
    "1e3s",
    "5s ",
    " 5s",
    "999999999999d",
    "150119987579m",
    ".5s",
    "5s5",
  ])("refuses '%s'", (text) => {
    expect(() => parseDuration(text)).toThrow(RangeError);
  });

  it.each([
    [0, "0ms"],
    [0.4, "0ms"],
    [999, "999ms"],
    [999.6, "1s"],
    [1000, "1s"],
    [1500, "1.5s"],
    [59_940, "59.9s"],
    [59_960, "1m"],
    [60_000, "1m"],
    [125_000, "2m5s"],
    [3_599_700, "1h"],
    [3_600_000, "1h"],
    [12_000_000, "3h20m"],
    [86_399_999, "1d"],
    [187_200_000, "2d4h"],
    [-1500, "-1.5s"],
  ])("writes %d ms as %s", (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe("sizes", () => {
  it.each([
    ["512", 512],
    ["512 B", 512],
    ["64 KiB", 65_536],
    ["64KiB", 65_536],
    ["1.5 MiB", 1_572_864],
    ["10 GiB", 10_737_418_240],
    ["1 kB", 1000],
    ["2 TB", 2e12],
    ["0", 0],
  ])("reads %s", (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  it.each(["", "64 K", "64 kib", "-1", "1e3", "1  MiB", "MiB", "9999999999999999", "99999 TiB 1", "0x10"])(
    "refuses '%s'",
    (text) => {
      expect(() => parseBytes(text)).toThrow(RangeError);
    },
  );

  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [1_048_575, "1 MiB"],
    [4 * 2 ** 30, "4 GiB"],
    [2 ** 50, "1024 TiB"],
  ])("writes %d as %s", (bytes, text) => expect(formatBytes(bytes).replace(".0 ", " ")).toBe(text));
});

describe("addresses and names", () => {
  it.each([
    ["127.0.0.1:7400", { host: "127.0.0.1", port: 7400 }],
    [":0", { host: "", port: 0 }],
    ["control.example.org:65535", { host: "control.example.org", port: 65_535 }],
    ["[::1]:80", { host: "::1", port: 80 }],
  ])("reads %s", (text, address) => expect(parseAddress(text)).toEqual(address));

  it.each(["", "localhost", "a:b", "a:65536", "::1:80", "http://a:80", "a b:80", "-a:80", "a:80/", "a\n:80"])(
    "refuses '%s'",
    (text) => {
      expect(() => parseAddress(text)).toThrow(RangeError);
    },
  );

  it("knows a name", () => {
    expect(["a", "web-eu-1", "9", "x".repeat(63)].every(isName)).toBe(true);
    expect(["", "-a", "a-", "A", "a.b", "a_b", "x".repeat(64), "a\n", "ä"].some(isName)).toBe(false);
  });
});

describe("didYouMean", () => {
  it.each([
    ["levl", "level"],
    ["lveel", "level"],
    ["LEVEL", "level"],
    ["piece-bytes", "pieceBytes"],
    ["grups", "groups"],
    ["zebra", undefined],
    ["x", undefined],
    ["", undefined],
  ])("takes %s for %s", (word, known) => {
    expect(didYouMean(word, ["groups", "level", "pieceBytes", "sites"])).toBe(known);
  });

  it("takes the nearest", () => expect(didYouMean("gzap", ["zap", "gzip-ng", "gzip"])).toBe("zap"));
});
