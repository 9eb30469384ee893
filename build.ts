/**
 * `node build.ts` makes dist/, which is what is published: compiled, because Node runs no TypeScript below
 * node_modules. In the repository the entries of package.json are the sources, in the package what was compiled of
 * them; `npm pack` and `npm publish` say `node build.ts compiled` before and `node build.ts source` after it.
 */
import { spawnSync } from "node:child_process";
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = import.meta.dirname;
const manifest = join(root, "package.json");

/** What the compiler does not bring along. */
const assets = ["plugins/*/*.wasm", "plugins/*/README.md", "config/*.json", "config/examples/**", "sdk/template/**"];

/** The entries of a manifest, from sources to what was compiled of them in `directory`, or back. */
function compiledEntries(text: string, directory: string): string {
  return text.replace(/"(\.\/)?((?:core|sdk)\/[\w/-]+)\.ts"/g, `"$1${directory}$2.js"`);
}

function sourceEntries(text: string): string {
  return text.replace(/"(\.\/)?dist\/((?:core|sdk)\/[\w/-]+)\.js"/g, '"$1$2.ts"');
}

function build(): void {
  const dist = join(root, "dist");
  rmSync(dist, { recursive: true, force: true });
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const { status } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("the compiler found errors");
  for (const path of globSync(assets, { cwd: root, withFileTypes: true }).filter((entry) => entry.isFile())) {
    const from = join(path.parentPath, path.name);
    cpSync(from, from.replace(root, dist));
  }
  // Compiled code says `distributary/sdk` too: this manifest is the one it finds first.
  writeFileSync(join(dist, "package.json"), compiledEntries(readFileSync(manifest, "utf8"), ""));
}

const [entries] = process.argv.slice(2);
if (entries === "compiled") writeFileSync(manifest, compiledEntries(readFileSync(manifest, "utf8"), "dist/"));
else writeFileSync(manifest, sourceEntries(readFileSync(manifest, "utf8")));
if (entries === undefined) build();
