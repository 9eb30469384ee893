import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { AbortedTransactionError, Kysely, sql } from "kysely";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { migrate } from "../../../../core/control/store/migrate.ts";
import { migrations } from "../../../../core/control/store/migrations/index.ts";
import { openStore } from "../../../../core/control/store/open-store.ts";
import type { Store } from "../../../../core/control/store/open-store.ts";
import { embeddedDataDirectory } from "../../../embedded.ts";
import { testDatabaseUrl } from "../../../postgres.ts";
import { quietLog } from "./quiet-log.ts";

interface Tables {
  item: {
    id: number;
    text: string | null;
    big: number;
    bytes: Uint8Array | null;
    flag: boolean;
    list: number[] | null;
  };
}

const item = `create table item (
  id integer primary key, text text, big bigint not null default 0, bytes bytea,
  flag boolean not null default false, list bigint[])`;

const databases = {
  embedded: async () => ({ directory: await embeddedDataDirectory() }),
  server: async () => ({ directory: mkdtempSync(join(tmpdir(), "distributary-data-")), url: await testDatabaseUrl() }),
};

describe.each(Object.entries(databases))("the %s database", (_, prepare) => {
  let place: { directory: string; url?: string };
  let store: Store;
  let db: Kysely<Tables>;

  const open = (pluginMigrations = {}) => openStore({ ...place, log: quietLog(), pluginMigrations });

  beforeAll(async () => {
    place = await prepare();
    store = await open({ "test/0001": { up: [item] } });
    db = store.db as unknown as Kysely<Tables>;
  });

  afterAll(async () => {
    await store.close();
    rmSync(place.directory, { recursive: true });
  });

  afterEach(async () => {
    await db.deleteFrom("item").execute();
  });

  test("is kept from a second process as long as it is open", async () => {
    const args = [join(import.meta.dirname, "commit-numbers.ts"), ...Object.values(place)];
    const second = promisify(execFile)(process.execPath, args, { timeout: 30_000 });
    const refusal = expect.stringContaining("DIST_ERR_STORE_LOCKED") as string;
    await expect(second).rejects.toMatchObject({ stdout: "", stderr: refusal });
    await expect(second).rejects.toThrow(`in use by process ${process.pid}`);
  });

  test("has every table of the schema", async () => {
    const tables = await store.db.introspection.getTables();
    const names = tables.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["setting", "node", "job", "assignment", "audit"]));
  });

  test("gives back the values it was given, as the same JavaScript types", async () => {
    const values = {
      id: 1,
      text: 'ß🜚"\\',
      big: Number.MAX_SAFE_INTEGER,
      bytes: Uint8Array.of(0, 255, 10, 92),
      flag: true,
      list: [1, -Number.MAX_SAFE_INTEGER],
    };
    const written = await db.insertInto("item").values(values).returningAll().executeTakeFirstOrThrow();
    expect(written).toEqual(values);
    expect(Object.getPrototypeOf(written.bytes)).toBe(Uint8Array.prototype);
    const nulls = { id: 2, text: null, big: -1, bytes: null, flag: false, list: [] };
    expect(await db.insertInto("item").values(nulls).returningAll().executeTakeFirstOrThrow()).toEqual(nulls);
    const count = await db
      .selectFrom("item")
      .select(({ fn }) => fn.countAll().as("n"))
      .executeTakeFirstOrThrow();
    expect(count).toEqual({ n: 2 });
  });

  test("refuses to give a number that would lose digits", async () => {
    const query = sql<{ n: number }>`select 9007199254740993::bigint as n`.execute(db);
    await expect(query).rejects.toMatchObject({ code: "DIST_ERR_STORE_NUMBER" });
    const { rows } = await sql`select 1 as still_usable`.execute(db);
    expect(rows).toEqual([{ still_usable: 1 }]);
  });

  test("tells how many rows a statement changed", async () => {
    await db
      .insertInto("item")
      .values([{ id: 1 }, { id: 2 }, { id: 3 }] as never)
      .execute();
    const updated = await db.updateTable("item").set({ text: "x" }).where("id", "<", 3).executeTakeFirstOrThrow();
    expect(updated.numUpdatedRows).toBe(2n);
    const deleted = await db.deleteFrom("item").executeTakeFirstOrThrow();
    expect(deleted.numDeletedRows).toBe(3n);
  });

  test("names a broken rule by its SQLSTATE", async () => {
    await db
      .insertInto("item")
      .values({ id: 1 } as never)
      .execute();
    await expect(
      db
        .insertInto("item")
        .values({ id: 1 } as never)
        .execute(),
    ).rejects.toMatchObject({ code: "23505" });
  });

  test("keeps nothing of a transaction that throws", async () => {
    const transaction = db.transaction().execute(async (inside) => {
      await inside
        .insertInto("item")
        .values({ id: 1 } as never)
        .execute();
      throw new Error("no");
    });
    await expect(transaction).rejects.toThrow("no");
    expect(await db.selectFrom("item").selectAll().execute()).toEqual([]);
  });

  test("does not take a transaction for committed in which a statement failed", async () => {
    const transaction = db.transaction().execute(async (inside) => {
      await inside
        .insertInto("item")
        .values({ id: 1 } as never)
        .execute();
      await sql`select no_such_column`.execute(inside).catch(() => {});
    });
    await expect(transaction).rejects.toBeInstanceOf(AbortedTransactionError);
    expect(await db.selectFrom("item").selectAll().execute()).toEqual([]);
  });

  test("rolls back to a savepoint", async () => {
    const transaction = await db.startTransaction().execute();
    await transaction
      .insertInto("item")
      .values({ id: 1 } as never)
      .execute();
    const after = await transaction.savepoint("before_2").execute();
    await after
      .insertInto("item")
      .values({ id: 2 } as never)
      .execute();
    await after.rollbackToSavepoint("before_2").execute();
    await transaction.commit().execute();
    expect(await db.selectFrom("item").select("id").execute()).toEqual([{ id: 1 }]);
  });

  test("keeps statements outside a transaction out of it", async () => {
    const transaction = await db.startTransaction().execute();
    await transaction
      .insertInto("item")
      .values({ id: 1 } as never)
      .execute();
    const outside = db
      .insertInto("item")
      .values({ id: 2 } as never)
      .execute();
    await transaction.rollback().execute();
    await outside;
    expect(await db.selectFrom("item").select("id").execute()).toEqual([{ id: 2 }]);
  });

  test("loses no increment of transactions that ask at the same time", async () => {
    await db
      .insertInto("item")
      .values({ id: 1, big: 0 } as never)
      .execute();
    const increment = () =>
      db.transaction().execute(async (inside) => {
        const row = inside.selectFrom("item").select("big").where("id", "=", 1).forUpdate();
        const { big } = await row.executeTakeFirstOrThrow();
        await inside
          .updateTable("item")
          .set({ big: big + 1 })
          .where("id", "=", 1)
          .execute();
      });
    await Promise.all(Array.from({ length: 50 }, increment));
    expect(await db.selectFrom("item").select("big").execute()).toEqual([{ big: 50 }]);
  });

  test("goes on after a plugin's steps are no longer listed, and runs only what is new", async () => {
    const again = { up: ["select no_such_column"] };
    const steps = { "test/0001": again, "other/0001": { up: ["create table other (id integer)"] } };
    expect(await migrate(store.db, migrations, {})).toEqual([]);
    expect(await migrate(store.db, migrations, steps)).toEqual(["other/0001"]);
  });

  test("is as before when a step fails", async () => {
    const steps = { "test/0002": { up: ["create table half (id integer)", "select no_such_column"] } };
    const failed = await migrate(store.db, migrations, steps).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: "DIST_ERR_STORE_MIGRATE" });
    expect(String(failed)).toContain("test/0002");
    const names = (await db.introspection.getTables()).map(({ name }) => name);
    expect(names).not.toContain("half");
  });

  test("is refused if a newer version has changed it", async () => {
    await sql`insert into migration (name, timestamp) values ('9999-future', '2099-01-01T00:00:00.000Z')`.execute(db);
    const result = await migrate(store.db, migrations).catch((error: unknown) => error);
    await sql`delete from migration where name = '9999-future'`.execute(db);
    expect(result).toMatchObject({ code: "DIST_ERR_STORE_NEWER" });
  });
});
