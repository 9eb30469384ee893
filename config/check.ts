import type { ObjectSchema, ProviderKind } from "distributary/sdk";
import type { LoadedConfig } from "./load.ts";
import type { Policy } from "./policy.ts";
import type { Problem } from "./problem.ts";
import type { Config } from "./schema.ts";
import { suggestion } from "./suggest.ts";
import { compileSchema } from "./validate.ts";

type Providers = Readonly<Record<ProviderKind, readonly string[]>>;

/** What a configuration is checked against. */
export interface Knowledge {
  /** The options of each loaded plugin by its id; undefined for one without options. */
  readonly plugins: ReadonlyMap<string, ObjectSchema | undefined>;
  /** The names of all providers; absent if not every plugin could be asked, then no names are checked. */
  readonly providers?: Providers;
}

const noOptions: ObjectSchema = { type: "object", properties: {} };

/** Checks plugin options and names of providers. Throws a ConfigError with each problem's line; reads no secret. */
export function checkConfig(loaded: LoadedConfig, knowledge: Knowledge): void {
  const { config, directory } = loaded;
  const problems: Problem[] = [];
  config.plugins.forEach(({ use, as, options }, at) => {
    const id = as ?? use;
    if (!knowledge.plugins.has(id)) return;
    const checked = compileSchema(knowledge.plugins.get(id) ?? noOptions, { directory, secrets: "leave" })(options);
    if (!checked.ok)
      problems.push(
        ...checked.problems.map((problem) => ({ ...problem, path: ["plugins", at, "options", ...problem.path] })),
      );
  });
  const { providers } = knowledge;
  if (providers !== undefined) problems.push(...nameProblems(config, providers));
  if (problems.length > 0) throw loaded.error(problems);
}

function nameProblems({ policies, segments, sites }: Config, providers: Providers): Problem[] {
  const ranking = Object.entries(segments).flatMap(([name, { priority }]) => {
    return lookUp(providers.priorities, "priority", priority, ["segments", name, "priority"]);
  });
  const shared = Object.entries(policies).flatMap(([name, policy]) => {
    return providerProblems(policy, ["policies", name], providers);
  });
  const own = Object.entries(sites).flatMap(([name, { policy }]) => {
    return typeof policy === "string" ? [] : providerProblems(policy, ["sites", name, "policy"], providers);
  });
  return [...ranking, ...shared, ...own];
}

function lookUp(known: readonly string[], what: string, name: string, path: Problem["path"]): Problem[] {
  if (known.includes(name)) return [];
  const hint = `known: ${known.join(", ") || "none"}; others come with a plugin listed under \`plugins:\``;
  return [{ path, message: `no ${what} named '${name}'${suggestion(name, known)}`, hint }];
}

function providerProblems(policy: Policy, path: Problem["path"], providers: Providers): Problem[] {
  const look = (kind: ProviderKind, what: string, name: string, at: Problem["path"], builtIn?: string): Problem[] => {
    const known = [...new Set([...providers[kind], ...(builtIn === undefined ? [] : [builtIn])])].sort();
    return lookUp(known, what, name, [...path, ...at]);
  };
  return [
    ...look("deltas", "delta engine", policy.delta, ["delta"]),
    ...policy.compress.flatMap(({ use }, at) =>
      look("compressors", "compressor", use, ["compress", at, "use"], "none"),
    ),
    ...look("ciphers", "cipher", policy.encrypt, ["encrypt"], "none"),
    ...look("priorities", "priority", policy.priority, ["priority"]),
    ...look("transports", "transport", policy.transport, ["transport"]),
    ...look("transports", "transport", policy.segmentTransport, ["segmentTransport"], "none"),
    ...look("interpreters", "interpreter", policy.interpreter, ["interpreter"], "native"),
  ];
}
