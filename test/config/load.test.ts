import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { isFailure } from "distributary/sdk";
import { ConfigError } from "../../config/config-error.ts";
import { loadConfig, readConfig } from "../../config/load.ts";
import { redactConfig } from "../../config/redact.ts";

const directory = mkdtempSync(join(tmpdir(), "load-"));
afterAll(() => rmSync(directory, { recursive: true }));

function errorOf(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("it did not throw");
}

describe("a wrong configuration", () => {
  const bad = join(import.meta.dirname, "bad");
  // Each file begins with what is to be said about it.
  it.each(readdirSync(bad))("is told what is wrong: %s", (name) => {
    const text = readFileSync(join(bad, name), "utf8");
    const expected = /^(?:# .*\n)+/.exec(text)?.[0].replaceAll(/^# /gm, "");
    expect(`${errorOf(() => readConfig(text, name)).describe()}\n`).toBe(expected);
  });

  it("says the code, the file and the first problem in its message", () => {
    const error = errorOf(() => readConfig("group: {}", "web.yaml"));
    expect(isFailure(error, "DIST_ERR_CONFIG_INVALID")).toBe(true);
    expect(error.message).toBe(
      "'web.yaml' is not a valid configuration (1 wrong): web.yaml:1 has no option 'group', did you mean 'groups'?",
    );
    expect(error.problems).toHaveLength(1);
  });

  it("describes no more than 30 problems", () => {
    const text = `groups:\n${Array.from({ length: 100 }, (_, at) => `  G${at}: {}\n`).join("")}`;
    const lines = errorOf(() => readConfig(text, "a.yaml"))
      .describe()
      .split("\n");
    expect(lines).toHaveLength(31);
    expect(lines.at(-1)).toBe("… and 70 more");
  });

  it.each<[string, () => string]>([
    ["missing", () => join(directory, "missing.yaml")],
    ["a directory", () => directory],
    ["too long", () => write("long.yaml", "#".repeat(1_048_577))],
    ["not UTF-8", () => write("latin.yaml", Buffer.from([0x67, 0xe9, 0x3a]))],
  ])("is not read if the file is %s", (_, file) => {
    expect(() => loadConfig(file())).toThrow(expect.objectContaining({ code: "DIST_ERR_CONFIG_READ" }));
  });

  it("is read in reasonable time, whatever is in it", { timeout: 30_000 }, () => {
    const manyKeys = Array.from({ length: 60_000 }, (_, at) => `k${at}: 1`).join("\n");
    const manyGroups = `groups:\n${manyKeys.replaceAll(/^/gm, "  ")}`;
    const deepLines = Array.from({ length: 1400 }, (_, at) => `${" ".repeat(at)}a:`).join("\n");
    const inOneLine = ["[", "- ", "{a: ", "? ", ": ", "&a ", "'", "a: &a [*a, "].map((part) =>
      part.repeat(200_000 / part.length),
    );
    for (const text of [manyKeys, manyGroups, deepLines, ...inOneLine]) {
      expect(errorOf(() => readConfig(text, "a.yaml"))).toBeInstanceOf(ConfigError);
    }
  });
});

function write(name: string, content: string | Uint8Array): string {
  const file = join(directory, name);
  writeFileSync(file, content);
  return file;
}

describe("loadConfig", () => {
  it("takes an empty file for a configuration without anything", () => {
    expect(loadConfig(write("empty.yaml", "# nothing\n")).config).toEqual({
      plugins: [],
      groups: {},
      segments: {},
      sites: {},
      policies: {},
    });
  });

  it("writes out what was written shortly", () => {
    const text =
      "plugins:\n  - gzip\n  - use: ./a.ts\n    as: b\n    options: { x: [1] }\npolicies:\n  p: { quorum: 3 }\n";
    const { config } = readConfig(text, "/etc/d/web.yaml");
    expect(config.plugins).toEqual([
      { use: "gzip", options: {}, where: "/etc/d/web.yaml:2" },
      { use: "./a.ts", as: "b", options: { x: [1] }, where: "/etc/d/web.yaml:3" },
    ]);
    expect(config.policies["p"]?.quorum).toBe("3");
  });

  it("makes paths absolute, from the directory of the file", () => {
    const { config, directory: base } = readConfig(
      "control: {}\nsites: { www: { staging: ../www, group: web } }\ngroups: { web: {} }",
      "/etc/d/web.yaml",
    );
    expect(base).toBe("/etc/d");
    expect(config.control?.data).toBe("/etc/d/data");
    expect(config.sites["www"]?.staging).toBe("/etc/www");
  });

  it("keeps a name for a policy, and fills in a policy of the site's own", () => {
    const site = "staging: a, group: web";
    const text = `groups: { web: {} }\nsites:\n  a: { ${site} }\n  b: { ${site}, policy: { retry: 1h } }`;
    const { sites } = readConfig(text, "a.yaml").config;
    expect(sites["a"]?.policy).toBe("default");
    expect(sites["b"]?.policy).toMatchObject({
      retry: "1h",
      delta: "rsync",
      compress: expect.arrayContaining([{ types: ["*"], use: "zstd" }]),
    });
    expect(Object.isFrozen(sites["b"]?.policy)).toBe(true);
  });

  it("writes out aliases, and shares nothing", () => {
    const { groups } = readConfig("groups:\n  a: &a { nodes: [x] }\n  b: *a\n", "a.yaml").config;
    expect(groups["b"]).toEqual({ nodes: ["x"] });
    expect(groups["b"]).not.toBe(groups["a"]);
  });

  it("locates values, and what is not there by what is around it", () => {
    const { locate } = readConfig("# web\ngroups:\n  web:\n    nodes:\n      - a\n      - b\n", "web.yaml");
    expect(locate(["groups", "web", "nodes", 1])).toBe("web.yaml:6");
    expect(locate(["groups", "web", "nodes", 7])).toBe("web.yaml:4");
    expect(locate(["groups", "web"])).toBe("web.yaml:3");
    expect(locate(["groups", "other", "nodes"])).toBe("web.yaml:2");
    expect(locate([])).toBe("web.yaml:2");
  });

  const both = "control:\n  database: { url: { env: DB } }\nagent:\n  control: control:7401\n";

  it("reads secrets for the role that needs them", () => {
    const { config } = readConfig(both, "a.yaml", { role: "control", environment: { DB: "postgres://x" } });
    expect(config.control?.database?.url).toBe("postgres://x");
    expect(config.agent).toBeUndefined();
    expect(errorOf(() => readConfig(both, "a.yaml", { role: "control", environment: {} })).describe()).toBe(
      "DIST_ERR_CONFIG_INVALID  a.yaml:2  control.database.url: " +
        "refers to the environment variable 'DB', which is not set",
    );
    expect(readConfig(both, "a.yaml", { role: "agent", environment: {} }).config.control).toBeUndefined();
  });

  it("reads no secret without a role", () => {
    expect(readConfig(both, "a.yaml", { environment: { DB: "postgres://x" } }).config.control?.database?.url).toBe(
      "[secret]",
    );
  });

  it("shows no secret", () => {
    const { config } = readConfig(both, "a.yaml", { role: "control", environment: { DB: "postgres://x" } });
    const shown = redactConfig(config);
    expect(JSON.stringify(shown)).not.toContain("postgres://x");
    expect(shown.control).toEqual({ ...config.control, database: { url: "[secret]" } });
  });
});
