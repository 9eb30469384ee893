import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DistributaryError } from "distributary/sdk";
import { checkConfig } from "../../config/check.ts";
import { exportConfig } from "../../config/export.ts";
import { readConfig } from "../../config/load.ts";

const directory = join(import.meta.dirname, "../../config/examples");
const examples = readdirSync(directory)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => readFileSync(join(directory, name), "utf8"));
const pieces = [
  ..."\n |\t|: |- |? |[|]|{|}|&a |*a|!!str |!x |# |'|\"|\\|>\n|,|<<: *a|---\n|...\n|%YAML 1.1\n".split("|"),
  ..."\0|\u2028|\ud800|\ufeff|~|null|.nan|-.inf|0x7f|1e999".split("|"),
  "|",
  "__proto__: ",
  "constructor: ",
  "? [a]\n: ",
  "toString",
  "9".repeat(400),
  "- ".repeat(80),
  "[".repeat(80),
];

/** Numbers below `limit`, the same for the same seed (Mulberry32). */
function createChance(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

function mutate(text: string, chance: (limit: number) => number): string {
  let result = text;
  for (let count = 1 + chance(6); count > 0; count -= 1) {
    const at = chance(result.length + 1);
    const length = chance(4) === 0 ? chance(200) : chance(4);
    const from = chance(result.length + 1);
    const inserted =
      [
        pieces[chance(pieces.length)] ?? "",
        result.slice(from, from + chance(100)),
        String.fromCharCode(chance(128)),
        "",
      ][chance(4)] ?? "";
    result = result.slice(0, at) + inserted + result.slice(at + length);
  }
  return result;
}

describe("a mutated configuration", () => {
  it("is read, or refused with lines and nothing else", { timeout: 120_000 }, () => {
    const knowledge = {
      plugins: new Map(),
      providers: { deltas: [], compressors: [], ciphers: [], transports: [], priorities: [], interpreters: [] },
    };
    let readCount = 0;
    for (let seed = 1; seed <= 1500; seed += 1) {
      const chance = createChance(seed);
      const text = mutate(examples[chance(examples.length)] ?? "", chance);
      try {
        const loaded = readConfig(text, "fuzz.yaml");
        const again = readConfig(exportConfig(loaded.config), "fuzz.yaml").config;
        expect(again.sites, `seed ${seed}`).toEqual(loaded.config.sites);
        readCount += 1;
        checkConfig(loaded, knowledge);
      } catch (error) {
        expect(error, `seed ${seed}`).toBeInstanceOf(DistributaryError);
        expect((error as DistributaryError).describe(), `seed ${seed}`).toMatch(
          /^DIST_ERR_CONFIG_INVALID {2}fuzz\.yaml:[1-9]/,
        );
      }
    }
    expect(readCount).toBeGreaterThan(50);
  });
});
