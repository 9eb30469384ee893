import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { failure, isFailure } from "../../../sdk/errors.ts";
import type { Migration } from "../../../sdk/extension.ts";
import type { Log } from "../../../sdk/plugin.ts";
import { lockData } from "../../runtime/data-lock.ts";
import { dumpDatabase, listDumps, restoreDump } from "./dumps.ts";
import { migrate, pendingMigrations } from "./migrate.ts";
import { migrations } from "./migrations/index.ts";
import { PgliteDialect } from "./pglite-dialect.ts";
import { openEngine } from "./pglite-engine.ts";
import type { Engine } from "./pglite-engine.ts";
import { createPostgresDialect } from "./postgres-dialect.ts";
import type { Schema } from "./schema.ts";

export interface StoreOptions {
  /** Control's data directory; locked as long as the store is open. */
  readonly directory: string;
  /** A PostgreSQL server to use instead of the embedded database. */
  readonly url?: string;
  readonly log: Log;
  /** Steps that plugins add, by name. */
  readonly pluginMigrations?: Readonly<Record<string, Migration>>;
}

/** Control's database. */
export interface Store extends AsyncDisposable {
  readonly db: Kysely<Schema>;
  /** Set if the database was broken and a dump was put in its place: what came after the dump is not in it. */
  readonly restored?: Restored;
  /** Copies it into `<directory>/dumps` and keeps the last three; undefined for a server, which has its own backups. */
  dump(): Promise<string | undefined>;
  /** Frees the space of deleted rows and renews the planner's statistics; a server does so by itself. */
  tidy(): Promise<void>;
  /** Waits for the transactions that are open, then gives the directory back. */
  close(): Promise<void>;
}

export interface Restored {
  /** The dump that is now the database. */
  readonly dump: string;
  /** Where the broken database is kept. */
  readonly broken: string;
  readonly problem: string;
}

/**
 * Opens control's database, embedded or at `url`, in the form this version needs. The embedded one is copied to
 * `dumps/` before its form is changed, and if it is broken, the last dump takes its place and the log says so.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  await using stack = new AsyncDisposableStack();
  stack.use(await lockData(options.directory));
  const store = options.url === undefined ? await openEmbedded(options) : openServer(options, options.url);
  stack.defer(() => store.db.destroy());
  const pending = await pendingMigrations(store.db, migrations);
  if (pending.length > 0 && pending.length < Object.keys(migrations).length) await store.dump();
  await migrate(store.db, migrations, options.pluginMigrations);
  const resources = stack.move();
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= resources.disposeAsync());
  return { ...store, close, [Symbol.asyncDispose]: close };
}

type Opened = Omit<Store, "close" | typeof Symbol.asyncDispose>;

function openServer({ log }: StoreOptions, url: string): Opened {
  const onConnectionLost = (problem: string) => log.warn({ problem }, "a connection to the database was lost");
  const dialect = createPostgresDialect(url, { onConnectionLost });
  return { db: new Kysely<Schema>({ dialect }), dump: async () => undefined, tidy: async () => {} };
}

async function openEmbedded({ directory, log }: StoreOptions): Promise<Opened> {
  const database = join(directory, "database");
  const dumps = join(directory, "dumps");
  const { engine, restored } = await openOrRestore(database, dumps, log);
  const dialect = new PgliteDialect(engine, {
    onCheckpointFailed: (error) => log.error({ error: String(error) }, "the database's log could not be shortened"),
  });
  const db = new Kysely<Schema>({ dialect });
  return {
    db,
    ...(restored === undefined ? {} : { restored }),
    dump: () => dumpDatabase(database, dumps, (copy) => dialect.whileIdle(copy)),
    tidy: async () => {
      await sql`vacuum (analyze)`.execute(db);
    },
  };
}

async function openOrRestore(
  database: string,
  dumps: string,
  log: Log,
): Promise<{ engine: Engine; restored?: Restored }> {
  try {
    return { engine: await openEngine(database) };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    const [dump] = listDumps(dumps);
    if (!isFailure(error, "DIST_ERR_STORE_OPEN") || isNoDamage(problem)) throw error;
    if (dump === undefined) {
      const hint = `there is no dump in '${dumps}' yet; move '${database}' away to begin anew, or set \`database.url\``;
      throw failure("DIST_ERR_STORE_OPEN", { directory: database, problem }, { cause: error, hint });
    }
    const broken = await restoreDump(dump, database);
    const text = "the database was broken: a dump took its place, what came after it is missing";
    log.error({ dump, broken, problem }, text);
    return { engine: await openEngine(database), restored: { dump, broken, problem } };
  }
}

/** Troubles of the machine or of versions, which older data would not cure. */
function isNoDamage(problem: string): boolean {
  const machine = /no space|permission|ENOSPC|EACCES|EPERM|EMFILE|ENOMEM|EROFS|memory/i;
  return machine.test(problem) || /incompatible|nothing durable/.test(problem);
}
