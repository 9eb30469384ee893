import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { expect, test } from "vitest";
import { migrations } from "../../../../core/control/store/migrations/index.ts";
import { openStore } from "../../../../core/control/store/open-store.ts";
import { createPostgresDialect } from "../../../../core/control/store/postgres-dialect.ts";
import type { PostgresOptions } from "../../../../core/control/store/postgres-dialect.ts";
import { DistributaryError } from "../../../../sdk/errors.ts";
import { startPostgres, testDatabaseUrl } from "../../../postgres.ts";
import { quietLog } from "./quiet-log.ts";

function connect(url: string, options: PostgresOptions = {}): Kysely<unknown> {
  return new Kysely<unknown>({ dialect: createPostgresDialect(url, options) });
}

async function failureOf(work: Promise<unknown>): Promise<DistributaryError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DistributaryError);
  return error as DistributaryError;
}

test("several that start at the same time prepare the database once", async () => {
  const url = await testDatabaseUrl();
  const directories = Array.from({ length: 4 }, () => mkdtempSync(join(tmpdir(), "distributary-data-")));
  const stores = await Promise.all(directories.map((directory) => openStore({ directory, url, log: quietLog() })));
  const db = connect(url);
  const { rows } = await sql`select name from migration`.execute(db);
  expect(rows).toHaveLength(Object.keys(migrations).length);
  await Promise.all([db.destroy(), ...stores.map((store) => store.close())]);
  for (const directory of directories) rmSync(directory, { recursive: true });
});

test("a wrong password is told without showing it", async () => {
  const url = new URL(await testDatabaseUrl());
  url.password = "geheim";
  const db = connect(url.href);
  const error = await failureOf(sql`select 1`.execute(db));
  expect(error).toMatchObject({ code: "DIST_ERR_STORE_AWAY", retryable: true });
  expect(error.describe()).toContain(`${url.hostname}:${url.port}`);
  expect(JSON.stringify([error.describe(), error.stack, error.cause])).not.toContain("geheim");
  await db.destroy();
});

test.each(["postgres://joe:geheim@127.0.0.1:1/x", "postgres://joe:geheim@127.0.0.1:none/x", "geheim"])(
  "an address where there is no server is told without the password: %s",
  async (url) => {
    const attempt = (async () => sql`select 1`.execute(connect(url, { connectTimeoutMs: 2000 })))();
    const error = await failureOf(attempt);
    expect(error.code).toBe("DIST_ERR_STORE_AWAY");
    expect(JSON.stringify([error.message, error.hint, error.cause])).not.toContain("joe:geheim");
  },
);

test("a server that goes away is an error of the statement, and its return is all that is needed", async () => {
  const url = await testDatabaseUrl();
  const lost: string[] = [];
  const db = connect(url, { connections: 1, onConnectionLost: (problem) => lost.push(problem) });
  const other = connect(url);
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(db);
  const transaction = await db.startTransaction().execute();
  await sql`select pg_terminate_backend(${rows[0]?.pid ?? 0}, 5000)`.execute(other);
  const error = await failureOf(sql`select 1`.execute(transaction));
  expect(error).toMatchObject({ code: "DIST_ERR_STORE_AWAY", retryable: true });
  await transaction
    .rollback()
    .execute()
    .catch(() => {});
  expect((await sql`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }]);
  expect(lost.join()).toContain("terminat");
  await Promise.all([db.destroy(), other.destroy()]);
});

test("a server that has stopped is away", async () => {
  const server = await startPostgres();
  const db = connect(server.url);
  await sql`select 1`.execute(db);
  await server[Symbol.asyncDispose]();
  expect((await failureOf(sql`select 1`.execute(db))).code).toBe("DIST_ERR_STORE_AWAY");
  expect((await failureOf(sql`select 1`.execute(db))).code).toBe("DIST_ERR_STORE_AWAY");
  await db.destroy();
});

test("a statement that takes too long is stopped by the server", async () => {
  const db = connect(await testDatabaseUrl(), { statementTimeoutMs: 50 });
  const error = await failureOf(sql`select pg_sleep(60)`.execute(db));
  expect(error).toMatchObject({ code: "DIST_ERR_STORE_BUSY", retryable: true });
  await db.destroy();
});

test("when all connections are taken, waiting ends with an error", async () => {
  const db = connect(await testDatabaseUrl(), { connections: 1, connectTimeoutMs: 50 });
  const transaction = await db.startTransaction().execute();
  expect((await failureOf(sql`select 1`.execute(db))).code).toBe("DIST_ERR_STORE_BUSY");
  await transaction.rollback().execute();
  await sql`select 1`.execute(db);
  await db.destroy();
});
