import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { readArguments } from "../../../../core/cli/terminal/arguments.ts";
import { configOption, defineCommand, jsonOption } from "../../../../core/cli/terminal/command.ts";

const publish = defineCommand({
  name: "publish",
  summary: "Publishes a site.",
  options: {
    type: "object",
    required: ["site"],
    properties: {
      site: { type: "string", format: "name", description: "The site." },
      paths: { type: "array", items: { type: "string" }, default: [], description: "Only these." },
      nodes: { type: "array", items: { type: "string", format: "name" }, default: [], description: "Only there." },
      wait: { type: "boolean", default: true, description: "Waits until it is live." },
      maxNodes: { type: "integer", minimum: 1, default: 3, description: "At most so many." },
      commit: { type: "string", enum: ["auto", "manual"], description: "When it goes live." },
      config: configOption,
      json: jsonOption,
    },
  },
  positionals: ["site", "paths"],
  short: { c: "config", n: "nodes", j: "json" },
  run: () => 0,
});

const read = (...args: string[]) => {
  const result = readArguments(publish, args, "distributary");
  return result.help ? "help" : result.values;
};

describe("readArguments", () => {
  it("fills in defaults", () => {
    expect(read("www")).toEqual({
      site: "www",
      paths: [],
      nodes: [],
      wait: true,
      maxNodes: 3,
      config: resolve("distributary.yaml"),
      json: false,
    });
  });

  it.each<[string, string[], object]>([
    ["a value behind the option", ["www", "--max-nodes", "5"], { maxNodes: 5 }],
    ["a value behind `=`", ["--max-nodes=5", "www"], { maxNodes: 5, site: "www" }],
    ["a letter", ["www", "-c", "/a.yaml"], { config: "/a.yaml" }],
    ["letters together", ["www", "-jn", "a"], { json: true, nodes: ["a"] }],
    ["a list", ["www", "-n", "a", "--nodes", "b"], { nodes: ["a", "b"] }],
    ["a flag turned off", ["www", "--no-wait"], { wait: false }],
    ["the last of two flags", ["www", "--no-wait", "--wait"], { wait: true }],
    ["all positionals that remain", ["www", "a.html", "b.html"], { paths: ["a.html", "b.html"] }],
    ["what stands behind `--` as it is", ["www", "--", "--json"], { paths: ["--json"], json: false }],
    ["a value that begins with a hyphen", ["www", "--config=-a.yaml"], { config: resolve("-a.yaml") }],
  ])("reads %s", (_, args, values) => expect(read(...args)).toMatchObject(values));

  it.each([[["--help"]], [["www", "-h"]], [["--max-nodes", "x", "--help"]]])("asks for help with %j", (args) => {
    expect(read(...args)).toBe("help");
  });

  it.each<[string, string[], string]>([
    ["an unknown option", ["www", "--wiat"], "there is no option '--wiat', did you mean '--wait'?"],
    ["an unknown letter", ["www", "-x"], "there is no option '-x'"],
    ["a positional given by name", ["--site", "www"], "there is no option '--site'"],
    ["something missing", [], "<site> is required"],
    [
      "a wrong positional",
      ["WWW"],
      "<site> must be a name of at most 63 lower-case letters, digits and hyphens, not 'WWW'",
    ],
    ["a wrong value", ["www", "--max-nodes", "many"], "--max-nodes must be a whole number, not 'many'"],
    ["a value out of range", ["www", "--max-nodes", "0"], "--max-nodes must be at least 1"],
    [
      "a wrong choice",
      ["www", "--commit", "manuel"],
      "--commit must be one of auto, manual, not 'manuel', did you mean 'manual'?",
    ],
    [
      "a wrong item",
      ["www", "-n", "A"],
      "--nodes must be a name of at most 63 lower-case letters, digits and hyphens, not 'A'",
    ],
    ["a missing value", ["www", "--config"], "--config needs a value"],
    ["an option in place of a value", ["www", "--config", "--json"], "--config needs a value"],
    ["a value for a flag", ["www", "--json=yes"], "--json takes no value"],
    ["an option given twice", ["www", "--config=a", "--config=b"], "--config stands there twice"],
    [
      "a flag that cannot be turned off",
      ["www", "--no-config"],
      "there is no option '--no-config', did you mean '--config'?",
    ],
    ["an unknown flag turned off", ["www", "--no-zebra"], "there is no option '--no-zebra'"],
    ["several things", ["--max-nodes=0"], "<site> is required; --max-nodes must be at least 1"],
    ["control characters", ["www", "--\x1b[2J"], "there is no option '--\\x1b[2J'"],
    ["a key of the prototype", ["www", "--constructor"], "there is no option '--constructor'"],
  ])("refuses %s", (_, args, problem) => {
    expect(() => read(...args)).toThrow(
      expect.objectContaining({ code: "DIST_ERR_USAGE", message: `distributary publish: ${problem}` }),
    );
  });

  it("refuses what is too much", () => {
    const command = defineCommand({
      name: "jobs",
      summary: "Lists jobs.",
      options: { type: "object", properties: {} },
      run: () => 0,
    });
    expect(() => readArguments(command, ["x"], "d")).toThrow("d jobs: 'x' is too much");
  });
});
