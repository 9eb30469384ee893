import { parentPort, workerData } from "node:worker_threads";
import { DistributaryError } from "distributary/sdk";
import type { Io } from "distributary/sdk";
import { Kernel } from "../../kernel/kernel.ts";
import type { PluginUse } from "../../kernel/loader.ts";
import { realDisk } from "../../runtime/disk.ts";
import { planBuild, planCollect, planCopy, planScan } from "./plan.ts";
import type { Progress } from "./plan.ts";
import type { PlannerData, PlannerReply, PlannerRequest } from "./planner.ts";

/*
 * The thread in which control scans, compares and builds: long synchronous work that must not hold up nodes and API.
 * It has a kernel of its own, of the same plugins.
 */

const { directory, pluginDirectory, plugins } = workerData as PlannerData;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const library = { disk: realDisk, directory };
/** Providers that plan only look at the disk. */
const io = { disk: realDisk } as Io;
const kernel = await Kernel.load({
  plugins: plugins as PluginUse[],
  directory: pluginDirectory,
  role: "control",
  log: silent,
});

parentPort?.on("message", ({ id, request }: { id: number; request: PlannerRequest }) => {
  const reply = (message: PlannerReply) => parentPort?.postMessage({ id, ...message });
  try {
    reply({
      type: "done",
      value: answer(request, (what, done, total) => reply({ type: "progress", what, done, total })),
    });
  } catch (error) {
    reply({ type: "failed", error: flatten(error) });
  }
});

function answer(request: PlannerRequest, progress: Progress): unknown {
  switch (request.type) {
    case "scan":
      return planScan(library, request, progress);
    case "build":
      return planBuild(library, kernel, io, request, progress);
    case "copy":
      return planCopy(library, request.site, request.from, request.to);
    case "collect":
      return planCollect(library, request.site, request.kept);
  }
}

/** What of an error survives the way between threads. */
function flatten(error: unknown) {
  const { message, stack } = error as Error;
  if (error instanceof DistributaryError) {
    const { code, retryable, status, hint } = error;
    return { message, stack, code, retryable, status, hint };
  }
  return { message, stack, code: (error as NodeJS.ErrnoException).code };
}
