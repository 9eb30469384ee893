/** One thing wrong with a value, in people's words. */
export interface Problem {
  /** Keys and indices that lead to the value. */
  readonly path: readonly (string | number)[];
  /** Reads on from the path: "must be at most 9". */
  readonly message: string;
  /** The next step. */
  readonly hint?: string;
  /** The key at `path` that is wrong itself, if its value is not what is wrong. */
  readonly key?: string;
}

/** `groups.web-eu.nodes[2]`: a path as people read it. */
export function formatPath(path: readonly (string | number)[]): string {
  return path
    .map((key, at) =>
      typeof key === "number"
        ? `[${key}]`
        : `${at === 0 ? "" : "."}${/^[\w-]+$/.test(key) ? key : JSON.stringify(key)}`,
    )
    .join("");
}
