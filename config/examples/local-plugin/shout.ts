import { definePlugin } from "distributary/sdk";

/** Says it loudly when a site went live. */
export default definePlugin({
  name: "shout",
  api: 1,
  description: "Says it loudly when a site went live.",
  stability: "stable",
  roles: ["control"],
  options: {
    type: "object",
    properties: {
      marks: { type: "integer", minimum: 0, maximum: 10, default: 1, description: "How many exclamation marks." },
    },
  },
  setup({ hooks, log }, { marks }) {
    hooks.groupSwitched.tap(({ job, changedPaths }) => {
      const text = `${job.site} is live, version ${job.version ?? "unknown"}`;
      log.info({ changed: changedPaths.length }, text.toUpperCase() + "!".repeat(marks));
    });
  },
});
