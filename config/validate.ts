import { resolve } from "node:path";
import { Ajv } from "ajv";
import type { ValidateFunction } from "ajv";
import { failure } from "distributary/sdk";
import type { Infer, Schema } from "distributary/sdk";
import { TooMuch, deepFreeze, isPlainObject, plainCopy } from "./copy.ts";
import { formats } from "./formats.ts";
import type { Problem } from "./problem.ts";
import { problemsOf } from "./problems-of.ts";
import { readSecret } from "./secret.ts";
import type { Surroundings } from "./secret.ts";
import { toJsonSchema } from "./to-json-schema.ts";

export type { Problem } from "./problem.ts";

/** A checked value, or everything that is wrong with it. */
export type Checked<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly problems: readonly Problem[] };

const ajv = new Ajv({
  strict: true,
  allErrors: true,
  verbose: true,
  useDefaults: true,
  ownProperties: true,
  allowUnionTypes: true,
  addUsedSchema: false,
  strictRequired: true,
  formats: Object.fromEntries(
    Object.entries(formats).map(([name, { accepts }]) => [name, { type: "string" as const, validate: accepts }]),
  ),
});

const compiled = new WeakMap<Schema, ValidateFunction>();

/**
 * Makes the check of a schema. A check leaves the value as it is and answers with a frozen copy in which defaults are
 * filled in, sizes written as numbers are text, paths are absolute (if `directory` is given) and secrets are read; or
 * with every problem at once. Throws DIST_ERR_OPTIONS_SCHEMA if the schema itself is wrong.
 */
export function compileSchema<const S extends Schema>(
  schema: S,
  surroundings: Surroundings = {},
): (value: unknown) => Checked<Infer<S>> {
  const validate = validatorOf(schema);
  return (value) => {
    const copy = copyOf(value);
    if (!copy.ok) return copy;
    const problems = validate(copy.value) ? [] : problemsOf(validate.errors ?? [], copy.value);
    const settled = settle(schema, copy.value, { surroundings, problems, path: [] });
    return problems.length > 0 ? { ok: false, problems } : { ok: true, value: deepFreeze(settled) as Infer<S> };
  };
}

function validatorOf(schema: Schema): ValidateFunction {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const jsonSchema = toJsonSchema(schema, {});
  try {
    const validate = ajv.compile(jsonSchema);
    compiled.set(schema, validate);
    return validate;
  } catch (error) {
    throw failure("DIST_ERR_OPTIONS_SCHEMA", { path: "the top", problem: (error as Error).message }, { cause: error });
  }
}

function copyOf(value: unknown): Checked<unknown> {
  try {
    return { ok: true, value: plainCopy(value) };
  } catch (error) {
    if (error instanceof TooMuch) return { ok: false, problems: [{ path: [], message: error.message }] };
    throw error;
  }
}

interface Place {
  readonly surroundings: Surroundings;
  readonly problems: Problem[];
  readonly path: readonly (string | number)[];
}

/** Brings what is valid into its final form; adds to the problems what only shows by doing so. */
function settle(schema: Schema, value: unknown, place: Place): unknown {
  const inside = (key: string | number): Place => ({ ...place, path: [...place.path, key] });
  if (schema.type === "array" && Array.isArray(value))
    return value.map((item, at) => settle(schema.items, item, inside(at)));
  if (schema.type === "object" && isPlainObject(value)) {
    const entries = Object.entries(value).map(([key, item]) => {
      const inner = "properties" in schema ? schema.properties[key] : schema.additionalProperties;
      return [key, inner === undefined ? item : settle(inner, item, inside(key))] as const;
    });
    return Object.fromEntries(entries);
  }
  return schema.type === "string" ? settleText(schema.format, value, place) : value;
}

function settleText(format: string | undefined, value: unknown, { surroundings, problems, path }: Place): unknown {
  if (format === "secret") {
    const found = readSecret(value, surroundings);
    if ("text" in found) return found.text;
    problems.push({ path, ...found });
  }
  if (format === "path" && typeof value === "string") {
    return surroundings.directory === undefined ? value : resolve(surroundings.directory, value);
  }
  return format === "bytes" ? String(value) : value;
}
