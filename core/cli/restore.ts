import { failure } from "distributary/sdk";
import { askForJob, jobOptions } from "./job-commands.ts";
import { defineCommand } from "./terminal/command.ts";

export const restore = defineCommand({
  name: "restore",
  summary: "Makes a checkpoint, or an earlier version, live again as a new version.",
  options: {
    type: "object",
    required: ["site"],
    properties: {
      ...jobOptions,
      checkpoint: { type: "string", maxLength: 200, description: "The checkpoint, by label or id." },
      version: { type: "integer", minimum: 1, description: "A version that control still has, instead." },
    },
  },
  positionals: ["site", "checkpoint"],
  examples: [
    { line: "restore www before-sale", does: "brings the checkpoint before-sale back" },
    { line: "restore www --version 7", does: "brings version 7 back" },
  ],
  run(context) {
    const { site, checkpoint, version } = context.values;
    if ((checkpoint === undefined) === (version === undefined)) {
      throw failure("DIST_ERR_USAGE", {
        command: "distributary restore",
        problem: "name either a checkpoint or --version",
      });
    }
    return askForJob(context, "/v1/jobs", {
      kind: "restore",
      site,
      ...(version === undefined ? { checkpoint } : { version }),
    });
  },
});
