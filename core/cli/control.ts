import { parseAddress } from "../../config/formats.ts";
import { loadConfig } from "../../config/load.ts";
import { failure } from "distributary/sdk";
import { createLog } from "../runtime/log.ts";
import { realIo } from "../runtime/io.ts";
import { configOption, defineCommand } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";

export const control = defineCommand({
  name: "control",
  summary: "Runs control on this host: it plans, distributes and records. SIGHUP loads plugins anew.",
  options: {
    type: "object",
    properties: {
      config: configOption,
      data: { type: "string", format: "path", description: "Data directory, in place of the one in the file." },
      api: { type: "string", format: "address", description: "Where the API listens, in place of the file's." },
      link: { type: "string", format: "address", description: "Where agents connect to, in place of the file's." },
      pretty: { type: "boolean", default: false, description: "Logs lines for people instead of JSON." },
    },
  },
  examples: [{ line: "control --config distributary.yaml", does: "runs control as the file says, until Ctrl-C" }],
  async run({ values, signal }) {
    // Other commands need nothing of it, and so do not load it.
    const { runControl } = await import("../control/run-control.ts");
    const { config, directory } = loadConfig(values.config, { role: "control" });
    const section = config.control;
    if (section === undefined)
      throw failure("DIST_ERR_USAGE", {
        command: "distributary control",
        problem: `'${values.config}' has no section \`control:\``,
      });
    const log = createLog({ level: section.log, pretty: values.pretty });
    await using running = await runControl(
      {
        directory: values.data ?? section.data,
        ...(section.database === undefined ? {} : { databaseUrl: section.database.url }),
        api: parseAddress(values.api ?? section.api),
        link: parseAddress(values.link ?? section.link),
        plugins: config.plugins,
        pluginDirectory: directory,
        log,
      },
      realIo,
    );
    const reload = () => {
      const renew = async () => running.control.reload(loadConfig(values.config, { role: "control" }).config.plugins);
      renew().catch((error: unknown) => log.error({ error: (error as Error).message }, "plugins stay as they were"));
    };
    process.on("SIGHUP", reload);
    // It may have been told to stop while it started.
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    process.off("SIGHUP", reload);
    log.info({}, "control stops");
    return exitCodes.ok;
  },
});
