import { Ajv } from "ajv";
import type { ObjectSchema, Schema } from "distributary/sdk";

const words: Readonly<Record<Schema["type"], readonly string[]>> = {
  string: ["enum", "format", "pattern", "minLength", "maxLength"],
  integer: ["minimum", "maximum"],
  number: ["minimum", "maximum"],
  boolean: [],
  array: ["items", "minItems", "maxItems"],
  object: ["properties", "required", "additionalProperties"],
};

const formats: readonly unknown[] = ["secret", "path", "duration", "bytes", "name", "address", "glob"];

/** What is wrong with the schema of a plugin's options, each with the place; empty if nothing is. */
export function schemaProblems(schema: ObjectSchema): string[] {
  if (schema.type !== "object" || !("properties" in schema)) return ["options: are no object with properties"];
  return problemsOf(schema, "options");
}

function problemsOf(schema: Schema, at: string): string[] {
  const allowed = words[schema.type];
  if (allowed === undefined) return [`${at}: type '${schema.type}' does not exist`];
  const unknown = Object.keys(schema).filter((word) => !["type", "description", "default", ...allowed].includes(word));
  return [
    ...unknown.map((word) => `${at}: '${word}' is not part of the schema language`),
    ...(unknown.length === 0 ? defaultProblems(schema, at) : []),
    ...formatProblems(schema, at),
    ...childProblems(schema, at),
  ];
}

function childProblems(schema: Schema, at: string): string[] {
  if (schema.type === "array") return problemsOf(schema.items, `${at}[]`);
  if (schema.type !== "object") return [];
  if ("additionalProperties" in schema) {
    if (typeof schema.additionalProperties !== "object") return [`${at}: takes properties that are not declared`];
    return problemsOf(schema.additionalProperties, `${at}.*`);
  }
  const required = schema.required ?? [];
  const undeclared = required.filter((name) => !(name in schema.properties));
  const properties = Object.entries(schema.properties).flatMap(([name, property]) => {
    const place = `${at}.${name}`;
    const both = property.default !== undefined && required.includes(name);
    return [
      ...(/^\S.*\S$/.test(property.description ?? "") ? [] : [`${place}: has no description`]),
      ...(both ? [`${place}: is required and has a default`] : []),
      ...problemsOf(property, place),
    ];
  });
  return [...undeclared.map((name) => `${at}: requires '${name}', which is not declared`), ...properties];
}

function defaultProblems(schema: Schema, at: string): string[] {
  if (schema.default === undefined) return [];
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true, useDefaults: true });
  if (ajv.validate(schema, structuredClone(schema.default))) return [];
  return [`${at}: its default ${ajv.errorsText(ajv.errors, { dataVar: "" }).trim()}`];
}

function formatProblems(schema: Schema, at: string): string[] {
  if (schema.type !== "string" || schema.format === undefined) return [];
  if (!formats.includes(schema.format)) return [`${at}: format '${String(schema.format)}' does not exist`];
  return schema.format === "secret" && schema.default !== undefined ? [`${at}: a secret has no default`] : [];
}
