import { createLog } from "../runtime/log.ts";
import { realIo } from "../runtime/io.ts";
import { existsSync } from "node:fs";
import type { Io, ProviderKind } from "distributary/sdk";
import { loadConfig } from "../../config/load.ts";
import { Kernel } from "../kernel/kernel.ts";
import { configOption, defineCommand, jsonOption } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";
import { formatTable } from "./terminal/table.ts";

export const plugins = defineCommand({
  name: "plugins",
  summary: "Lists plugins with what they provide, and whether they are usable on this host or why not.",
  options: { type: "object", properties: { config: configOption, json: jsonOption } },
  examples: [{ line: "plugins --config distributary.yaml", does: "lists built-in plugins and those the file names" }],
  async run({ values, terminal, print }) {
    const loaded = existsSync(values.config) ? loadConfig(values.config) : undefined;
    const log = createLog({ level: "warn", pretty: true });
    const directory = loaded?.directory ?? process.cwd();
    await using kernel = await Kernel.load({ plugins: loaded?.config.plugins ?? [], directory, log });
    const found = kernel.plugins.map(({ id, plugin, builtIn, skipped }) => {
      const { provides, reasons } = providedBy(kernel, id);
      const reason = skipped ?? reasons.join("; ");
      return {
        id,
        builtIn,
        provides,
        stability: plugin.stability ?? "stable",
        usable: reason === "",
        reason,
        description: plugin.description ?? "",
      };
    });
    if (values.json) print(JSON.stringify(found));
    else
      print(
        formatTable(
          titles,
          found.map((each) => [
            each.id,
            each.provides.join(", "),
            each.usable ? "yes" : `no: ${each.reason}`,
            each.stability,
            each.description,
          ]),
          terminal.columns,
        ),
      );
    return exitCodes.ok;
  },
});

const titles = [
  { title: "plugin" },
  { title: "provides" },
  { title: "usable here", leastWidth: 30 },
  { title: "stability" },
  { title: "what it does" },
] as const;

function providedBy(kernel: Kernel, id: string): { provides: string[]; reasons: string[] } {
  const provides: string[] = [];
  const reasons: string[] = [];
  for (const kind of Object.keys(kernel.registries) as ProviderKind[]) {
    for (const { name, provider, plugin } of kernel.registries[kind].entries()) {
      if (plugin !== id) continue;
      provides.push(`${kind}: ${name}`);
      const reason = (provider as { probe?(io: Io): string | undefined }).probe?.(realIo as Io);
      if (reason !== undefined) reasons.push(reason);
    }
  }
  return { provides, reasons };
}
