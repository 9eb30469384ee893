import { askForJob, jobOptions } from "./job-commands.ts";
import { defineCommand } from "./terminal/command.ts";

export const commit = defineCommand({
  name: "commit",
  summary: "Makes what is prepared live on all nodes at once.",
  options: { type: "object", required: ["site"], properties: jobOptions },
  positionals: ["site"],
  examples: [{ line: "commit www", does: "makes what `publish www --hold` prepared live" }],
  run: (context) => askForJob(context, `/v1/sites/${context.values.site}/commit`, {}),
});
