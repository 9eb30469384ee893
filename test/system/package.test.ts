import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listFiles, root } from "../source-files.ts";

const scratch = mkdtempSync(join(tmpdir(), "distributary-package-"));
const clone = join(scratch, "clone");
const place = join(scratch, "place");
const minutes = 60_000;
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Runs a program as in a terminal of its own; a test run inside of a test run is none. */
function run(file: string, args: readonly string[], cwd: string, more: NodeJS.ProcessEnv = {}) {
  const { VITEST: _, NODE_ENV: __, ...env } = process.env;
  const PATH = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
  const options = { cwd, encoding: "utf8", env: { ...env, PATH, ...more }, timeout: 5 * minutes } as const;
  const { status, stdout, stderr } = spawnSync(file, args, options);
  return { status, stdout, output: stdout + stderr };
}

let manifest: string;
let tarball: string;

/** A copy, so that nobody meets a package.json that is about to be packed. */
beforeAll(() => {
  for (const path of listFiles("*")) cpSync(join(root, path), join(clone, path));
  symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
  manifest = readFileSync(join(clone, "package.json"), "utf8");
  const { status, stdout, output } = run("npm", ["pack", "--silent"], clone);
  expect(status, output).toBe(0);
  tarball = join(clone, stdout.trim().split("\n").at(-1) ?? "");
  mkdirSync(place);
}, 5 * minutes);

describe("the package", () => {
  it("is made by `npm pack`, which leaves the repository as it was", () => {
    expect(readFileSync(join(clone, "package.json"), "utf8")).toBe(manifest);
    expect(readdirSync(clone)).toContain("dist");
  });

  it("holds what was compiled, and no TypeScript but what is to be copied or only declares", () => {
    const { stdout } = run("tar", ["-tzf", tarball], scratch);
    const files = stdout
      .trim()
      .split("\n")
      .map((line) => line.replace(/^package\//, ""));
    expect(files).toEqual(
      expect.arrayContaining([
        "LICENSE",
        "README.md",
        "package.json",
        "dist/core/cli/main.js",
        "dist/sdk/index.js",
        "dist/sdk/index.d.ts",
        "dist/plugins/rsync/delta.wasm",
        "dist/config/distributary.schema.json",
        "dist/config/examples/one-site.yaml",
      ]),
    );
    const sources = files.filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"));
    expect(sources.filter((path) => !/^dist\/(sdk\/template|config\/examples)\//.test(path))).toEqual([]);
    expect(
      files.filter((path) => /(^|\/)(test|node_modules|core\/cli\/main\.ts)(\/|$)/.test(path.replace("dist/", ""))),
    ).toEqual([]);
  });

  it(
    "lets a stranger write, test, use and pack plugins by docs/write-a-plugin.md, word for word",
    async () => {
      const page = readFileSync(join(root, "docs/write-a-plugin.md"), "utf8");
      const script = join(scratch, "page.sh");
      writeFileSync(script, await ownPorts(scriptOf(page)));
      const { status, output } = run("bash", ["-eu", script], place, { DISTRIBUTARY: tarball });
      expect(status, output).toBe(0);
      expect(output).toContain(`${(JSON.parse(manifest) as { version: string }).version}\n`);
      // The beginning, the same made one's own, and the interpreter.
      expect(output.match(/Tests .*\d+ passed/g)).toHaveLength(3);
      expect(output).toContain("distributary.yaml is fine: 1 sites, 1 groups, 1 policies");
      expect(output.match(/<p>They were enough\.<\/p>/g)).toHaveLength(2);
      expect(output).toMatch(/^shrink +compressors: shr/m);
    },
    10 * minutes,
  );

  it(
    "is the one of its types: the compiler finds a wrong use",
    () => {
      const wrong = 'import { definePlugin } from "distributary/sdk";\ndefinePlugin({ name: 7, api: 1, setup() {} });';
      writeFileSync(join(place, "distributary-plugin-reload/wrong.ts"), wrong);
      const { output } = run(join(place, "node_modules/.bin/tsc"), [], join(place, "distributary-plugin-reload"));
      expect(output).toContain("wrong.ts(2,16): error TS2322: Type 'number' is not assignable to type 'string'");
      expect(output).not.toMatch(/index\.(test\.)?ts/);
    },
    minutes,
  );

  it(
    "runs the demo",
    () => {
      const { status, output } = run("npx", ["--no-install", "distributary", "demo"], place);
      expect(status, output).toBe(0);
      expect(output).toMatch(/rollback: all go back at once\n.*3 of 3 nodes switched/);
    },
    5 * minutes,
  );

  it("is a library, too", () => {
    const text =
      'import { runAgent, runControl } from "distributary"; console.log(typeof runAgent, typeof runControl);';
    expect(run(process.execPath, ["--input-type=module", "--eval", text], place)).toMatchObject({
      output: "function function\n",
    });
  });
});

/** The blocks of the page as one script: what begins with a file's name goes there, what is for a shell is run. */
function scriptOf(page: string): string {
  const blocks = [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)];
  return blocks
    .map(([, language = "", text = ""]) => {
      if (language === "sh") return text;
      const path = /^(?:\/\/|#|<!--) (\S+)/.exec(text)?.[1] ?? "";
      return `mkdir -p "$(dirname ${path})"\ncat > ${path} <<'END OF FILE'\n${text}END OF FILE\n`;
    })
    .join("\n");
}

/** The page's ports may be taken here. */
async function ownPorts(script: string): Promise<string> {
  const [api, link] = await Promise.all([freePort(), freePort()]);
  return script.replaceAll(":7400", `:${api}`).replaceAll(":7401", `:${link}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
