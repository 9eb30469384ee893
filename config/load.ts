import { dirname, resolve } from "node:path";
import type { Role } from "distributary/sdk";
import { deepFreeze, isPlainObject } from "./copy.ts";
import { policyProblems, policySchema } from "./policy.ts";
import type { Policy } from "./policy.ts";
import type { Problem } from "./problem.ts";
import { referenceProblems } from "./references.ts";
import { fileSchema } from "./schema.ts";
import type { Config, PluginEntry, Site } from "./schema.ts";
import { writeOut } from "./shorthand.ts";
import { compileSchema } from "./validate.ts";
import { YamlFile, readConfigText } from "./yaml-file.ts";

export interface LoadOptions {
  /**
   * Who reads it. The other role's section is left out, and secrets are read. Without a role everything is
   * checked, and `[secret]` stands in place of secrets.
   */
  readonly role?: Role;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export interface LoadedConfig {
  readonly config: Config;
  /** As it was given. */
  readonly file: string;
  /** Absolute path of the directory of the file: where plugins are looked for. */
  readonly directory: string;
  /** `file:line` of a value in it. */
  locate(path: readonly (string | number)[]): string;
  /** An error with the line of each problem. */
  error(problems: readonly Problem[]): Error;
}

/** Reads a configuration. Throws DIST_ERR_CONFIG_READ, or a ConfigError with everything that is wrong in it at once. */
export function loadConfig(file: string, options: LoadOptions = {}): LoadedConfig {
  return readConfig(readConfigText(file), file, options);
}

/** `loadConfig` for text at hand. Paths in it are relative to the directory of `file`, which need not exist. */
export function readConfig(text: string, file: string, { role, environment }: LoadOptions = {}): LoadedConfig {
  const yaml = new YamlFile(text, file);
  const directory = dirname(resolve(file));
  const whole = yaml.value ?? {};
  const { value, pluginOptions, ownPolicies } = writeOut(withoutOtherRole(whole, role));
  const surroundings = {
    directory,
    secrets: role === undefined ? "leave" : "read",
    ...(environment === undefined ? {} : { environment }),
  } as const;
  const checked = compileSchema(fileSchema, surroundings)(value);
  const checkPolicy = compileSchema(policySchema, surroundings);
  const problems: Problem[] = [...(checked.ok ? [] : checked.problems), ...referenceProblems(value)];
  const addProblems = (path: Problem["path"], found: readonly Problem[]) => {
    problems.push(...found.map((problem) => ({ ...problem, path: [...path, ...problem.path] })));
  };
  for (const [name, policy] of Object.entries(checked.ok ? checked.value.policies : {}))
    addProblems(["policies", name], policyProblems(policy));
  const policies = new Map<string, Policy>();
  for (const [site, policy] of ownPolicies) {
    const own = checkPolicy(policy);
    if (own.ok) policies.set(site, own.value);
    addProblems(["sites", site, "policy"], own.ok ? policyProblems(own.value) : own.problems);
  }
  pluginOptions.forEach((given, at) => {
    if (!isPlainObject(given))
      problems.push({ path: ["plugins", at, "options"], message: "must be a mapping (`key: value`)" });
  });
  if (!checked.ok || problems.length > 0) throw yaml.error(problems);
  const plugins = checked.value.plugins.map((plugin, at): PluginEntry => ({
    ...plugin,
    options: pluginOptions[at] as PluginEntry["options"],
    where: yaml.locate(["plugins", at]),
  }));
  const sites = Object.fromEntries(
    Object.entries(checked.value.sites).map(([name, site]): [string, Site] => [
      name,
      { ...site, policy: policies.get(name) ?? site.policy },
    ]),
  );
  return {
    config: deepFreeze({ ...checked.value, plugins, sites }),
    file,
    directory,
    locate: (path) => yaml.locate(path),
    error: (found) => yaml.error(found),
  };
}

function withoutOtherRole(value: unknown, role: Role | undefined): unknown {
  if (role === undefined || !isPlainObject(value)) return value;
  const { [role === "control" ? "agent" : "control"]: _, ...rest } = value;
  return rest;
}
