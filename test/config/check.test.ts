import { describe, expect, it } from "vitest";
import { ConfigError } from "../../config/config-error.ts";
import { checkConfig } from "../../config/check.ts";
import type { Knowledge } from "../../config/check.ts";
import { readConfig } from "../../config/load.ts";

const knowledge: Knowledge = {
  plugins: new Map([
    [
      "gzip",
      {
        type: "object",
        properties: {
          level: { type: "integer", minimum: 1, maximum: 9, default: 6, description: "A level." },
          key: { type: "string", format: "secret", description: "A key." },
        },
      },
    ],
    ["plain", undefined],
  ]),
  providers: {
    deltas: ["rsync", "whole"],
    compressors: ["gzip", "zstd"],
    ciphers: ["aes-256-gcm"],
    transports: ["http", "mctp"],
    priorities: ["default"],
    interpreters: ["posix", "windows"],
  },
};

function check(text: string): string {
  try {
    checkConfig(readConfig(text, "web.yaml"), knowledge);
    return "";
  } catch (error) {
    if (error instanceof ConfigError) return error.describe().replaceAll("DIST_ERR_CONFIG_INVALID  ", "");
    throw error;
  }
}

describe("checkConfig", () => {
  it("finds nothing wrong with the defaults", () => {
    expect(check("policies: { default: {}, other: { encrypt: aes-256-gcm, interpreter: posix } }")).toBe("");
  });

  it("finds names that no plugin provides, with their lines", () => {
    const text = `
policies:
  slow:
    delta: rsnyc
    compress:
      - { types: [html], use: gzip }
      - { types: [css], use: zst }
    encrypt: aes
    priority: fastest
    transport: htp
    interpreter: posx
`;
    expect(check(text)).toBe(
      `web.yaml:4  policies.slow.delta: no delta engine named 'rsnyc', did you mean 'rsync'?
  hint: known: rsync, whole; others come with a plugin listed under \`plugins:\`
web.yaml:7  policies.slow.compress[1].use: no compressor named 'zst', did you mean 'zstd'?
  hint: known: gzip, none, zstd; others come with a plugin listed under \`plugins:\`
web.yaml:8  policies.slow.encrypt: no cipher named 'aes'
  hint: known: aes-256-gcm, none; others come with a plugin listed under \`plugins:\`
web.yaml:9  policies.slow.priority: no priority named 'fastest'
  hint: known: default; others come with a plugin listed under \`plugins:\`
web.yaml:10  policies.slow.transport: no transport named 'htp', did you mean 'http'?
  hint: known: http, mctp; others come with a plugin listed under \`plugins:\`
web.yaml:11  policies.slow.interpreter: no interpreter named 'posx', did you mean 'posix'?
  hint: known: native, posix, windows; others come with a plugin listed under \`plugins:\``,
    );
  });

  it("looks into a site's own policy", () => {
    const text =
      "groups: { web: {} }\nsites:\n  www:\n    staging: a\n    group: web\n    policy:\n      encrypt: rot13";
    expect(check(text)).toMatch(/^web.yaml:7 {2}sites.www.policy.encrypt: no cipher named 'rot13'\n/);
  });

  it("checks the options of plugins against their schemas", () => {
    expect(
      check("plugins:\n  - use: gzip\n    options:\n      levl: 3\n  - use: plain\n    options: { a: 1 }\n  - unknown"),
    ).toBe(
      `web.yaml:4  plugins[0].options: has no option 'levl', did you mean 'level'?
  hint: known: level, key
web.yaml:6  plugins[1].options: has no option 'a'
  hint: it takes no options`,
    );
  });

  it("reads no secrets", () => {
    expect(check("plugins:\n  - use: gzip\n    options: { key: { env: DISTRIBUTARY_NOT_SET } }")).toBe("");
  });
});

it("checkConfig knows who ranks the nodes of a segment", () => {
  expect(check("segments: { hall: { priority: default } }\n")).toBe("");
  expect(check("segments: { hall: { priority: defualt } }\n")).toContain(
    "web.yaml:1  segments.hall.priority: no priority named 'defualt', did you mean 'default'?",
  );
});
