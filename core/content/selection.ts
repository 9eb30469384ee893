import { compileGlob } from "../../config/glob.ts";

/** Which of the names in staging belong to a site (CM-2). */
export interface SourceRules {
  /** Globs of what to take; everything if empty. */
  readonly include: readonly string[];
  /** Globs of what to leave; a directory left is not entered. */
  readonly exclude: readonly string[];
  /** File types to take, as `html` or `.html`; all if empty. */
  readonly types: readonly string[];
}

export const takeEverything: SourceRules = { include: [], exclude: [], types: [] };

export interface Selection {
  /** Whether a directory is entered. */
  enters(path: string): boolean;
  /** Whether a file or a symbolic link is taken. */
  takes(path: string): boolean;
  /** Whether a directory with nothing taken in it is kept. */
  keepsEmpty(path: string): boolean;
}

/** A glob without `/` matches a name at any depth, as in `.gitignore`. */
export function createSelection({ include, exclude, types }: SourceRules): Selection {
  const included = matcher(include);
  const excluded = matcher(exclude);
  const extensions = new Set(types.map((type) => type.replace(/^\./, "").toLowerCase()));
  const ofType = (path: string) => extensions.size === 0 || extensions.has(extensionOf(path));
  const isIncluded = (path: string) => include.length === 0 || withParents(path).some((each) => included(each));
  return {
    enters: (path) => !excluded(path),
    takes: (path) => !excluded(path) && isIncluded(path) && ofType(path),
    keepsEmpty: (path) => extensions.size === 0 && isIncluded(path),
  };
}

/** The type of a file: what follows the last point of its name, in lower case. */
export function extensionOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const point = name.lastIndexOf(".");
  return point <= 0 ? "" : name.slice(point + 1).toLowerCase();
}

function matcher(globs: readonly string[]): (path: string) => boolean {
  const matchers = globs.map((glob) => {
    const clean = glob.replace(/^\.?\//, "").replace(/\/(\*\*)?$/, "");
    const matches = compileGlob(clean);
    const isName = !clean.includes("/") && !glob.startsWith("/");
    return isName ? (path: string) => matches(path.slice(path.lastIndexOf("/") + 1)) : matches;
  });
  return (path) => matchers.some((matches) => matches(path));
}

/** `a/b/c` → `a`, `a/b`, `a/b/c`: to take a directory is to take what is in it. */
function withParents(path: string): string[] {
  const components = path.split("/");
  return components.map((_, index) => components.slice(0, index + 1).join("/"));
}
