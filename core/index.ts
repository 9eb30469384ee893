/** Distributary as a library: the two roles, started from a program instead of the command line. */
export { runAgent } from "./agent/run-agent.ts";
export type { RunAgentOptions } from "./agent/run-agent.ts";
export { runControl } from "./control/run-control.ts";
export type { RunningControl } from "./control/run-control.ts";
export { createLog } from "./runtime/log.ts";
export { realIo } from "./runtime/io.ts";
