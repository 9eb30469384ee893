import { askForJob, jobOptions } from "./job-commands.ts";
import { defineCommand } from "./terminal/command.ts";

export const checkpoint = defineCommand({
  name: "checkpoint",
  summary: "Keeps the version that is live, so that it can be restored later.",
  options: {
    type: "object",
    required: ["site"],
    properties: {
      ...jobOptions,
      label: { type: "string", minLength: 1, maxLength: 200, description: "What it is called." },
    },
  },
  positionals: ["site"],
  examples: [{ line: "checkpoint www --label before-sale", does: "keeps what is live as before-sale" }],
  run(context) {
    const { site, label } = context.values;
    return askForJob(context, "/v1/jobs", { kind: "checkpoint", site, ...(label === undefined ? {} : { label }) });
  },
});
