import { hostname } from "node:os";
import { readFileSync } from "node:fs";
import { failure } from "distributary/sdk";
import { isName, parseAddress } from "../../config/formats.ts";
import { loadConfig } from "../../config/load.ts";
import { createLog } from "../runtime/log.ts";
import { realIo } from "../runtime/io.ts";
import { configOption, defineCommand } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";

export const agent = defineCommand({
  name: "agent",
  summary: "Runs the agent on this host: it takes releases and switches to them.",
  details: [
    "The first time it needs a join token: from --token, --token-file or DISTRIBUTARY_JOIN_TOKEN.",
    "From then on it has a certificate of its own.",
  ],
  options: {
    type: "object",
    properties: {
      config: configOption,
      name: { type: "string", format: "name", description: "What this node is called, in place of the file's." },
      control: { type: "string", format: "address", description: "Where control is, in place of the file's." },
      data: { type: "string", format: "path", description: "Data directory, in place of the file's." },
      token: {
        type: "string",
        maxLength: 1_000,
        description: "The join token. Other users can see it in the list of processes.",
      },
      tokenFile: { type: "string", format: "path", description: "A file with the join token." },
      pretty: { type: "boolean", default: false, description: "Logs lines for people instead of JSON." },
    },
  },
  examples: [
    {
      line: "agent --config distributary.yaml --name web-1 --token-file join",
      does: "enrols as web-1 and runs until Ctrl-C",
    },
  ],
  async run({ values, signal }) {
    const { config, directory } = loadConfig(values.config, { role: "agent" });
    const section = config.agent;
    if (section === undefined)
      throw failure("DIST_ERR_USAGE", {
        command: "distributary agent",
        problem: `'${values.config}' has no section \`agent:\``,
      });
    const name = values.name ?? section.name ?? hostname().toLowerCase();
    if (!isName(name))
      throw failure("DIST_ERR_USAGE", {
        command: "distributary agent",
        problem: `'${name}' is no name for a node; give one with --name`,
      });
    const token =
      values.token ??
      (values.tokenFile === undefined
        ? process.env["DISTRIBUTARY_JOIN_TOKEN"]
        : readFileSync(values.tokenFile, "utf8").trim());
    const { runAgent } = await import("../agent/run-agent.ts");
    await runAgent(
      {
        name,
        directory: (values.data ?? section.data).replaceAll("{name}", name),
        control: parseAddress(values.control ?? section.control),
        labels: section.labels,
        ...(section.segment === undefined ? {} : { segment: section.segment }),
        ...(section.listen === undefined ? {} : { listen: parseAddress(section.listen) }),
        ...(section.location === undefined ? {} : { location: section.location }),
        ...(section.policy === undefined ? {} : { policyFile: section.policy }),
        ...(token === undefined ? {} : { token }),
        plugins: config.plugins,
        pluginDirectory: directory,
        log: createLog({ level: section.log, pretty: values.pretty }),
      },
      realIo,
      signal,
    );
    return exitCodes.ok;
  },
});
