import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { root } from "../../source-files.ts";

const directory = mkdtempSync(join(tmpdir(), "distributary-check-"));
afterAll(() => rmSync(directory, { recursive: true }));

writeFileSync(
  join(directory, "strict.mjs"),
  `export default {
    name: "strict",
    api: 1,
    options: {
      type: "object",
      required: ["url", "key"],
      properties: {
        url: { type: "string", description: "Where to." },
        key: { type: "string", format: "secret", description: "A key." },
      },
    },
    setup: ({ compressors }) => compressors.add("strict", { compress: (block) => block, decompress: (block) => block }),
  };\n`,
);

function check(text: string) {
  writeFileSync(join(directory, "site.yaml"), text);
  const args = [join(root, "core/cli/main.ts"), "check", "site.yaml"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: directory, encoding: "utf8" });
  return { status, output: stdout + stderr };
}

const policy = (use: string) => `policies: { p: { compress: [{ types: [html], use: ${use} }] } }\n`;
const plugin = (options: string) => `plugins:\n  - use: ./strict.mjs\n    options: { ${options} }\n`;

describe("distributary check", () => {
  it("knows the providers of a plugin that needs options, and needs none of its secrets", () => {
    const { status, output } = check(plugin("url: here, key: { env: DISTRIBUTARY_TEST_NOT_SET }") + policy("strict"));
    expect(status, output).toBe(0);
  });

  it("says what is wrong with the options, and does not blame the names that plugin would provide", () => {
    const { status, output } = check(plugin("url: 7, key: { env: K }") + policy("strict"));
    expect(status).toBe(1);
    expect(output).toMatch(/site\.yaml:3 +plugins\[0\]\.options\.url/);
    expect(output).not.toContain("no compressor named");
  });

  it("says everything at once where defaults suffice", () => {
    const { output } = check("plugins:\n  - { use: gzip, options: { level: 99 } }\n" + policy("rar"));
    expect(output).toContain("level");
    expect(output).toContain("no compressor named 'rar'");
  });

  it("knows interpreters for other hosts", () => {
    expect(check("policies: { p: { interpreter: windows } }\n").status).toBe(0);
  });
});
