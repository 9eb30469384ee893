import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { kernelSyncs } from "../../../../core/control/store/durable-files.ts";
import type { Syncs } from "../../../../core/control/store/durable-files.ts";
import { PgliteDialect } from "../../../../core/control/store/pglite-dialect.ts";
import type { PgliteOptions } from "../../../../core/control/store/pglite-dialect.ts";
import { openEngine } from "../../../../core/control/store/pglite-engine.ts";
import { emptyDatabase } from "../../../embedded.ts";

let scratch: string;
let db: Kysely<unknown>;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "distributary-pglite-"));
});

afterEach(async () => {
  await db.destroy();
  rmSync(scratch, { recursive: true });
});

async function open(options: PgliteOptions = {}, syncs: Partial<Syncs> = {}) {
  const directory = join(scratch, "database");
  cpSync(await emptyDatabase(), directory, { recursive: true });
  const engine = await openEngine(directory, { ...kernelSyncs, ...syncs });
  db = new Kysely<unknown>({ dialect: new PgliteDialect(engine, options) });
  await sql`create table item (id integer)`.execute(db);
  return engine;
}

const insert = (id: number) => sql`insert into item values (${id})`.execute(db);
const count = async () => (await sql<{ n: number }>`select count(*) as n from item`.execute(db)).rows[0]?.n;

/** Syncs of the log that wait until they are let through. */
function gate() {
  let closed = false;
  let waiting: (() => void)[] = [];
  const soon = async (path: string) => {
    if (closed) await new Promise<void>((resolve) => waiting.push(resolve));
    await kernelSyncs.soon(path);
  };
  const set = (to: boolean) => {
    closed = to;
    for (const go of waiting) go();
    waiting = [];
  };
  return { soon, close: () => set(true), open: () => set(false) };
}

test("a commit waits for its sync, and what is only read does not", async () => {
  const { soon, ...syncs } = gate();
  await open({}, { soon });
  syncs.close();
  let confirmed = false;
  const writing = insert(1).then(() => (confirmed = true));
  expect(await count()).toBe(1);
  await db.transaction().execute(async (inside) => sql`select 1`.execute(inside));
  expect(confirmed).toBe(false);
  syncs.open();
  await writing;
});

test("commits that wait at the same time share a sync", async () => {
  let syncs = 0;
  const soon = async (path: string) => {
    syncs += 1;
    await kernelSyncs.soon(path);
  };
  await open({}, { soon });
  syncs = 0;
  await Promise.all(Array.from({ length: 200 }, (_, id) => insert(id)));
  expect(await count()).toBe(200);
  expect(syncs).toBeGreaterThan(0);
  expect(syncs).toBeLessThan(150);
});

test("a transaction nobody ends makes the others fail with a hint, and no more than that", async () => {
  await open({ patienceMs: 50 });
  const transaction = await db.startTransaction().execute();
  const attempts = await Promise.allSettled([insert(1), insert(2)]);
  for (const attempt of attempts) {
    const reason = { code: "DIST_ERR_STORE_BUSY", retryable: true, hint: expect.any(String) as string };
    expect(attempt).toMatchObject({ reason });
  }
  await transaction.rollback().execute();
  await insert(3);
  expect(await count()).toBe(1);
});

test("a statement on the database inside its own transaction fails instead of hanging", async () => {
  await open({ patienceMs: 50 });
  const mistake = db.transaction().execute(() => insert(1));
  await expect(mistake).rejects.toMatchObject({ code: "DIST_ERR_STORE_BUSY" });
  expect(await count()).toBe(0);
});

test("those who wait come to their turn in the order they asked", async () => {
  await open();
  const order: number[] = [];
  const one = (id: number) => db.transaction().execute(async () => void order.push(id));
  await Promise.all([1, 2, 3, 4, 5].map(one));
  expect(order).toEqual([1, 2, 3, 4, 5]);
});

test("after a failed sync nothing is confirmed any more, and what was before is still there", async () => {
  let broken = false;
  const soon = async (path: string) => {
    if (broken) throw Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" });
    await kernelSyncs.soon(path);
  };
  await open({}, { soon });
  await insert(1);
  broken = true;
  await expect(insert(2)).rejects.toMatchObject({ code: "DIST_ERR_STORE_STOPPED" });
  broken = false;
  await expect(insert(3)).rejects.toMatchObject({ code: "DIST_ERR_STORE_STOPPED" });
  await expect(count()).rejects.toMatchObject({ code: "DIST_ERR_STORE_STOPPED" });
  await db.destroy();
  db = new Kysely<unknown>({ dialect: new PgliteDialect(await openEngine(join(scratch, "database"))) });
  expect((await sql`select id from item where id = 1`.execute(db)).rows).toHaveLength(1);
});

test("a failed sync of a checkpoint stops it too", async () => {
  let broken = false;
  const now = (path: string) => {
    if (broken) throw Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" });
    kernelSyncs.now(path);
  };
  await open({}, { now });
  await insert(1);
  broken = true;
  await expect(sql`checkpoint`.execute(db)).rejects.toMatchObject({ code: "DIST_ERR_STORE_STOPPED" });
  await expect(insert(2)).rejects.toMatchObject({ code: "DIST_ERR_STORE_STOPPED" });
});

test("checkpoints keep the log short", async () => {
  const { files } = await open({ checkpointBytes: 2 ** 20 });
  for (let round = 0; round < 20; round += 1) {
    await sql`insert into item select generate_series(1, 5000)`.execute(db);
    expect(files.logBytes).toBeLessThan(2 ** 20);
  }
  const { rows } = await sql<{ n: number }>`select count(*) as n from pg_ls_waldir()`.execute(db);
  expect(rows[0]?.n).toBeLessThan(30);
});

test("a commit takes a few milliseconds", async () => {
  await open();
  const begin = performance.now();
  for (let id = 0; id < 100; id += 1) await insert(id);
  expect((performance.now() - begin) / 100).toBeLessThan(50);
});
