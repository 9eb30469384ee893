import type { ObjectSchema, ProviderKind } from "distributary/sdk";
import type { LoadedConfig } from "./load.ts";
import type { Policy } from "./policy.ts";
import type { Problem } from "./problem.ts";
import { suggestion } from "./suggest.ts";
import { compileSchema } from "./validate.ts";

/** What a configuration is checked against. */
export interface Knowledge {
  /** The options of each loaded plugin by its id; undefined for one without options. */
  readonly plugins: ReadonlyMap<string, ObjectSchema | undefined>;
  /** The names of all providers. */
  readonly providers: Readonly<Record<ProviderKind, readonly string[]>>;
}

const noOptions: ObjectSchema = { type: "object", properties: {} };

/** Checks plugin options and names of providers. Throws a ConfigError with each problem and its line; reads no secret. */
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
  for (const [name, policy] of Object.entries(config.policies))
    problems.push(...providerProblems(policy, ["policies", name], knowledge));
  for (const [name, { policy }] of Object.entries(config.sites)) {
    if (typeof policy !== "string") problems.push(...providerProblems(policy, ["sites", name, "policy"], knowledge));
  }
  if (problems.length > 0) throw loaded.error(problems);
}

function providerProblems(policy: Policy, path: Problem["path"], { providers }: Knowledge): Problem[] {
  const look = (kind: ProviderKind, what: string, name: string, at: Problem["path"], builtIn?: string): Problem[] => {
    const known = [...new Set([...providers[kind], ...(builtIn === undefined ? [] : [builtIn])])].sort();
    if (known.includes(name)) return [];
    const hint = `known: ${known.join(", ") || "none"}; others come with a plugin listed under \`plugins:\``;
    return [{ path: [...path, ...at], message: `no ${what} named '${name}'${suggestion(name, known)}`, hint }];
  };
  return [
    ...look("deltas", "delta engine", policy.delta, ["delta"]),
    ...policy.compress.flatMap(({ use }, at) =>
      look("compressors", "compressor", use, ["compress", at, "use"], "none"),
    ),
    ...look("ciphers", "cipher", policy.encrypt, ["encrypt"], "none"),
    ...look("priorities", "priority", policy.priority, ["priority"]),
    ...look("transports", "transport", policy.transport, ["transport"]),
    ...look("interpreters", "interpreter", policy.interpreter, ["interpreter"], "native"),
  ];
}
