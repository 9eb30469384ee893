import {
  appendFileSync,
  cpSync,
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { failure } from "distributary/sdk";
import { hashFile } from "../../agent/verify.ts";
import { hexHashOf } from "../../content/hash.ts";
import { realDisk } from "../../runtime/disk.ts";

/** Packages that every installation brings: together well over a thousand files of real software. */
const samplePackages = ["kysely", "ajv", "fastify", "@electric-sql/pglite", "yaml", "pino"];

/** Copies `source`, or a sample that is here anyway, to `staging`. What changes later is the copy. */
export function copyContent(source: string | undefined, staging: string): void {
  if (source !== undefined) {
    if (!existsSync(source) || !statSync(source).isDirectory()) {
      throw failure("DIST_ERR_CONTENT_STAGING", { path: source, problem: "is no directory" });
    }
    cpSync(source, staging, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    return;
  }
  for (const name of samplePackages) cpSync(packageDirectory(name), join(staging, name), { recursive: true });
}

/** Packages hide their package.json behind `exports`, so it is looked for from their main module upwards. */
function packageDirectory(name: string): string {
  let directory = dirname(createRequire(import.meta.url).resolve(name));
  while (!directory.endsWith(`node_modules/${name}`)) directory = dirname(directory);
  return directory;
}

export interface Edits {
  readonly changed: number;
  readonly added: number;
  readonly removed: number;
  readonly renamed: number;
}

/** Edits a tree as people do: a few lines here and there, a new file, one gone, one renamed. */
export function editContent(staging: string): Edits {
  const files = listFiles(staging).filter((path) => statSync(join(staging, path)).size > 0);
  const text = files.filter((path) => /\.(js|ts|md|html|css|json|txt)$/.test(path));
  const candidates = text.length > 0 ? text : files;
  const step = Math.max(1, Math.floor(candidates.length / 8));
  const chosen = candidates.filter((_, index) => index % step === 0).slice(0, 8);
  const [renamed, removed, ...changed] = chosen;
  for (const path of changed) appendFileSync(join(staging, path), `\n// edited by the demo\n`);
  if (removed !== undefined) unlinkSync(join(staging, removed));
  if (renamed !== undefined) renameSync(join(staging, renamed), join(staging, `${renamed}.renamed`));
  writeFileSync(join(staging, "news.html"), "<h1>News</h1>\n");
  return {
    changed: changed.length,
    added: 1,
    removed: removed === undefined ? 0 : 1,
    renamed: renamed === undefined ? 0 : 1,
  };
}

/** One hash over the names and contents of all files below a directory, and how many there are. */
export function hashContent(directory: string): { hash: string; fileCount: number; sizeBytes: number } {
  const lines: string[] = [];
  let sizeBytes = 0;
  for (const path of listFiles(directory)) {
    sizeBytes += statSync(join(directory, path)).size;
    lines.push(`${hashFile(realDisk, join(directory, path))} ${path}\n`);
  }
  return { hash: hexHashOf(Buffer.from(lines.join(""))), fileCount: lines.length, sizeBytes };
}

function listFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

/** Removes what the demo made. */
export function removeContent(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}
