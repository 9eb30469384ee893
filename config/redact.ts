import type { Schema } from "distributary/sdk";
import { deepFreeze, isPlainObject } from "./copy.ts";
import { fileSchema } from "./schema.ts";
import type { Config } from "./schema.ts";
import { hiddenSecret } from "./secret.ts";

/** A copy of a checked value in which `[secret]` stands for every secret, to show or log. */
export function redact(schema: Schema, value: unknown): unknown {
  if (value === undefined) return undefined;
  if (schema.type === "string" && schema.format === "secret") return hiddenSecret;
  if (schema.type === "array" && Array.isArray(value)) return value.map((item) => redact(schema.items, item));
  if (schema.type !== "object" || !isPlainObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => {
    const inner = "properties" in schema ? schema.properties[key] : schema.additionalProperties;
    return [key, inner === undefined ? item : redact(inner, item)] as const;
  });
  return Object.fromEntries(entries);
}

/** A configuration that can be shown. Options of plugins hold only references to secrets. */
export function redactConfig(config: Config): Config {
  return deepFreeze(redact(fileSchema, config)) as Config;
}
