import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { errorCodes } from "distributary/sdk";
import { listFiles, root, sourceFiles } from "./source-files.ts";
import type { Import, SourceFile } from "./source-files.ts";

const files = sourceFiles();
const product = files.filter(({ path }) => !path.startsWith("test/"));
const below = (folder: string) => product.filter(({ path }) => path.startsWith(`${folder}/`));
const isBuiltIn = ({ specifier }: Import) => specifier.startsWith("node:");
const isTestkit = (path: string) => path.startsWith("sdk/testkit/") || path.startsWith("sdk/template/");

/** `importer → imported` for each import that is not allowed. */
function wrong(importers: readonly SourceFile[], isAllowed: (found: Import, importer: string) => boolean): string[] {
  return importers.flatMap(({ path, imports }) => {
    return imports.filter((found) => !isAllowed(found, path)).map(({ specifier }) => `${path} → ${specifier}`);
  });
}

describe("imports", () => {
  it("of the sdk are its own files and built-in modules", () => {
    const sdk = below("sdk").filter(({ path }) => !isTestkit(path));
    const isOwn = ({ path }: Import) => path?.startsWith("sdk/") === true && !isTestkit(path);
    expect(wrong(sdk, (found) => isBuiltIn(found) || isOwn(found))).toEqual([]);
  });

  it("of the testkit are the sdk's, built-in modules, vitest and ajv", () => {
    const packages = ["vitest", "ajv"];
    const isSdk = ({ path }: Import) => path?.startsWith("sdk/") === true;
    const isAllowed = (found: Import) => isSdk(found) || isBuiltIn(found) || packages.includes(found.specifier);
    expect(wrong(below("sdk/testkit"), isAllowed)).toEqual([]);
  });

  it("of a plugin are distributary/sdk, built-in modules and its own folder", () => {
    const plugins = below("plugins").filter(({ path }) => path !== "plugins/index.ts");
    const isOwn = ({ path }: Import, importer: string) => path?.startsWith(folderOf(importer)) === true;
    const isSdk = ({ specifier }: Import) => specifier === "distributary/sdk";
    expect(wrong(plugins, (found, importer) => isSdk(found) || isBuiltIn(found) || isOwn(found, importer))).toEqual([]);
  });

  it("of the configuration are the sdk's, its own and packages", () => {
    const isAllowed = ({ path }: Import) => path === undefined || /^(sdk|config)\/(?!testkit)/.test(path);
    // Writes the tables in the plugins' READMEs; run by hand and by tests.
    const tables = "config/option-tables.ts";
    expect(
      wrong(
        below("config").filter(({ path }) => path !== tables),
        isAllowed,
      ),
    ).toEqual([]);
  });

  it("of the core go to the left only", () => {
    expect(wrong(below("core"), ({ path }, importer) => path === undefined || mayImport(importer, path))).toEqual([]);
  });

  it("of protocols are types, so that nothing but events and time goes in", () => {
    const isAllowed = ({ isType, path }: Import) => isType || path?.startsWith("core/protocol/") === true;
    expect(wrong(below("core/protocol"), isAllowed)).toEqual([]);
  });

  it("of the product never go to tests, nor to the testkit from outside of the sdk", () => {
    const outside = product.filter(({ path }) => !path.startsWith("sdk/"));
    expect(wrong(outside, ({ path = "" }) => !path.startsWith("test/") && !isTestkit(path))).toEqual([]);
  });

  it("are no circles, not even of types", () => {
    expect(circles(files)).toEqual([]);
  });
});

describe("protocols", () => {
  const impure =
    /\b(Date|performance|process|console|set(Timeout|Interval|Immediate)|fetch|crypto|async|await)\b|Math\.random/;

  it("look at no clock, draw no random number and wait for nothing", () => {
    const found = below("core/protocol").flatMap(({ path, code }) =>
      impure.test(code) ? [`${path}: ${impure.exec(code)?.[0]}`] : [],
    );
    expect(found).toEqual([]);
  });
});

describe("error codes", () => {
  const mentioned = new Set(
    product.filter(({ path }) => path !== "sdk/error-codes.ts").flatMap(({ text }) => codesIn(text)),
  );

  it("are all used", () => {
    expect(Object.keys(errorCodes).filter((code) => !mentioned.has(code))).toEqual([]);
  });

  it("are all in the table, also those in the documentation", () => {
    const documents = listFiles("*.md").flatMap((path) => codesIn(readFileSync(join(root, path), "utf8")));
    // What an answer of the API carries when the error has no code.
    const known = new Set([...Object.keys(errorCodes), "DIST_ERR_UNEXPECTED"]);
    expect([...mentioned, ...documents].filter((code) => !known.has(code))).toEqual([]);
  });
});

describe("files", () => {
  const offenders = (isWrong: (file: SourceFile) => boolean, among = files) =>
    among.filter(isWrong).map(({ path }) => path);

  it("are called in kebab case by their subject", () => {
    const pattern = /^[a-z0-9]+([-.][a-z0-9]+)*\.(test\.|test-d\.)?ts$/;
    const vague = /^(utils?|helpers?|common|shared|misc|lib|stuff|types)\b/;
    const name = ({ path }: SourceFile) => path.slice(path.lastIndexOf("/") + 1);
    expect(offenders((file) => !pattern.test(name(file)) || vague.test(name(file)))).toEqual([]);
  });

  it("of the product are at most 300 lines long", () => {
    expect(offenders(({ text }) => text.split("\n").length - 1 > 300, product)).toEqual([]);
  });

  it("of the product are at most 120 columns wide, but for the table of error codes", () => {
    const isWide = ({ text }: SourceFile) => text.split("\n").some((line) => [...line].length > 120);
    expect(offenders(isWide, product).filter((path) => path !== "sdk/error-codes.ts")).toEqual([]);
  });

  it("have no default export, but for plugins", () => {
    const isPlugin = /^(plugins|config\/examples|sdk\/template|test\/system\/plugins)\//;
    const configuration = "vitest.config.ts";
    const exports = ({ path, code }: SourceFile) => /\bexport default\b/.test(code) && !isPlugin.test(path);
    expect(offenders((file) => exports(file) && file.path !== configuration)).toEqual([]);
  });

  it("leave nothing for later", () => {
    expect(
      offenders(({ text, path }) => /\b(TODO|FIXME|XXX|HACK)\b/.test(text) && path !== "test/tidy.test.ts"),
    ).toEqual([]);
  });

  it("switch no check off", () => {
    const switchedOff = /@ts-(ignore|nocheck)|eslint-disable|prettier-ignore/;
    expect(offenders(({ text, path }) => switchedOff.test(text) && path !== "test/tidy.test.ts")).toEqual([]);
    expect(offenders(({ code }) => /(:|\bas|<|,) *any\b(?! *=>)/.test(code))).toEqual([]);
  });

  it("skip no test and single none out", () => {
    const chosen = /\b(it|test|describe|suite)\.(skip|only|todo|skipIf|runIf|fails)\b/;
    expect(offenders(({ code }) => chosen.test(code))).toEqual([]);
  });

  it("of the sdk say of every export what it promises", () => {
    const bare = below("sdk").flatMap(({ path, text }) => {
      return [...text.matchAll(/^([^\n]*)\n(export (?!\*|type \{|\{|default)[^\n{=(]*)/gm)]
        .filter(([, before = ""]) => !before.endsWith("*/"))
        .map(([, , declaration = ""]) => `${path}: ${declaration.trim()}`);
    });
    expect(bare).toEqual([]);
  });
});

/** The order of the core: each imports what stands left of it. Control and agent know nothing of each other. */
const order = ["kernel", "content", "assignment", "protocol", "runtime", "control", "agent", "cli"];
const apart = ["control", "agent"];

function mayImport(importer: string, imported: string): boolean {
  if (imported === "package.json" || imported.endsWith("/package.json")) return true;
  if (/^(sdk|config)\//.test(imported)) return !isTestkit(imported);
  const [from, to] = [areaOf(importer), areaOf(imported)];
  if (from === "kernel" && imported === "plugins/index.ts") return true;
  // The library: the roles, for programs.
  if (importer === "core/index.ts") return imported.startsWith("core/");
  if (from === to) return true;
  if (apart.includes(from) && apart.includes(to)) return false;
  return imported.startsWith("core/") && order.includes(to) && order.indexOf(to) < order.indexOf(from);
}

function areaOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function folderOf(path: string): string {
  return `${path.split("/").slice(0, 2).join("/")}/`;
}

function codesIn(text: string): string[] {
  return [...text.matchAll(/\bDIST_ERR_[A-Z][A-Z_]*[A-Z]\b/g)].map(([code]) => code);
}

/** Each circle once, as `a → b → a`. */
function circles(all: readonly SourceFile[]): string[] {
  const next = new Map(all.map(({ path, imports }) => [path, imports.flatMap(({ path: to }) => to ?? [])]));
  const done = new Set<string>();
  const trail: string[] = [];
  const found: string[] = [];
  const visit = (path: string): void => {
    const at = trail.indexOf(path);
    if (at !== -1) return void found.push([...trail.slice(at), path].join(" → "));
    if (done.has(path)) return;
    trail.push(path);
    for (const to of next.get(path) ?? []) visit(to);
    trail.pop();
    done.add(path);
  };
  for (const { path } of all) visit(path);
  return found;
}
