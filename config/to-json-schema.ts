import { failure } from "distributary/sdk";
import type { Schema } from "distributary/sdk";
import { formatPath } from "./problem.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

const keywords = {
  string: ["enum", "format", "pattern", "minLength", "maxLength"],
  integer: ["minimum", "maximum"],
  number: ["minimum", "maximum"],
  boolean: [],
  array: ["items", "minItems", "maxItems"],
  object: ["properties", "required", "additionalProperties"],
} as const;

const formatNames = ["secret", "path", "duration", "bytes", "name", "address", "glob"];

/**
 * The same schema in the words of JSON Schema, with closed objects. `secret` is what refers to a secret.
 * Throws DIST_ERR_OPTIONS_SCHEMA for what is not in the closed subset of the SDK.
 */
export function toJsonSchema(schema: Schema, secret: JsonSchema, path: readonly string[] = []): JsonSchema {
  const refuse = (problem: string) =>
    failure("DIST_ERR_OPTIONS_SCHEMA", { path: formatPath(path) || "the top", problem });
  if (typeof schema !== "object" || schema === null || !Object.hasOwn(keywords, schema.type))
    throw refuse("it has no known type");
  const allowed: readonly string[] = ["type", "description", "default", ...keywords[schema.type]];
  const unknown = Object.keys(schema).find((keyword) => !allowed.includes(keyword));
  if (unknown !== undefined) throw refuse(`'${unknown}' is not known there`);
  if (schema.type === "array") return { ...schema, items: toJsonSchema(schema.items, secret, [...path, "items"]) };
  if (schema.type === "object" && "properties" in schema) {
    const properties = Object.entries(schema.properties).map(([name, property]) => [
      name,
      toJsonSchema(property, secret, [...path, name]),
    ]);
    return { ...schema, properties: Object.fromEntries(properties), additionalProperties: false };
  }
  if (schema.type === "object") {
    if (!("additionalProperties" in schema)) throw refuse("an object needs `properties` or `additionalProperties`");
    return { ...schema, additionalProperties: toJsonSchema(schema.additionalProperties, secret, [...path, "*"]) };
  }
  if (schema.type !== "string") return schema as unknown as JsonSchema;
  if (schema.format !== undefined && !formatNames.includes(schema.format))
    throw refuse(`there is no format '${schema.format}'`);
  if (schema.format === "secret") return described(schema, secret);
  return (schema.format === "bytes"
    ? { ...schema, type: ["string", "integer"], minimum: 0, maximum: Number.MAX_SAFE_INTEGER }
    : schema) as unknown as JsonSchema;
}

function described({ description }: Schema, schema: JsonSchema): JsonSchema {
  return description === undefined ? schema : { description, ...schema };
}
