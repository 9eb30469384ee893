import { isPlainObject } from "./copy.ts";

/** A configuration as its schema wants it, and what no schema of options can say, taken out of it. */
export interface Longhand {
  readonly value: unknown;
  /** `options` of each plugin, in the order of `plugins`. */
  readonly pluginOptions: readonly unknown[];
  /** Policies that stand in a site itself, by the site's name. */
  readonly ownPolicies: ReadonlyMap<string, unknown>;
}

/** Writes out what a file may say shortly: `- gzip` for `- use: gzip`, `quorum: 3` for `quorum: "3"`. */
export function writeOut(value: unknown): Longhand {
  const pluginOptions: unknown[] = [];
  const ownPolicies = new Map<string, unknown>();
  if (!isPlainObject(value)) return { value, pluginOptions, ownPolicies };
  const result: Record<string, unknown> = { ...value };
  if (Array.isArray(value["plugins"])) {
    result["plugins"] = value["plugins"].map((entry: unknown) => {
      const { options = {}, ...rest } = isPlainObject(entry) ? entry : { use: entry };
      pluginOptions.push(options);
      return rest;
    });
  }
  const ownPolicyTaken = (site: unknown, name: string) => {
    if (!isPlainObject(site) || !isPlainObject(site["policy"])) return site;
    const { policy, ...rest } = site;
    ownPolicies.set(name, quorumAsText(policy));
    return rest;
  };
  if ("sites" in value) result["sites"] = mapValues(value["sites"], ownPolicyTaken);
  if ("policies" in value) result["policies"] = mapValues(value["policies"], quorumAsText);
  return { value: result, pluginOptions, ownPolicies };
}

function quorumAsText(policy: unknown): unknown {
  return isPlainObject(policy) && typeof policy["quorum"] === "number"
    ? { ...policy, quorum: String(policy["quorum"]) }
    : policy;
}

function mapValues(value: unknown, map: (item: unknown, key: string) => unknown): unknown {
  return isPlainObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, map(item, key)]))
    : value;
}
