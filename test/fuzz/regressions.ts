import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readInput } from "./input-text.ts";

/** An input that showed a fault once. */
export interface Regression {
  /** What happened then. */
  readonly why: string;
  readonly input: unknown;
}

/** Those of a target: `regressions/<name>.json`, with inputs as a failing case prints them. */
export function regressionsOf(name: string): readonly Regression[] {
  const file = join(import.meta.dirname, "regressions", `${name}.json`);
  if (!existsSync(file)) return [];
  const list = JSON.parse(readFileSync(file, "utf8")) as Regression[];
  return list.map(({ why, input }) => ({ why, input: readInput(input) }));
}
