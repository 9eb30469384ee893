import { AbortedTransactionError, CompiledQuery } from "kysely";
import { PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from "kysely";
import type { DatabaseConnection, Dialect, Driver, Kysely, QueryResult, TransactionSettings } from "kysely";
import { failure } from "../../../sdk/errors.ts";
import type { Millis } from "../../../sdk/machine.ts";
import type { Engine } from "./pglite-engine.ts";
import { Turns } from "./turns.ts";

export interface PgliteOptions {
  /** How long a statement or transaction waits for those before it; then it fails with DIST_ERR_STORE_BUSY. */
  readonly patienceMs?: Millis;
  /** Bytes of log after which a checkpoint is made: what a start after a crash has to replay. */
  readonly checkpointBytes?: number;
  /** Told when a checkpoint failed; it is tried again. */
  onCheckpointFailed?(error: unknown): void;
}

/**
 * Kysely on an embedded PostgreSQL, with the promises of a real one: a commit, or a statement outside a transaction,
 * resolves when what it wrote is durable. Statements that write nothing wait for no sync.
 *
 * There is one session. A transaction has it to itself, the others queue; it passes on as soon as a commit is done, so
 * that commits become durable together.
 */
export class PgliteDialect implements Dialect {
  readonly #driver: PgliteDriver;

  constructor(engine: Engine, options: PgliteOptions = {}) {
    this.#driver = new PgliteDriver(engine, options);
  }

  createDriver(): Driver {
    return this.#driver;
  }

  createQueryCompiler(): PostgresQueryCompiler {
    return new PostgresQueryCompiler();
  }

  createAdapter(): PostgresAdapter {
    return new PostgresAdapter();
  }

  createIntrospector(db: Kysely<unknown>): PostgresIntrospector {
    return new PostgresIntrospector(db);
  }

  /** Runs `work` while the session is idle and between transactions, so that the files on disk stay as they are. */
  async whileIdle<T>(work: () => Promise<T>): Promise<T> {
    return this.#driver.whileIdle(work);
  }
}

class PgliteDriver implements Driver {
  readonly #engine: Engine;
  readonly #options: PgliteOptions;
  readonly #turns: Turns;

  constructor(engine: Engine, options: PgliteOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#turns = new Turns(options.patienceMs ?? 30_000);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<Lease> {
    const lease = new Lease(this.#engine, this.#turns, () => this.#checkpointIfDue());
    await lease.hold();
    return lease;
  }

  async releaseConnection(lease: Lease): Promise<void> {
    await lease.pass();
  }

  async beginTransaction(lease: Lease, settings: TransactionSettings): Promise<void> {
    const isolation = settings.isolationLevel === undefined ? "" : ` isolation level ${settings.isolationLevel}`;
    await lease.begin(`start transaction${isolation} ${settings.accessMode ?? "read write"}`);
  }

  async commitTransaction(lease: Lease): Promise<void> {
    await lease.end("commit");
  }

  async rollbackTransaction(lease: Lease): Promise<void> {
    await lease.end("rollback");
  }

  async savepoint(lease: Lease, name: string): Promise<void> {
    await lease.executeQuery(CompiledQuery.raw(`savepoint ${quote(name)}`));
  }

  async rollbackToSavepoint(lease: Lease, name: string): Promise<void> {
    await lease.executeQuery(CompiledQuery.raw(`rollback to ${quote(name)}`));
  }

  async releaseSavepoint(lease: Lease, name: string): Promise<void> {
    await lease.executeQuery(CompiledQuery.raw(`release ${quote(name)}`));
  }

  async destroy(): Promise<void> {
    // A transaction that nobody ends is rolled back with the session.
    await this.#turns.take().catch(() => {});
    const { files, postgres } = this.#engine;
    // An orderly end would write what must not be written any more.
    if (files.failure === undefined && !postgres.closed) await postgres.close();
  }

  async whileIdle<T>(work: () => Promise<T>): Promise<T> {
    await this.#turns.take();
    try {
      await this.#engine.postgres.exec("checkpoint");
      return await work();
    } finally {
      this.#turns.release();
    }
  }

  /** PostgreSQL leaves this to a process of its own, which PGlite does not have: the log would only grow. */
  async #checkpointIfDue(): Promise<void> {
    const { files, postgres } = this.#engine;
    if (files.logBytes < (this.#options.checkpointBytes ?? 16 * 2 ** 20)) return;
    files.logBytes = 0;
    try {
      await postgres.exec("checkpoint");
    } catch (error) {
      this.#options.onCheckpointFailed?.(error);
    }
  }
}

/** The session, lent for a while. Waiting for a sync gives it back early; the next statement takes it again. */
class Lease implements DatabaseConnection {
  readonly #engine: Engine;
  readonly #turns: Turns;
  readonly #beforePassing: () => Promise<void>;
  #held = false;
  #taking: Promise<void> | undefined;
  #inTransaction = false;

  constructor(engine: Engine, turns: Turns, beforePassing: () => Promise<void>) {
    this.#engine = engine;
    this.#turns = turns;
    this.#beforePassing = beforePassing;
  }

  async hold(): Promise<void> {
    if (this.#held) return;
    this.#taking ??= this.#turns.take().then(() => {
      this.#held = true;
    });
    await this.#taking.finally(() => {
      this.#taking = undefined;
    });
  }

  async pass(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    try {
      await this.#beforePassing();
    } finally {
      this.#turns.release();
    }
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, command, affectedRows } = await this.#run<R>(sql, parameters);
    const changes = command === "INSERT" || command === "UPDATE" || command === "DELETE" || command === "MERGE";
    return changes ? { rows, numAffectedRows: BigInt(affectedRows ?? 0) } : { rows };
  }

  async begin(statement: string): Promise<void> {
    await this.hold();
    await this.#run(statement, [], true);
    this.#inTransaction = true;
  }

  async end(statement: "commit" | "rollback"): Promise<void> {
    this.#inTransaction = false;
    const { command } = await this.#run(statement, []);
    // PostgreSQL answers so if a statement before had failed.
    if (statement === "commit" && command === "ROLLBACK") throw new AbortedTransactionError();
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(query);
  }

  /** Outside a transaction, resolves when what the statement wrote is durable. */
  async #run<R>(sql: string, parameters: readonly unknown[], begins = false) {
    await this.hold();
    const { postgres, files } = this.#engine;
    this.#refuseIfStopped();
    const before = files.requests;
    const result = await postgres.query<R>(sql, [...parameters]).finally(() => this.#refuseIfStopped());
    const { requests } = files;
    if (!this.#inTransaction && !begins && requests > before) {
      await this.pass();
      await files.durable(requests).catch(() => this.#refuseIfStopped());
    }
    return result;
  }

  #refuseIfStopped(): void {
    const { failure: cause } = this.#engine.files;
    if (cause !== undefined) throw failure("DIST_ERR_STORE_STOPPED", { problem: cause.message }, { cause });
  }
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
