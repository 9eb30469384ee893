import { describe, expect, it } from "vitest";
import { ceilingsOf, compressorFor, policyProblems, policySchema, quorumOf } from "../../config/policy.ts";
import type { Policy } from "../../config/policy.ts";
import { compileSchema } from "../../config/validate.ts";

function policy(given: object = {}): Policy {
  const checked = compileSchema(policySchema)(given);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return checked.value;
}

describe("compressorFor", () => {
  it.each([
    ["index.html", "zstd"],
    ["a/b.JPG", "none"],
    ["a.tar.gz", "none"],
    ["LICENSE", "zstd"],
    ["dir.zip/page", "zstd"],
    [".gz", "zstd"],
    ["a.", "zstd"],
  ])("by default gives %s to %s", (path, name) => expect(compressorFor(policy(), path)).toBe(name));

  it("takes the first rule that fits, and nothing without one", () => {
    const rules = {
      compress: [
        { types: ["html"], use: "gzip" },
        { types: ["css", "html"], use: "brotli" },
      ],
    };
    expect(["a.html", "a.css", "a.js", "html"].map((path) => compressorFor(policy(rules), path))).toEqual([
      "gzip",
      "brotli",
      "none",
      "none",
    ]);
  });
});

describe("quorumOf", () => {
  it.each<[string, number, number]>([
    ["100%", 7, 7],
    ["80%", 7, 6],
    ["1%", 7, 1],
    ["50%", 4, 2],
    ["3", 7, 3],
    ["9", 7, 7],
    ["100%", 0, 0],
  ])("takes %s of %d nodes for %d", (quorum, nodes, least) => expect(quorumOf(policy({ quorum }), nodes)).toBe(least));
});

describe("ceilings of what leaders send", () => {
  it("are told in bytes a second and minutes since midnight, in the order in which they stand", () => {
    const segmentCeilings = [
      { most: "10 MB", hours: "08:00-18:30" },
      { most: "64 KiB", hours: "22:00-06:00" },
      { most: "100 MB" },
    ];
    expect(ceilingsOf(policy({ segmentCeilings }))).toEqual([
      { bytesPerSecond: 10_000_000, fromMinute: 480, toMinute: 1_110 },
      { bytesPerSecond: 65_536, fromMinute: 1_320, toMinute: 360 },
      { bytesPerSecond: 100_000_000, fromMinute: 0, toMinute: 0 },
    ]);
    expect(ceilingsOf(policy())).toEqual([]);
  });

  it.each(["8:00-18:00", "08:00", "24:00-06:00", "08:60-09:00", "08:00 - 18:00", "08:00-18:00x"])(
    "have no hours like '%s'",
    (hours) => expect(() => policy({ segmentCeilings: [{ most: "1 MB", hours }] })).toThrow("hours"),
  );

  it("let something through", () => {
    const problems = (most: string) => policyProblems(policy({ segmentCeilings: [{ most: "1 MB" }, { most }] }));
    expect(problems("1 B")).toEqual([]);
    expect(problems("0 B")).toMatchObject([{ path: ["segmentCeilings", 1, "most"] }]);
  });
});
