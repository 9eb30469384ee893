import { describe, expect, it } from "vitest";
import { compressorFor, policySchema, quorumOf } from "../../config/policy.ts";
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
