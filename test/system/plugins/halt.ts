import { existsSync, watch } from "node:fs";
import { once } from "node:events";
import { dirname } from "node:path";
import { definePlugin } from "distributary/sdk";
import type { Log } from "distributary/sdk";

const moments = [
  "jobProposed",
  "jobPlanned",
  "jobPrepared",
  "beforeSwitch",
  "afterSwitch",
  "groupSwitched",
  "jobEnded",
] as const;

/**
 * Says that a moment of a job has come and, at the one named, does not go on, so that a test can interrupt it there.
 */
export default definePlugin({
  name: "halt",
  api: 1,
  roles: ["control"],
  options: {
    type: "object",
    properties: {
      at: { type: "string", enum: ["nowhere", ...moments], default: "nowhere", description: "Where to halt." },
      until: { type: "string", default: "", description: "Until this file is there; empty: for ever." },
    },
  },
  setup({ hooks, log }, { at, until }) {
    const reach = (moment: (typeof moments)[number]) => reached(moment, moment === at ? until : undefined, log);
    hooks.jobProposed.tap(() => reach("jobProposed"));
    hooks.jobPlanned.tap(async (plan) => {
      await reach("jobPlanned");
      return plan;
    });
    hooks.jobPrepared.tap(() => reach("jobPrepared"));
    hooks.beforeSwitch.tap(() => reach("beforeSwitch"));
    hooks.afterSwitch.tap(() => reach("afterSwitch"));
    hooks.groupSwitched.tap(() => reach("groupSwitched"));
    hooks.jobEnded.tap(() => reach("jobEnded"));
  },
});

async function reached(moment: string, until: string | undefined, log: Log): Promise<void> {
  log.info({ moment }, until === undefined ? "passed" : "halted");
  if (until === "") await new Promise<void>(() => {});
  if (until === undefined || until === "" || existsSync(until)) return;
  const watcher = watch(dirname(until));
  while (!existsSync(until)) await once(watcher, "change");
  watcher.close();
}
