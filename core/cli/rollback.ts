import { askForJob, jobOptions } from "./job-commands.ts";
import { defineCommand } from "./terminal/command.ts";

export const rollback = defineCommand({
  name: "rollback",
  summary: "Goes back to the version that was live before, on all nodes at once; nothing is sent.",
  options: {
    type: "object",
    required: ["site"],
    properties: {
      ...jobOptions,
      version: { type: "integer", minimum: 1, description: "Another version that the nodes still have." },
    },
  },
  positionals: ["site"],
  examples: [
    { line: "rollback www", does: "undoes the last commit" },
    { line: "rollback www --version 7", does: "goes to version 7, if the nodes still have it" },
  ],
  run(context) {
    const { site, version } = context.values;
    return askForJob(context, "/v1/jobs", { kind: "rollback", site, ...(version === undefined ? {} : { version }) });
  },
});
