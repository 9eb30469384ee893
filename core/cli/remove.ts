import { failure } from "distributary/sdk";
import { askForJob, jobOptions } from "./job-commands.ts";
import { defineCommand } from "./terminal/command.ts";

export const remove = defineCommand({
  name: "remove",
  summary: "Takes a site off all its nodes. Control keeps its versions, so a publish or restore brings it back.",
  options: {
    type: "object",
    required: ["site"],
    properties: { ...jobOptions, yes: { type: "boolean", default: false, description: "Says that you mean it." } },
  },
  positionals: ["site"],
  examples: [{ line: "remove old-campaign --yes", does: "nothing of old-campaign is served any more" }],
  run(context) {
    const { site, yes } = context.values;
    if (!yes)
      throw failure("DIST_ERR_USAGE", {
        command: "distributary remove",
        problem: `say --yes to take '${site}' off every node`,
      });
    return askForJob(context, "/v1/jobs", { kind: "remove", site });
  },
});
