import { loadConfig } from "../../config/load.ts";
import { Client, controlOptions } from "./client.ts";
import { defineCommand, jsonOption } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";

export const apply = defineCommand({
  name: "apply",
  summary: "Declares the sites, groups, segments and policies of a YAML file; what it does not name stays as it is.",
  options: {
    type: "object",
    required: ["file"],
    properties: {
      file: {
        type: "string",
        format: "path",
        description: "The deployment. It also says where control is, if nothing else does.",
      },
      json: jsonOption,
      ...controlOptions,
    },
  },
  short: { f: "file" },
  examples: [{ line: "apply -f deployment.yaml", does: "declares what deployment.yaml says" }],
  async run({ values, print, signal }) {
    const { config } = loadConfig(values.file);
    const client = Client.find({ config: values.file, ...values });
    const sites = Object.entries(config.sites).map(([name, { policy, ...site }]) => [
      name,
      typeof policy === "string" ? { ...site, policy } : { ...site, ownPolicy: policy },
    ]);
    const { groups, segments, policies } = config;
    const body = { groups, segments, policies, sites: Object.fromEntries(sites) };
    const { applied } = await client.put<{ applied: Record<string, string[]> }>("/v1/declaration", body, signal);
    if (values.json) print(JSON.stringify(applied));
    else for (const [what, names] of Object.entries(applied)) print(`${what}: ${names.join(", ") || "none"}`);
    return exitCodes.ok;
  },
});
