import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { Problem } from "./problem.ts";

/** Where secrets and paths of a configuration are looked up. */
export interface Surroundings {
  /** What relative paths are relative to; without it they stay as they are. */
  readonly directory?: string;
  /** `read` looks secrets up, `leave` only checks how they are referred to and puts `[secret]` in their place. */
  readonly secrets?: "read" | "leave";
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** What stands in place of a secret that is not shown or was not read. */
export const hiddenSecret = "[secret]";

const mostBytes = 65_536;
const usage = "write `{ env: NAME }` or `{ file: path }`; a secret never stands in the configuration itself";

type Found = { readonly text: string } | Omit<Problem, "path">;

/** Looks up `{ env: NAME }` or `{ file: path }`; a line end behind the secret in a file does not belong to it. */
export function readSecret(
  reference: unknown,
  { directory, secrets = "read", environment = process.env }: Surroundings,
): Found {
  const [kind, name, ...more] =
    typeof reference === "object" && reference !== null ? Object.entries(reference).flat() : [];
  if ((kind !== "env" && kind !== "file") || typeof name !== "string" || name === "" || more.length > 0) {
    return { message: "must refer to a secret", hint: usage };
  }
  if (secrets === "leave") return { text: hiddenSecret };
  return kind === "env"
    ? fromEnvironment(name, environment)
    : fromFile(directory === undefined ? name : resolve(directory, name));
}

function fromEnvironment(name: string, environment: NonNullable<Surroundings["environment"]>): Found {
  const text = environment[name];
  if (text === undefined) return { message: `refers to the environment variable '${name}', which is not set` };
  if (text === "") return { message: `refers to the environment variable '${name}', which is empty` };
  return { text };
}

function fromFile(file: string): Found {
  try {
    const stats = statSync(file);
    if (!stats.isFile()) return { message: `refers to '${file}', which is not a file` };
    if (stats.size > mostBytes) return { message: `refers to '${file}', which is larger than ${mostBytes} bytes` };
    const text = readFileSync(file, "utf8").replace(/\r?\n$/, "");
    return text === "" ? { message: `refers to '${file}', which is empty` } : { text };
  } catch (error) {
    return {
      message: `refers to '${file}', which cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
    };
  }
}
