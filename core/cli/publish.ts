import { formatBytes } from "../../config/units.ts";
import type { DryRun } from "../control/jobs/dry-run.ts";
import { Client } from "./client.ts";
import type { ControlPlace } from "./client.ts";
import { askForJob, jobOptions } from "./job-commands.ts";
import { defineCommand } from "./terminal/command.ts";
import type { CommandContext } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";
import { printable } from "distributary/sdk";

export const publish = defineCommand({
  name: "publish",
  summary: "Brings what changed in a staging directory to all nodes, and makes it live.",
  options: {
    type: "object",
    required: ["site"],
    properties: {
      ...jobOptions,
      hold: { type: "boolean", default: false, description: "Prepares only; `distributary commit` makes it live." },
      now: {
        type: "boolean",
        default: false,
        description: "Goes live as soon as it is prepared, whatever the policy says.",
      },
      dryRun: {
        type: "boolean",
        default: false,
        description: "Lists what would change and how much would travel; does nothing.",
      },
      allowEmpty: { type: "boolean", default: false, description: "Lets an empty staging directory empty the site." },
    },
  },
  positionals: ["site"],
  examples: [
    { line: "publish www", does: "brings www up to date everywhere" },
    { line: "publish www --dry-run", does: "lists the changes and the bytes that would travel" },
    { line: "publish www --hold && distributary commit www", does: "prepares first, goes live later" },
  ],
  run(context) {
    const { values } = context;
    if (values.dryRun) return dryRun(context);
    const commit = values.hold ? { commit: "manual" } : values.now ? { commit: "auto" } : {};
    const allowEmpty = values.allowEmpty ? { allowEmpty: true } : {};
    return askForJob(context, "/v1/jobs", { kind: "publish", site: values.site, ...commit, ...allowEmpty });
  },
});

async function dryRun({
  values,
  print,
  signal,
}: CommandContext<{ site: string; json: boolean } & ControlPlace>): Promise<number> {
  const plan = await Client.find(values).post<DryRun>(`/v1/sites/${values.site}/plan`, {}, signal);
  if (values.json) print(JSON.stringify(plan));
  else {
    for (const path of plan.changedPaths) print(printable(path));
    const { added, removed, changed, attributes } = plan.summary;
    print(`${added} new, ${changed} changed, ${removed} gone, ${attributes} with other permissions or times`);
    print(
      `${formatBytes(plan.travelBytes)} would travel to each node, ` +
        `for ${formatBytes(plan.contentBytes)} of changed files of ${formatBytes(plan.sizeBytes)}`,
    );
  }
  return exitCodes.ok;
}
