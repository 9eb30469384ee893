import type { ErrorObject } from "ajv";
import { printable } from "distributary/sdk";
import { formats } from "./formats.ts";
import type { Problem } from "./problem.ts";
import { suggestion } from "./suggest.ts";

/** ajv's findings in people's words, at most one for each value. */
export function problemsOf(errors: readonly ErrorObject[], value: unknown): Problem[] {
  const found = new Map<string, { problem: Problem; weight: number }>();
  for (const error of errors) {
    const problem = problemOf(error, pathOf(error.instancePath, value));
    const place = JSON.stringify([problem.path, problem.key]);
    const weight = weights.indexOf(error.keyword);
    if (weight > (found.get(place)?.weight ?? -Infinity)) found.set(place, { problem, weight });
  }
  return [...found.values()].map(({ problem }) => problem);
}

/** Of two findings about one value the one that says more. */
const weights = ["pattern", "format", "minLength", "maxLength", "type", "enum"];

function pathOf(pointer: string, value: unknown): (string | number)[] {
  let at = value;
  return pointer
    .split("/")
    .slice(1)
    .map((token) => {
      const key = token.replaceAll("~1", "/").replaceAll("~0", "~");
      const [isList, inner] = [Array.isArray(at), (at as Readonly<Record<string, unknown>>)[key]];
      at = inner;
      return isList ? Number(key) : key;
    });
}

function problemOf(
  { keyword, params, data, schema, parentSchema, message }: ErrorObject,
  path: readonly (string | number)[],
): Problem {
  switch (keyword) {
    case "additionalProperties": {
      const key = (params as { additionalProperty: string }).additionalProperty;
      const known = Object.keys((parentSchema as { properties?: object } | undefined)?.properties ?? {});
      const head = `has no option '${shown(key)}'`;
      const hint = known.length === 0 ? "it takes no options" : `known: ${known.join(", ")}`;
      return { path, message: `${head}${suggestion(key, known)}`, hint, key };
    }
    case "required":
      return { path: [...path, (params as { missingProperty: string }).missingProperty], message: "is required" };
    case "enum": {
      const known = (schema as readonly string[]).map(String);
      const meant = typeof data === "string" ? suggestion(data, known) : "";
      return { path, message: `must be one of ${known.join(", ")}, not ${quoted(data)}${meant}` };
    }
    case "type":
      return typeProblem(path, params as { type: string | readonly string[] }, data, parentSchema);
    case "format": {
      const { wanted } = formats[(params as { format: keyof typeof formats }).format];
      return { path, message: `must be ${wanted}, not ${quoted(data)}` };
    }
    case "pattern": {
      const { description } = parentSchema as { description?: string };
      const hint = description ?? `it must match ${(params as { pattern: string }).pattern}`;
      return { path, message: `cannot be ${quoted(data)}`, hint };
    }
    default:
      return {
        path,
        message: limitMessage(keyword, (params as { limit?: number }).limit ?? 0) ?? message ?? "is not valid",
      };
  }
}

function limitMessage(keyword: string, limit: number): string | undefined {
  const count = (what: string) => `${limit} ${what}${limit === 1 ? "" : "s"}`;
  switch (keyword) {
    case "maximum":
      return `must be at most ${limit}`;
    case "minimum":
      return `must be at least ${limit}`;
    case "minLength":
      return limit === 1 ? "must not be empty" : `must have at least ${count("character")}`;
    case "maxLength":
      return `must have at most ${count("character")}`;
    case "minItems":
      return limit === 1 ? "must not be an empty list" : `must have at least ${count("item")}`;
    case "maxItems":
      return `must have at most ${count("item")}`;
    default:
      return undefined;
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: "text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping (`key: value`)",
};

function typeProblem(
  path: Problem["path"],
  { type }: { type: string | readonly string[] },
  data: unknown,
  parent: unknown,
): Problem {
  const format = (parent as { format?: keyof typeof formats } | undefined)?.format;
  const names = Array.isArray(type) ? (type as readonly string[]) : [String(type)];
  const wanted =
    format === undefined ? names.map((name) => typeNames[name] ?? name).join(" or ") : formats[format].wanted;
  const isScalar = typeof data === "number" || typeof data === "boolean";
  const hint = names.includes("string") && isScalar ? { hint: `put it in quotes: "${data}"` } : {};
  return { path, message: `must be ${wanted}, not ${quoted(data)}`, ...hint };
}

function quoted(data: unknown): string {
  if (data === null || data === undefined) return "empty";
  if (Array.isArray(data)) return "a list";
  if (typeof data === "object") return "a mapping";
  return typeof data === "string" ? `'${shown(data)}'` : String(data);
}

function shown(text: string): string {
  return printable(text.length > 60 ? `${text.slice(0, 59)}…` : text);
}
