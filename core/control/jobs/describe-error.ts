import { DistributaryError } from "distributary/sdk";

/** An error in one line, as a job's reason and the log tell it: code, what happened and, in brackets, the next step. */
export function describeError(error: unknown): string {
  if (!(error instanceof DistributaryError)) return error instanceof Error ? error.message : String(error);
  return `${error.code}: ${error.message}${error.hint === undefined ? "" : ` (${error.hint})`}`;
}
