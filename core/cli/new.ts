import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { failure, printable } from "distributary/sdk";
import packageJson from "../../package.json" with { type: "json" };
import { isBuiltIn } from "../kernel/loader.ts";
import { defineCommand } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";

export const newCommand = defineCommand({
  name: "new",
  summary: "Writes the beginning of a plugin: a compressor that works, with its tests.",
  options: {
    type: "object",
    required: ["what", "name"],
    properties: {
      what: { type: "string", enum: ["plugin"], description: "What to begin." },
      name: { type: "string", description: "What it is called: lower case letters, digits and hyphens." },
      dir: { type: "string", format: "path", default: ".", description: "The directory that gets its folder." },
    },
  },
  positionals: ["what", "name"],
  examples: [{ line: "new plugin shrink", does: "writes the folder distributary-plugin-shrink, ready to be tested" }],
  run({ values, print }) {
    const name = values.name.replace(/^distributary-plugin-/, "");
    const problem = refuseName(name);
    if (problem !== undefined) throw usage(problem);
    const folder = join(values.dir, `distributary-plugin-${name}`);
    if (existsSync(folder)) throw usage(`'${printable(folder)}' is there already; nothing was changed`);
    write(folder, name);
    const near = relative(process.cwd(), folder);
    for (const line of nextSteps(name, near.startsWith("..") ? folder : near)) print(line);
    return exitCodes.ok;
  },
});

function usage(problem: string) {
  return failure("DIST_ERR_USAGE", { command: "distributary new", problem });
}

function refuseName(name: string): string | undefined {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) {
    return `'${printable(name)}' is no name; take lower case letters, digits and single hyphens, like \`my-plugin\``;
  }
  if (name.length > 60) return `'${name}' is longer than 60 letters`;
  return isBuiltIn(name) ? `'${name}' is the name of a built-in plugin` : undefined;
}

/** The template is a plugin called `my-plugin`, which is tested as it stands. */
function write(folder: string, name: string): void {
  const template = new URL("../../sdk/template/", import.meta.url);
  const files = readdirSync(template).map((file) => {
    return [file, readFileSync(new URL(file, template), "utf8").replaceAll("my-plugin", name)] as const;
  });
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of files) writeFileSync(join(folder, file), text);
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifestOf(name), undefined, 2)}\n`);
  writeFileSync(join(folder, ".gitignore"), "node_modules/\ndist/\n*.tgz\n");
}

function manifestOf(name: string): object {
  const { version, engines, devDependencies } = packageJson;
  const tools = ["@types/node", "typescript", "vitest"] as const;
  return {
    name: `distributary-plugin-${name}`,
    version: "0.1.0",
    description: "A plugin for Distributary.",
    keywords: ["distributary-plugin"],
    type: "module",
    engines,
    exports: "./dist/index.js",
    files: ["dist"],
    scripts: { build: "tsc -p tsconfig.build.json", check: "tsc", test: "vitest run", prepack: "npm run build" },
    peerDependencies: { distributary: `^${version}` },
    devDependencies: Object.fromEntries(tools.map((tool) => [tool, `^${devDependencies[tool]}`])),
  };
}

function nextSteps(name: string, folder: string): string[] {
  return [
    `wrote ${folder}: the plugin '${name}', which provides a compressor`,
    "",
    "  npm install --save-dev vitest typescript @types/node    once, where distributary is installed",
    `  npm test --prefix ${folder}`,
    "",
    "Use it in a configuration:",
    "",
    "  plugins:",
    `    - use: ./distributary-plugin-${name}/index.ts    the path is relative to the file`,
  ];
}
