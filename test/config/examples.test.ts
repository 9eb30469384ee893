import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { exportConfig } from "../../config/export.ts";
import { configJsonSchema, configJsonSchemaText } from "../../config/json-schema.ts";
import { readConfig, loadConfig } from "../../config/load.ts";
import { loadLocalPolicy, rootOf } from "../../config/local-policy.ts";

const directory = join(import.meta.dirname, "../../config/examples");
const examples = readdirSync(directory).filter((name) => name.endsWith(".yaml") && name !== "local-policy.yaml");

const schemaAjv = new Ajv({ strict: false, validateFormats: false });

describe.each(examples)("the example %s", (name) => {
  const file = join(directory, name);
  const { config } = loadConfig(file);

  it("has all that control and agents need, and content", () => {
    expect(config.control?.link).toBe(config.agent?.control);
    expect(Object.keys(config.sites)).not.toEqual([]);
    for (const { staging } of Object.values(config.sites)) expect(existsSync(join(staging, "index.html"))).toBe(true);
  });

  it("comes with a local policy that gives each node of this host a place of its own", () => {
    const policy = loadLocalPolicy(config.agent?.policy);
    expect(rootOf(policy, "blog", "a")).not.toBe(rootOf(policy, "blog", "b"));
    expect(config.agent?.data).toContain("{name}");
  });

  it("lists plugins that are there", () => {
    for (const { use } of config.plugins) if (use.startsWith(".")) expect(existsSync(join(directory, use))).toBe(true);
  });

  it("is what editors are told a configuration is", () => {
    const validate = schemaAjv.compile(configJsonSchema());
    expect(validate(parse(readFileSync(file, "utf8"))), JSON.stringify(validate.errors)).toBe(true);
  });

  it("is the same after it was written out and read again", () => {
    const { groups, sites, policies } = config;
    const text = exportConfig(config);
    const again = readConfig(text, "/elsewhere/export.yaml").config;
    expect({ groups: again.groups, sites: again.sites, policies: again.policies }).toEqual({ groups, sites, policies });
    expect(exportConfig(again)).toBe(text);
  });
});

describe("distributary.schema.json", () => {
  it("is what `node config/json-schema.ts` writes", () => {
    expect(readFileSync(join(directory, "../distributary.schema.json"), "utf8")).toBe(configJsonSchemaText());
  });

  it.each([
    ["a misspelt option", { groups: { web: { node: [] } } }],
    ["a secret in plain", { control: { database: { url: "postgres://x" } } }],
    ["a policy that is a list", { sites: { www: { staging: "a", group: "b", policy: [] } } }],
  ])("refuses %s", (_, value) => {
    expect(schemaAjv.validate(configJsonSchema(), value)).toBe(false);
  });

  it("takes short forms", () => {
    const value = {
      plugins: ["gzip", { use: "a", options: { b: 1 } }],
      policies: { p: { quorum: 3, pieceBytes: 65536 } },
      control: { database: { url: { env: "DB" } } },
    };
    expect(schemaAjv.validate(configJsonSchema(), value), JSON.stringify(schemaAjv.errors)).toBe(true);
  });
});

describe("exportConfig", () => {
  it("does not depend on the order of what it gets", () => {
    const one = "groups:\n  b: { match: { labels: { y: 'true', x: '007' } } }\n  a: { nodes: [n] }\n";
    const other = "groups:\n  a: { nodes: [n] }\n  b: { match: { labels: { x: '007', y: 'true' } } }\n";
    const text = exportConfig(readConfig(one, "a.yaml").config);
    expect(exportConfig(readConfig(other, "a.yaml").config)).toBe(text);
    expect(text).toBe(`groups:
  a:
    nodes:
      - n
  b:
    nodes: []
    match:
      labels:
        x: "007"
        y: "true"

segments: {}

sites: {}

policies: {}
`);
  });

  it("keeps text that looks like something else", () => {
    const labels = {
      a: "1e3",
      b: "null",
      c: "~",
      d: "- x",
      e: "a: b #c",
      f: " x ",
      g: "0x1",
      h: "*a",
      i: "!t",
      j: "line\nline",
      k: "ä\u0007",
      l: "",
      "m n": "yes",
    };
    const config = { groups: { g: { nodes: [], match: { labels } } }, segments: {}, sites: {}, policies: {} };
    expect(readConfig(exportConfig(config), "a.yaml").config.groups).toEqual(config.groups);
  });
});
