import { Document, isMap, isScalar } from "yaml";
import type { Schema } from "distributary/sdk";
import { isPlainObject } from "./copy.ts";
import { policySchema } from "./policy.ts";
import { groupSchema, segmentSchema, siteSchema } from "./schema.ts";
import type { Config } from "./schema.ts";

/** What is declared for everybody, apart from how one host runs. */
export type Declared = Pick<Config, "groups" | "segments" | "sites" | "policies">;

/**
 * Writes groups, segments, sites and policies as YAML: sorted by name, their options in the order of the schema,
 * nothing left to defaults. Reading it again gives the same; equal configurations give equal text.
 */
export function exportConfig({ groups, segments, sites, policies }: Declared): string {
  const ordered = {
    groups: inOrder({ type: "object", additionalProperties: groupSchema }, groups),
    segments: inOrder({ type: "object", additionalProperties: segmentSchema }, segments),
    sites: mapValues(inOrder({ type: "object", additionalProperties: siteSchema }, sites), withOrderedPolicy),
    policies: inOrder({ type: "object", additionalProperties: policySchema }, policies),
  };
  const document = new Document(ordered, { version: "1.2", aliasDuplicateObjects: false });
  if (isMap(document.contents)) {
    for (const { key } of document.contents.items.slice(1)) if (isScalar(key)) key.spaceBefore = true;
  }
  return document.toString({ lineWidth: 110 });
}

/** Options in the order of the schema, other keys sorted. */
function inOrder(schema: Schema, value: unknown): unknown {
  if (schema.type === "array" && Array.isArray(value)) return value.map((item) => inOrder(schema.items, item));
  if (schema.type !== "object" || !isPlainObject(value)) return value;
  const keys = "properties" in schema ? Object.keys(schema.properties) : Object.keys(value).sort();
  const schemaOf = (key: string) => ("properties" in schema ? schema.properties[key] : schema.additionalProperties);
  const present = keys.filter((key) => Object.hasOwn(value, key) && value[key] !== undefined);
  return Object.fromEntries(present.map((key) => [key, inOrder(schemaOf(key) ?? schema, value[key])]));
}

function withOrderedPolicy(site: unknown): unknown {
  return isPlainObject(site) ? { ...site, policy: inOrder(policySchema, site["policy"]) } : site;
}

function mapValues(value: unknown, map: (item: unknown) => unknown): unknown {
  return isPlainObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, map(item)]))
    : value;
}
