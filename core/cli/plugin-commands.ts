import { existsSync } from "node:fs";
import { loadConfig } from "../../config/load.ts";
import { Kernel } from "../kernel/kernel.ts";
import { createLog } from "../runtime/log.ts";
import { pluginCommand } from "./terminal/command.ts";
import type { Command } from "./terminal/command.ts";

/** Commands that the plugins of the configuration in this directory (or DISTRIBUTARY_CONFIG) bring. */
export async function loadPluginCommands(): Promise<Command[]> {
  const file = process.env["DISTRIBUTARY_CONFIG"] ?? "distributary.yaml";
  if (!existsSync(file)) return [];
  const { config, directory } = loadConfig(file);
  if (config.plugins.length === 0) return [];
  await using kernel = await Kernel.load({
    plugins: config.plugins,
    directory,
    log: createLog({ level: "warn", pretty: true }),
  });
  return [...kernel.extensions.commands].map(([path, command]) =>
    pluginCommand(path.slice(path.indexOf("/") + 1), command),
  );
}
