import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonSchema } from "./to-json-schema.ts";
import { toJsonSchema } from "./to-json-schema.ts";
import { policySchema } from "./policy.ts";
import { fileSchema, pluginSchema, siteSchema } from "./schema.ts";

const reference: JsonSchema = {
  type: "object",
  properties: {
    env: { type: "string", minLength: 1, description: "An environment variable." },
    file: { type: "string", minLength: 1, description: "A file, relative to this one." },
  },
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
};

/** The schema of configuration files for editors: that of the loader, with the short forms. */
export function configJsonSchema(): JsonSchema {
  const policy = toJsonSchema(policySchema, reference);
  const policyProperties = policy["properties"] as Readonly<Record<string, JsonSchema>>;
  const ownPolicy = {
    ...policy,
    properties: {
      ...policyProperties,
      quorum: { ...policyProperties["quorum"], type: ["string", "integer"], minimum: 1 },
    },
  };
  const plugin = toJsonSchema(pluginSchema, reference);
  const options = { type: "object", description: "Options of the plugin.", default: {} };
  const site = toJsonSchema(siteSchema, reference);
  const siteProperties = site["properties"] as Readonly<Record<string, JsonSchema>>;
  const { description, default: byDefault, ...named } = siteProperties["policy"] ?? {};
  const whole = toJsonSchema(fileSchema, reference);
  const sections = whole["properties"] as Readonly<Record<string, JsonSchema>>;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Distributary",
    ...whole,
    properties: {
      ...sections,
      plugins: {
        ...sections["plugins"],
        items: {
          anyOf: [{ type: "string" }, { ...plugin, properties: { ...(plugin["properties"] as object), options } }],
        },
      },
      sites: {
        ...sections["sites"],
        additionalProperties: {
          ...site,
          properties: { ...siteProperties, policy: { description, default: byDefault, anyOf: [named, ownPolicy] } },
        },
      },
      policies: { ...sections["policies"], additionalProperties: ownPolicy },
    },
  };
}

/** The text of `distributary.schema.json`. */
export function configJsonSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, "distributary.schema.json"), configJsonSchemaText());
