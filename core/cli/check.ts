import { resolve } from "node:path";
import type { ObjectSchema, Plugin, ProviderKind } from "distributary/sdk";
import { checkConfig } from "../../config/check.ts";
import { loadConfig } from "../../config/load.ts";
import type { LoadedConfig } from "../../config/load.ts";
import { compileSchema } from "../../config/validate.ts";
import { Kernel } from "../kernel/kernel.ts";
import { loadPlugin } from "../kernel/loader.ts";
import type { PluginUse } from "../kernel/loader.ts";
import { createLog } from "../runtime/log.ts";
import { defineCommand, jsonOption } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";

export const check = defineCommand({
  name: "check",
  summary: "Finds everything that is wrong with a configuration: all errors at once, each with its line.",
  options: {
    type: "object",
    required: ["file"],
    properties: { file: { type: "string", format: "path", description: "The file." }, json: jsonOption },
  },
  positionals: ["file"],
  examples: [{ line: "check deployment.yaml", does: "says what is wrong with deployment.yaml, or that it is fine" }],
  async run({ values, print }) {
    const loaded = loadConfig(values.file);
    await checkPlugins(loaded);
    const { sites, groups, policies } = loaded.config;
    const count = {
      sites: Object.keys(sites).length,
      groups: Object.keys(groups).length,
      policies: Object.keys(policies).length,
    };
    print(
      values.json
        ? JSON.stringify({ ok: true, ...count })
        : `${resolve(values.file)} is fine: ${count.sites} sites, ${count.groups} groups, ${count.policies} policies`,
    );
    return exitCodes.ok;
  },
});

/** Sets up every plugin whose options allow it, to know the names of providers: all problems are told at once. */
async function checkPlugins(loaded: LoadedConfig): Promise<void> {
  const { config, directory } = loaded;
  const found = await Promise.all(
    config.plugins.map(async (use) => ({ use, plugin: await loadPlugin(use, directory) })),
  );
  const plugins = new Map(found.map(({ use, plugin }) => [use.as ?? use.use, plugin.options]));
  const uses = found.flatMap(({ use, plugin }) => usable(use, plugin, directory) ?? []);
  const log = createLog({ level: "error", pretty: true });
  await using kernel = await Kernel.load({ plugins: uses, directory, log });
  if (uses.length < found.length) return checkConfig(loaded, { plugins });
  const providers = Object.entries(kernel.registries).map(([kind, registry]) => [kind, registry.names()] as const);
  checkConfig(loaded, {
    plugins,
    providers: Object.fromEntries(providers) as unknown as Record<ProviderKind, string[]>,
  });
}

/** With its options if they are right; else with its defaults, if these suffice. */
function usable(use: PluginUse, { options = noOptions }: Plugin, directory: string): PluginUse | undefined {
  if (compileSchema(options, { directory, secrets: "leave" })(use.options ?? {}).ok) return use;
  const { options: _, ...rest } = use;
  return (options.required ?? []).length === 0 ? rest : undefined;
}

const noOptions: ObjectSchema = { type: "object", properties: {} };
