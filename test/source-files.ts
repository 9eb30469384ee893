import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

/** The root of the repository. */
export const root = dirname(import.meta.dirname);

/** A file of the repository. */
export interface SourceFile {
  /** From the root, with `/`. */
  readonly path: string;
  readonly text: string;
  /** The text without comments, and with every string empty. */
  readonly code: string;
  readonly imports: readonly Import[];
}

/** What one import or re-export names. */
export interface Import {
  readonly specifier: string;
  /** The path of a file of ours; undefined for a package or a built-in module. */
  readonly path: string | undefined;
  readonly isType: boolean;
}

const selfReferences: Readonly<Record<string, string>> = {
  distributary: "core/index.ts",
  "distributary/sdk": "sdk/index.ts",
  "distributary/testkit": "sdk/testkit/index.ts",
};

/** The TypeScript files that git knows or would know, sorted by path. */
export function sourceFiles(): SourceFile[] {
  return listFiles("*.ts").map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    return { path, text, code: codeOf(text), imports: importsOf(path, text) };
  });
}

/** Paths that git knows or would know, and that are there. */
export function listFiles(...patterns: readonly string[]): string[] {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ...patterns];
  const listed = execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\0");
  return [...new Set(listed)].filter((path) => path !== "" && existsSync(join(root, path))).sort();
}

/** The first of these to begin wins: a quote in a comment opens no string, and `//` in a string no comment. */
const commentOrString = new RegExp(
  [
    /\/\*[\s\S]*?\*\//,
    /\/\/[^\n]*/,
    /"(?:[^"\\\n]|\\.)*"/,
    /'(?:[^'\\\n]|\\.)*'/,
    /`(?:[^`\\]|\\.)*`/,
    /(?<=[(,=:[!&|?{};]\s*)\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "g",
);

function codeOf(text: string): string {
  return text.replace(commentOrString, (found) => (/^["'`]/.test(found) ? '""' : " "));
}

function importsOf(path: string, text: string): Import[] {
  const statements = text.matchAll(/^(?:import|export)( type)?\b[^;"'`=]*?\bfrom "([^"]+)"|^import "([^"]+)"/gm);
  const calls = text.matchAll(/\bimport\("([^"]+)"\)/g);
  return [
    ...[...statements].map(([, type, from, bare]) => ({ specifier: from ?? bare ?? "", isType: type !== undefined })),
    ...[...calls].map(([, specifier = ""]) => ({ specifier, isType: false })),
  ].map((found) => ({ ...found, path: fileOf(path, found.specifier) }));
}

function fileOf(importer: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(importer), specifier);
  return selfReferences[specifier];
}
