import { DistributaryError, printable } from "distributary/sdk";
import { ConfigError } from "../../../config/config-error.ts";
import { escapeControls } from "../../runtime/log.ts";
import type { Terminal } from "./terminal.ts";

/** Writes an error to standard error, in words or as a line of JSON. Unknown errors come with their stack. */
export function printError(error: unknown, terminal: Terminal, format: "text" | "json" = "text"): void {
  terminal.writeError(
    `${format === "json" ? escapeControls(JSON.stringify(errorAsJson(error))) : errorAsText(error)}\n`,
  );
}

function errorAsText(error: unknown): string {
  const text =
    error instanceof DistributaryError
      ? error.describe()
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
  // Line ends of our own stay; whatever came in with a name or a message does not reach the terminal.
  return text.split("\n").map(printable).join("\n");
}

/** What scripts get to see of an error. */
export function errorAsJson(error: unknown): { readonly error: Readonly<Record<string, unknown>> } {
  if (!(error instanceof DistributaryError)) {
    return {
      error: {
        code: "DIST_ERR_UNEXPECTED",
        message: error instanceof Error ? error.message : String(error),
        retryable: false,
      },
    };
  }
  const { code, message, hint, where, retryable } = error;
  const problems = error instanceof ConfigError ? { problems: error.problems } : {};
  return {
    error: {
      code,
      message,
      ...(where === undefined ? {} : { where }),
      ...(hint === undefined ? {} : { hint }),
      retryable,
      ...problems,
    },
  };
}
