/** One answer of control's API, below `/v1/plugins/<plugin id>/<name>`. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** The least a caller must be. */
  readonly role: "viewer" | "operator" | "admin";
  readonly description: string;
  /** Gets the parsed JSON body, if any; what it returns is sent as JSON. */
  answer(body: unknown, signal: AbortSignal): Promise<unknown>;
}

/** A command of the command line, `distributary <name>`. */
export interface CliCommand {
  readonly description: string;
  /** Resolves with the exit code. */
  run(args: readonly string[], print: (line: string) => void): Promise<number>;
}

/** A step of control's database: SQL statements that run in one transaction, once. */
export interface Migration {
  readonly up: readonly string[];
}
