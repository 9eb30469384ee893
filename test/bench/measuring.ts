import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { setTimeout } from "node:timers/promises";

/** Milliseconds that work takes. */
export async function timed(work: () => unknown): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Resolves within a few milliseconds of the moment from which on it is so. Rejects after the deadline. */
export async function until(isSo: () => boolean, deadlineMs: number): Promise<void> {
  const deadline = AbortSignal.timeout(deadlineMs);
  while (!isSo()) await setTimeout(2, undefined, { signal: deadline });
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** The first line that a program says of its version. */
export function version(program: string): string {
  return execFileSync(program, ["--version"], { encoding: "utf8" }).split("\n")[0]?.trim() ?? program;
}

/** Where a benchmark ran, and with which programs. */
export function machine(...programs: readonly string[]): string {
  const [cpu] = cpus();
  return [cpu?.model.trim(), `${cpus().length} cores`, `Node ${process.version}`, ...programs.map(version)].join(", ");
}

/** A number with a fixed count of digits and commas between thousands. */
export function format(value: number, digits = 0): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A markdown table; every column but the first is of numbers. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = head.map((_, index) => (index === 0 ? "---" : "--:"));
  return [head, rule, ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** Runs everything once in each round, in turns; the milliseconds each took, by name. */
export async function inTurns<Name extends string>(
  rounds: number,
  works: Readonly<Record<Name, () => unknown>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(works) as Name[];
  const times = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = 0; round < rounds; round += 1) for (const name of names) times[name].push(await timed(works[name]));
  return times;
}
