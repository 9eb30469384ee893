import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import gzip from "../../../plugins/gzip/index.ts";
import { loadPlugin } from "../../../core/kernel/loader.ts";

const directory = realpathSync(mkdtempSync(join(tmpdir(), "distributary-loader-")));
afterAll(() => rmSync(directory, { recursive: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), text);
}

function install(name: string, manifest: object, files: Readonly<Record<string, string>>): void {
  put(`node_modules/${name}/package.json`, JSON.stringify({ name, type: "module", ...manifest }));
  for (const [file, text] of Object.entries(files)) put(`node_modules/${name}/${file}`, text);
}

const source = (name: string) => `export default { name: "${name}", api: 1, setup() {} };\n`;
const load = (use: string, where?: string) => loadPlugin(where === undefined ? { use } : { use, where }, directory);
const failing = (traits: object) => expect.objectContaining(traits);

describe("a plugin", () => {
  it("that is built in comes by its name, whatever lies beside the configuration", async () => {
    install("distributary-plugin-gzip", { exports: "./index.js" }, { "index.js": source("impostor") });
    expect(await load("gzip")).toBe(gzip);
  });

  it("comes from the package distributary-plugin-NAME, by its short or its whole name", async () => {
    install("distributary-plugin-foo", { exports: "./main.js" }, { "main.js": source("foo") });
    expect(await load("foo")).toMatchObject({ name: "foo" });
    expect(await load("distributary-plugin-foo")).toBe(await load("foo"));
  });

  it("comes from a package of a scope", async () => {
    install("@acme/distributary-plugin-bar", { exports: "./index.js" }, { "index.js": source("bar") });
    install("@acme/distributary-plugin", { exports: "./index.js" }, { "index.js": source("acme") });
    expect(await load("@acme/bar")).toMatchObject({ name: "bar" });
    expect(await load("@acme/distributary-plugin-bar")).toMatchObject({ name: "bar" });
    expect(await load("@acme")).toMatchObject({ name: "acme" });
  });

  it.each([
    ["main", { main: "lib.js" }],
    ["import alone", { exports: { import: "./lib.js" } }],
    ["types and import", { exports: { ".": { types: "./lib.d.ts", import: "./lib.js" } } }],
    ["nested conditions", { exports: { ".": { browser: "./none.js", node: { import: "./lib.js" } } } }],
  ])("comes from a package that exports by %s", async (title, manifest) => {
    const name = title.replaceAll(" ", "-");
    install(`distributary-plugin-${name}`, manifest, { "lib.js": source(name) });
    expect(await load(name)).toMatchObject({ name });
  });

  it("comes from a TypeScript file beside the configuration, which needs no build", async () => {
    const typed = source("local").replace("setup()", "setup(_: unknown, __: Options)");
    const text = `interface Options { readonly level: number }\n${typed}`;
    put("plugins/local.ts", text);
    expect(await load("./plugins/local.ts")).toMatchObject({ name: "local" });
    expect(await load(join(directory, "plugins/local.ts"))).toMatchObject({ name: "local" });
    expect(await loadPlugin({ use: "../plugins/local.ts" }, join(directory, "elsewhere"))).toMatchObject({
      name: "local",
    });
  });

  it("comes from a linked package with TypeScript", async () => {
    put("work/distributary-plugin-linked/package.json", JSON.stringify({ type: "module", exports: "./index.ts" }));
    put("work/distributary-plugin-linked/index.ts", source("linked"));
    symlinkSync(
      join(directory, "work/distributary-plugin-linked"),
      join(directory, "node_modules/distributary-plugin-linked"),
    );
    expect(await load("linked")).toMatchObject({ name: "linked" });
  });
});

describe("a plugin that cannot be loaded", () => {
  it("is not found: the error says where it was looked for and what is built in", async () => {
    await expect(load("nowhere", "web.yaml:2")).rejects.toEqual(
      failing({
        code: "DIST_ERR_PLUGIN_NOT_FOUND",
        where: "web.yaml:2",
        message: expect.stringMatching(
          /^plugin 'nowhere' was not found; tried: package distributary-plugin-nowhere from .+, package .+ from .+$/,
        ),
        hint: expect.stringContaining("gzip, "),
      }),
    );
    const file = join(directory, "nowhere.ts");
    await expect(load("./nowhere.ts")).rejects.toThrow(`plugin './nowhere.ts' was not found; tried: ${file}`);
  });

  it.each(["constructor", "toString", "__proto__", "@", "", ".", "..", "a b", "file:///etc/passwd"])(
    "is not %j",
    async (use) => {
      await expect(load(use)).rejects.toEqual(
        failing({ code: expect.stringMatching(/^DIST_ERR_PLUGIN_(NOT_FOUND|LOAD|SHAPE)$/) }),
      );
    },
  );

  it("was not built: the error names the file that is missing, not the package", async () => {
    install("distributary-plugin-unbuilt", { exports: "./dist/index.js" }, {});
    install("distributary-plugin-mainless", { main: "dist/index.js" }, {});
    for (const use of ["unbuilt", "mainless"]) {
      const message = expect.stringContaining(join("dist", "index.js"));
      await expect(load(use)).rejects.toEqual(failing({ code: "DIST_ERR_PLUGIN_LOAD", message }));
    }
  });

  it("throws when it is imported", async () => {
    put("throws.mjs", `throw new RangeError("out of luck");\n`);
    await expect(load("./throws.mjs", "web.yaml:9")).rejects.toMatchObject({
      code: "DIST_ERR_PLUGIN_LOAD",
      message: "plugin './throws.mjs' could not be loaded: out of luck",
      where: "web.yaml:9",
      cause: expect.any(RangeError),
    });
  });

  it("imports something that is not there", async () => {
    put("lacks.mjs", `import "distributary-plugin-that-nobody-has";\n`);
    await expect(load("./lacks.mjs")).rejects.toMatchObject({
      code: "DIST_ERR_PLUGIN_LOAD",
      message: expect.stringContaining("distributary-plugin-that-nobody-has"),
    });
  });

  it("is not JavaScript", async () => {
    put("broken.mjs", "export default {\n");
    await expect(load("./broken.mjs")).rejects.toMatchObject({ code: "DIST_ERR_PLUGIN_LOAD" });
  });

  it.each([
    ["no default export", "export const plugin = {};\n", "it has no default export that is an object"],
    ["a function", "export default () => ({});\n", "it has no default export that is an object"],
    ["nothing", "export default null;\n", "it has no default export that is an object"],
    ["no name", "export default { api: 1, setup() {} };\n", "its `name` is missing or not like `my-plugin`"],
    ["a name in capitals", source("LOUD"), "its `name` is missing or not like `my-plugin`"],
    ["no level", 'export default { name: "a", setup() {} };\n', "its `api` is not a whole number"],
    ["no setup", 'export default { name: "a", api: 1 };\n', "its `setup` is not a function"],
  ])("exports %s", async (title, text, problem) => {
    const file = `shape-${title.replaceAll(" ", "-")}.mjs`;
    put(file, text);
    await expect(load(`./${file}`, "web.yaml:4")).rejects.toMatchObject({
      code: "DIST_ERR_PLUGIN_SHAPE",
      message: `plugin './${file}' is not a plugin: ${problem}`,
      where: "web.yaml:4",
    });
  });
});
