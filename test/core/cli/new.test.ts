import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withOptionTable } from "../../../config/option-tables.ts";
import plugin from "../../../sdk/template/index.ts";
import { root } from "../../source-files.ts";

const directory = mkdtempSync(join(tmpdir(), "distributary-new-"));
const folder = join(directory, "distributary-plugin-shrink");
afterAll(() => rmSync(directory, { recursive: true }));

function run(file: string, args: readonly string[], cwd = directory) {
  // A test run inside of a test run is one of its own.
  const { VITEST: _, NODE_ENV: __, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, file), ...args], {
    cwd,
    encoding: "utf8",
    env,
  });
  return { status, output: stdout + stderr };
}

const distributary = (...args: string[]) => run("core/cli/main.ts", args);

describe("distributary new plugin", () => {
  beforeAll(() => {
    for (const name of ["vitest", "typescript", "@types/node"]) {
      mkdirSync(dirname(join(directory, "node_modules", name)), { recursive: true });
      symlinkSync(join(root, "node_modules", name), join(directory, "node_modules", name));
    }
    symlinkSync(root, join(directory, "node_modules/distributary"));
    expect(distributary("new", "plugin", "shrink")).toMatchObject({ status: 0 });
  });

  it("writes a folder that is a package", () => {
    expect(readdirSync(folder).sort()).toEqual([
      ".gitignore",
      "README.md",
      "index.test.ts",
      "index.ts",
      "package.json",
      "tsconfig.build.json",
      "tsconfig.json",
    ]);
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, unknown>;
    expect(manifest).toMatchObject({ name: "distributary-plugin-shrink", type: "module", exports: "./dist/index.js" });
    expect(manifest["peerDependencies"]).toEqual({ distributary: "^0.1.0" });
    for (const name of readdirSync(folder))
      expect(readFileSync(join(folder, name), "utf8")).not.toMatch(/my-plugin|template/);
  });

  it("describes the options that the plugin has", () => {
    const text = readFileSync(join(root, "sdk/template/README.md"), "utf8");
    const table = withOptionTable(
      "<!-- options -->\n<!-- /options -->\n",
      plugin.options ?? { type: "object", properties: {} },
    );
    expect(text).toContain(table.split("\n").slice(1, -2).join("\n"));
  });

  it("writes a plugin that passes its own tests", () => {
    const { status, output } = run("node_modules/vitest/vitest.mjs", ["run"], folder);
    expect(output).toMatch(/Tests .*[3-9]\d passed/);
    expect(status, output).toBe(0);
  });

  it("writes a plugin that the compiler has nothing against, and that is built by its own scripts", () => {
    expect(run("node_modules/typescript/bin/tsc", [], folder)).toEqual({ status: 0, output: "" });
    expect(run("node_modules/typescript/bin/tsc", ["-p", "tsconfig.build.json"], folder)).toEqual({
      status: 0,
      output: "",
    });
    expect(readdirSync(join(folder, "dist")).sort()).toEqual(["index.d.ts", "index.js"]);
  });

  it("writes a plugin that a configuration can use as it is", () => {
    writeFileSync(
      join(directory, "site.yaml"),
      "plugins:\n  - use: ./distributary-plugin-shrink/index.ts\n    options: { level: 9 }\n",
    );
    const { output } = distributary("plugins", "--config", "site.yaml", "--json");
    const found = JSON.parse(output) as { id: string }[];
    expect(found).toContainEqual(
      expect.objectContaining({ id: "shrink", builtIn: false, usable: true, provides: ["compressors: shrink"] }),
    );
  });

  it("takes the name of the package for the name, and another directory", () => {
    expect(distributary("new", "plugin", "distributary-plugin-other", "--dir", "deep/er")).toMatchObject({ status: 0 });
    expect(existsSync(join(directory, "deep/er/distributary-plugin-other/index.ts"))).toBe(true);
  });

  it("leaves a folder alone that is there already", () => {
    const before = readFileSync(join(folder, "index.ts"), "utf8");
    const { status, output } = distributary("new", "plugin", "shrink");
    expect({ status, output }).toEqual({
      status: 2,
      output: expect.stringContaining("is there already; nothing was changed"),
    });
    expect(readFileSync(join(folder, "index.ts"), "utf8")).toBe(before);
  });

  it.each([
    ["Shrink", "'Shrink' is no name"],
    ["../shrink", "'../shrink' is no name"],
    ["a--b", "'a--b' is no name"],
    ["", "'' is no name"],
    ["gzip", "'gzip' is the name of a built-in plugin"],
    ["x".repeat(61), "is longer than 60 letters"],
  ])("refuses the name %j", (name, problem) => {
    const before = readdirSync(directory);
    const { status, output } = distributary("new", "plugin", name);
    expect({ status, output }).toEqual({ status: 2, output: expect.stringContaining(problem) });
    expect(readdirSync(directory)).toEqual(before);
  });

  it("says what it can begin", () => {
    expect(distributary("new", "site", "x")).toEqual({
      status: 2,
      output: expect.stringContaining("must be one of plugin"),
    });
  });
});
