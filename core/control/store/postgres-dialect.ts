import { PostgresDialect, PostgresDriver } from "kysely";
import type { CompiledQuery, DatabaseConnection, Driver, QueryResult } from "kysely";
import { Client, Pool, types } from "pg";
import { failure } from "../../../sdk/errors.ts";
import type { Millis } from "../../../sdk/machine.ts";
import { readBytes, readInt8, readInt8Array, typeIds } from "./column-values.ts";

export interface PostgresOptions {
  /** How many connections at most; default 10. */
  readonly connections?: number;
  /** How long to wait for a connection; default 10 s. */
  readonly connectTimeoutMs?: Millis;
  /** After this the server stops a statement; default 30 s. */
  readonly statementTimeoutMs?: Millis;
  /** Told when a connection broke. */
  onConnectionLost?(problem: string): void;
}

/**
 * Kysely on a PostgreSQL server. Values have the same JavaScript types as from the embedded one. A server that does not
 * answer is DIST_ERR_STORE_AWAY, one that gives up on a statement DIST_ERR_STORE_BUSY; no message shows the password.
 */
export function createPostgresDialect(url: string, options: PostgresOptions = {}): PostgresDialect {
  const config = {
    connectionString: url,
    application_name: "distributary",
    max: options.connections ?? 10,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    idle_in_transaction_session_timeout: 60_000,
    types: { getTypeParser },
  };
  const server = nameServer(url);
  const pool = new Pool(config);
  const lost = (error: Error) => options.onConnectionLost?.(`the database at ${server}: ${error.message}`);
  pool.on("error", lost);
  // Between two statements of a transaction nobody else listens, and the process would end.
  pool.on("connect", (client) => client.on("error", lost));
  return new (class extends PostgresDialect {
    override createDriver(): Driver {
      return new NamingDriver({ pool }, server);
    }
  })({ pool });
}

/** `host:port/database`. */
function nameServer(url: string): string {
  try {
    const { host, port, database } = new Client({ connectionString: url });
    return `${host}:${port}/${database ?? ""}`;
  } catch {
    // Without the cause: it holds the whole URL, and in it the password.
    const hint = "postgres://user:password@host:5432/database";
    throw failure("DIST_ERR_STORE_AWAY", { server: "'database.url'", problem: "that is no URL of a server" }, { hint });
  }
}

type Parse = (text: string) => unknown;

function getTypeParser(id: number, format?: "text" | "binary"): Parse {
  if (id === typeIds.int8) return readInt8;
  if (id === typeIds.int8Array) return readInt8Array;
  if (id === typeIds.bytea) return readBytes;
  return types.getTypeParser(id, format as "text") as Parse;
}

/** Kysely's driver, with errors of the connection told as ours. */
class NamingDriver extends PostgresDriver {
  readonly #server: string;
  readonly #named = new WeakSet<DatabaseConnection>();

  constructor(config: ConstructorParameters<typeof PostgresDriver>[0], server: string) {
    super(config);
    this.#server = server;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await super.acquireConnection().catch((error: unknown) => this.#rethrow(error));
    if (this.#named.has(connection)) return connection;
    this.#named.add(connection);
    const execute = connection.executeQuery.bind(connection);
    connection.executeQuery = <R>(query: CompiledQuery): Promise<QueryResult<R>> =>
      execute<R>(query).catch((error: unknown) => this.#rethrow(error));
    return connection;
  }

  #rethrow(error: unknown): never {
    if (!(error instanceof Error)) throw error;
    const code = "code" in error && typeof error.code === "string" ? error.code : "";
    if (isBusy(code, error.message)) throw failure("DIST_ERR_STORE_BUSY", { problem: tell(error) }, { cause: error });
    if (!isAway(code, error.message)) throw error;
    throw failure("DIST_ERR_STORE_AWAY", { server: this.#server, problem: tell(error) }, { cause: error });
  }
}

/** A refusal on several addresses is an AggregateError, whose own message is empty. */
function tell(error: Error): string {
  if (error.message !== "") return error.message;
  return error instanceof AggregateError ? error.errors.map(String).join(", ") : error.name;
}

/** Deadlock, serialization, a lock not had in time, a statement or connection that took too long. */
function isBusy(code: string, message: string): boolean {
  return ["40001", "40P01", "55P03", "57014"].includes(code) || message === "timeout exceeded when trying to connect";
}

/** SQLSTATE class 08 and 28, 3D000, 53300, 57P0x; errors of the network; what `pg` says without a code. */
function isAway(code: string, message: string): boolean {
  const codes = /^(08|28)|^(3D000|53300|57P0\d|E[A-Z]+)$/;
  return codes.test(code) || /^(Connection terminated|Client has|The server)/.test(message);
}
