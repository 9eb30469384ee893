import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listDumps } from "../../../../core/control/store/dumps.ts";
import { openStore } from "../../../../core/control/store/open-store.ts";
import type { Store } from "../../../../core/control/store/open-store.ts";
import { embeddedDataDirectory } from "../../../embedded.ts";
import { quietLog } from "./quiet-log.ts";

let directory: string;
let log: ReturnType<typeof quietLog>;

beforeEach(async () => {
  directory = await embeddedDataDirectory();
  log = quietLog();
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

const open = () => openStore({ directory, log });
const dumps = () => listDumps(join(directory, "dumps"));

async function set(store: Store, name: string): Promise<void> {
  await store.db.insertInto("setting").values({ name, value: "", changed_at: 0 }).execute();
}

async function settings(store: Store): Promise<string[]> {
  const rows = await store.db.selectFrom("setting").select("name").orderBy("name").execute();
  return rows.map(({ name }) => name);
}

/** Destroys what PostgreSQL cannot start without. */
function damage(): void {
  truncateSync(join(directory, "database/global/pg_control"), 100);
}

test("what was written is there when it is opened again", async () => {
  await using first = await open();
  await set(first, "a");
  await first.close();
  await using second = await open();
  expect(await settings(second)).toEqual(["a"]);
});

test("a directory that is open is refused, and given back by close, also a close that is asked for twice", async () => {
  const store = await open();
  await expect(open()).rejects.toMatchObject({ code: "DIST_ERR_STORE_LOCKED" });
  await Promise.all([store.close(), store.close()]);
  await using again = await open();
  expect(again.restored).toBeUndefined();
});

test("a failed start gives the directory back", async () => {
  damage();
  await expect(open()).rejects.toMatchObject({ code: "DIST_ERR_STORE_OPEN" });
  await expect(open()).rejects.toMatchObject({ code: "DIST_ERR_STORE_OPEN" });
});

test("a database is made where there is none, whatever an attempt before left behind", async () => {
  rmSync(join(directory, "database"), { recursive: true });
  mkdirSync(join(directory, "database.new/base"), { recursive: true });
  writeFileSync(join(directory, "database.new/PG_VERSION"), "18\n");
  await using store = await open();
  await set(store, "a");
  expect(await settings(store)).toEqual(["a"]);
  expect(existsSync(join(directory, "database.new"))).toBe(false);
});

test("an empty postmaster.pid, as a power cut leaves it, does no harm", async () => {
  writeFileSync(join(directory, "database/postmaster.pid"), "");
  await using store = await open();
  expect(await settings(store)).toEqual([]);
});

test("dumps are whole databases, made while it is used, and the last three are kept", async () => {
  await using store = await open();
  const made: (string | undefined)[] = [];
  for (const name of ["a", "b", "c", "d"]) {
    const [path] = await Promise.all([store.dump(), set(store, name)]);
    made.push(path);
  }
  expect(dumps()).toEqual(made.slice(1).reverse());
  expect(readdirSync(join(directory, "dumps"))).toHaveLength(3);
});

test("a broken database is kept, the last dump takes its place, and the log says so", async () => {
  await using before = await open();
  await set(before, "in the dump");
  const dump = await before.dump();
  await set(before, "after the dump");
  await before.close();
  damage();
  await using store = await open();
  expect(await settings(store)).toEqual(["in the dump"]);
  expect(store.restored).toMatchObject({ dump, problem: expect.stringContaining("pg_control") as string });
  expect(existsSync(join(store.restored?.broken ?? "", "PG_VERSION"))).toBe(true);
  expect(log.entries.filter(({ level }) => level === "error")).toHaveLength(1);
  await set(store, "goes on");
});

test("a broken database without a dump is an error that says what to do", async () => {
  damage();
  const error = await open().catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "DIST_ERR_STORE_OPEN", hint: expect.stringContaining("database.url") as string });
  expect(existsSync(join(directory, "database/PG_VERSION"))).toBe(true);
});

test("a database of another PostgreSQL version is not replaced by a dump", async () => {
  await using store = await open();
  await store.dump();
  await store.close();
  writeFileSync(join(directory, "database/PG_VERSION"), "14\n");
  await expect(open()).rejects.toMatchObject({ code: "DIST_ERR_STORE_OPEN" });
  expect(readdirSync(directory).filter((name) => name.includes("broken"))).toEqual([]);
});

test("tidying leaves every row", async () => {
  await using store = await open();
  await set(store, "a");
  await store.tidy();
  expect(await settings(store)).toEqual(["a"]);
});

test("a dump can be put back by hand", async () => {
  await using store = await open();
  await set(store, "a");
  const dump = await store.dump();
  await store.close();
  rmSync(join(directory, "database"), { recursive: true });
  cpSync(dump ?? "", join(directory, "database"), { recursive: true });
  await using again = await open();
  expect(await settings(again)).toEqual(["a"]);
});
