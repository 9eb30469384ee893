import { DistributaryError } from "distributary/sdk";

/** What the exit code of a command says to a script. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  unreachable: 4,
  waiting: 5,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The meaning of each exit code in one sentence, for help and docs. */
export const exitCodeMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: "It was done.",
  failed: "It was tried and failed.",
  usage: "The command line was wrong; nothing was done.",
  refused: "The caller may not do it, or a plugin or policy refused it.",
  unreachable: "Control, or whatever else was needed, could not be reached.",
  waiting: "It was accepted but is deferred, or waits for somebody.",
  interrupted: "It was interrupted, by Ctrl-C for instance.",
};

const unreachableCauses = [
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOTFOUND",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "EAI_AGAIN",
];

/** The exit code for an error: 401 and 403 are refused, 502 … 504 and refused connections unreachable. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof DistributaryError) {
    if (error.code === "DIST_ERR_USAGE") return exitCodes.usage;
    if (error.status === 401 || error.status === 403) return exitCodes.refused;
    if (error.status >= 502 && error.status <= 504) return exitCodes.unreachable;
  }
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth += 1) {
    if (cause.name === "AbortError") return exitCodes.interrupted;
    if (unreachableCauses.includes((cause as NodeJS.ErrnoException).code ?? "")) return exitCodes.unreachable;
  }
  return exitCodes.failed;
}
