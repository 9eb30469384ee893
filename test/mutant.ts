import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { basename, dirname, join } from "node:path/posix";

/** One change of a machine: in the file of which name, what, and what instead. */
export interface Mutant {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/**
 * A file of a folder as a module of its own with one change in it, or in what it imports of the folder. Throws if the
 * source has no such place, or more than one.
 */
export async function importMutant<Module>(folder: URL, file: string, mutant: Mutant): Promise<Module> {
  return (await import(moduleOf(folder, file, mutant, new Map()))) as Module;
}

function moduleOf(folder: URL, file: string, mutant: Mutant, made: Map<string, string>): string {
  const known = made.get(file);
  if (known !== undefined) return known;
  const source = readFileSync(new URL(`${file}.ts`, folder), "utf8");
  const isIt = basename(file) === mutant.file;
  const code = stripTypeScriptTypes(isIt ? changed(source, mutant) : source, { mode: "strip" });
  const linked = code.replace(/from "(\.\.?\/[\w/-]+)\.ts"/g, (_, imported: string) => {
    return `from "${moduleOf(folder, join(dirname(file), imported), mutant, made)}"`;
  });
  const url = `data:text/javascript,${encodeURIComponent(linked)}`;
  made.set(file, url);
  return url;
}

function changed(source: string, { file, from, to }: Mutant): string {
  const parts = source.split(from);
  if (parts.length !== 2) throw new Error(`'${from}' stands in ${file}.ts ${parts.length - 1} times`);
  return parts.join(to);
}
