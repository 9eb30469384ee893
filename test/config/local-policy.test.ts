import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DistributaryError } from "distributary/sdk";
import { loadLocalPolicy, rootOf } from "../../config/local-policy.ts";

const directory = mkdtempSync(join(tmpdir(), "local-policy-"));
afterAll(() => rmSync(directory, { recursive: true }));

function load(text: string) {
  const file = join(directory, "policy.yaml");
  writeFileSync(file, text);
  return loadLocalPolicy(file);
}

function describeError(text: string): string {
  try {
    load(text);
    return "";
  } catch (error) {
    if (error instanceof DistributaryError)
      return error.describe().replaceAll(`DIST_ERR_CONFIG_INVALID  ${directory}/`, "");
    throw error;
  }
}

describe("loadLocalPolicy", () => {
  it("allows files and nothing else by default", () => {
    expect(loadLocalPolicy()).toMatchObject({
      roots: { "*": "/srv/{site}" },
      extensions: [],
      reload: {},
      probe: {},
      keepReleases: 2,
    });
  });

  it("reads what is allowed", () => {
    const policy = load(
      `roots: { www: ./www }
extensions: [x-reload]
reload: { www: [nginx, -s, reload] }
probe: { www: 'http://127.0.0.1/' }
maxBytes: 1024`,
    );
    expect(policy).toMatchObject({
      roots: { www: join(directory, "www") },
      reload: { www: ["nginx", "-s", "reload"] },
      maxBytes: "1024",
    });
  });

  it("says what is wrong, with lines", () => {
    const text = `roots:
  ../x: /srv
extensions: [reload]
reload:
  www: nginx -s reload
probe:
  www: ftp://a
keepRelease: 3`;
    expect(describeError(text)).toBe(
      `policy.yaml:2  roots."../x": is not the name of a site
policy.yaml:3  extensions[0]: cannot be 'reload'
  hint: The kind of an extension command, like \`x-reload\`.
policy.yaml:5  reload.www: must be a list, not 'nginx -s reload'
policy.yaml:7  probe.www: cannot be 'ftp://a'
  hint: A URL that begins with \`http://\` or \`https://\`.
policy.yaml:8  has no option 'keepRelease', did you mean 'keepReleases'?
  hint: known: roots, extensions, maxEntries, maxBytes, maxFileBytes, names, symlinks, reload, probe, keepReleases`,
    );
  });
});

describe("rootOf", () => {
  it("is the directory of the site, or what `*` says", () => {
    const policy = load("roots: { www: /var/www, '*': '/srv/{name}/{site}' }");
    expect(rootOf(policy, "www", "a")).toBe("/var/www");
    expect(rootOf(policy, "blog", "a")).toBe("/srv/a/blog");
  });

  it("is nothing for a site that is not named when there is no `*`", () => {
    expect(rootOf(load("roots: { www: /var/www }"), "blog", "a")).toBeUndefined();
    expect(rootOf(load("roots: {}"), "www", "a")).toBeUndefined();
  });

  it("is nothing for names that are none", () => {
    const policy = loadLocalPolicy();
    expect(["../etc", "", ".", "__proto__", "a/b", "*"].map((site) => rootOf(policy, site, "a"))).toEqual(
      Array(6).fill(undefined),
    );
    expect(rootOf(policy, "www", "../a")).toBeUndefined();
    expect(rootOf(policy, "constructor", "a")).toBe("/srv/constructor");
  });
});
