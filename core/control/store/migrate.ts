import { sql } from "kysely";
import type { Kysely } from "kysely";
import { Migrator } from "kysely/migration";
import type { Migration } from "kysely/migration";
import { failure, isFailure } from "../../../sdk/errors.ts";
import type { Migration as PluginMigration } from "../../../sdk/extension.ts";

/** Where what has been applied is written down. */
const ownTable = "migration";
const pluginTable = "plugin_migration";

/** Names of the steps `db` still needs, in order; rejects with DIST_ERR_STORE_NEWER if it is ahead. */
export async function pendingMigrations<Schema>(
  db: Kysely<Schema>,
  steps: Readonly<Record<string, Migration>>,
): Promise<string[]> {
  const applied = await appliedNames(db, ownTable);
  const unknown = applied.find((name) => !Object.hasOwn(steps, name));
  if (unknown !== undefined) throw failure("DIST_ERR_STORE_NEWER", { migration: unknown });
  return Object.keys(steps)
    .filter((name) => !applied.includes(name))
    .sort();
}

/**
 * Brings `db` to the form this version needs: all pending steps in one transaction, once, however many processes start
 * at the same time (an advisory lock of the server lets one after the other). Returns the names of the steps it ran.
 */
export async function migrate<Schema>(
  db: Kysely<Schema>,
  steps: Readonly<Record<string, Migration>>,
  pluginSteps: Readonly<Record<string, PluginMigration>> = {},
): Promise<string[]> {
  await pendingMigrations(db, steps);
  const own = await run(db, ownTable, steps);
  const ofPlugins = await run(db, pluginTable, {
    // The steps of a plugin that is no longer listed stay applied.
    ...Object.fromEntries((await appliedNames(db, pluginTable)).map((name) => [name, { up: async () => {} }])),
    ...Object.fromEntries(Object.entries(pluginSteps).map(([name, step]) => [name, fromStatements(step)])),
  });
  return [...own, ...ofPlugins];
}

async function run<Schema>(
  db: Kysely<Schema>,
  table: string,
  steps: Readonly<Record<string, Migration>>,
): Promise<string[]> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => steps },
    migrationTableName: table,
    migrationLockTableName: `${table}_lock`,
    allowUnorderedMigrations: table === pluginTable,
  });
  const { error, results = [] } = await migrator.migrateToLatest();
  if (error !== undefined) {
    if (isFailure(error)) throw error;
    const migration = results.find(({ status }) => status === "Error")?.migrationName ?? table;
    const problem = error instanceof Error ? error.message : String(error);
    throw failure("DIST_ERR_STORE_MIGRATE", { migration, problem }, { cause: error });
  }
  return results.map(({ migrationName }) => migrationName);
}

async function appliedNames<Schema>(db: Kysely<Schema>, table: string): Promise<string[]> {
  const { rows: found } = await sql<{ oid: string | null }>`select to_regclass(${table})::text as oid`.execute(db);
  if (found[0]?.oid === null) return [];
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(table)} order by name`.execute(db);
  return rows.map(({ name }) => name);
}

function fromStatements({ up }: PluginMigration): Migration {
  return {
    async up(db) {
      for (const statement of up) await sql.raw(statement).execute(db);
    },
  };
}
