import { describe, it } from "vitest";

/** One statement a provider must keep, and how to see it. `check` throws if it does not hold. */
export interface Case<Subject> {
  /** A statement: "restores every block". */
  readonly title: string;
  check(create: () => Subject): void | Promise<void>;
}

/** What every provider of one kind must pass. */
export interface Kit<Subject> {
  readonly name: string;
  readonly cases: readonly Case<Subject>[];
}

/** Runs a kit with vitest. `create` makes a fresh provider for each case. */
export function runKit<Subject>(kit: Kit<Subject>, subject: string, create: () => Subject): void {
  describe(`${subject} is a ${kit.name}`, () => {
    for (const { title, check } of kit.cases) it(title, () => check(create));
  });
}

/** The titles of the cases that a provider fails. A kit proves itself on saboteurs: wrong providers it must reject. */
export async function failedCases<Subject>(kit: Kit<Subject>, create: () => Subject): Promise<string[]> {
  const failed: string[] = [];
  for (const { title, check } of kit.cases) {
    try {
      await check(create);
    } catch {
      failed.push(title);
    }
  }
  return failed;
}
