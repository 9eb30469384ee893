import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Kysely, sql } from "kysely";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Syncs } from "../../../../core/control/store/durable-files.ts";
import { PgliteDialect } from "../../../../core/control/store/pglite-dialect.ts";
import { openEngine } from "../../../../core/control/store/pglite-engine.ts";
import { embeddedDataDirectory, emptyDatabase } from "../../../embedded.ts";
import { PowerCut } from "./power-cut.ts";

let scratch: string;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "distributary-durability-"));
});

afterEach(() => {
  rmSync(scratch, { recursive: true });
});

/** Mulberry32: numbers from 0 to 1 that are the same in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Cut {
  readonly image: string;
  readonly confirmed: readonly number[];
}

/**
 * Runs transactions, some at the same time, with checkpoints, new tables and large rows between them, and cuts the
 * power at moments that depend on `seed`. Each transaction writes its number into both tables.
 */
async function runWithCuts(seed: number, images: number, sabotage?: (disk: PowerCut) => Syncs): Promise<Cut[]> {
  const random = randomFrom(seed);
  const directory = join(scratch, "database");
  const beginning = await emptyDatabase();
  cpSync(beginning, directory, { recursive: true, preserveTimestamps: true });
  const disk = new PowerCut(directory, beginning);
  const engine = await openEngine(directory, sabotage?.(disk) ?? disk);
  const db = new Kysely<unknown>({ dialect: new PgliteDialect(engine, { checkpointBytes: 300_000 }) });
  await sql`create table one (number integer primary key, filling text)`.execute(db);
  await sql`create table other (number integer primary key)`.execute(db);

  const confirmed: number[] = [];
  const cuts: Cut[] = [];
  let round = 0;
  let nextCut = 2;
  disk.beforeSync = () => {
    if (cuts.length >= images || round < nextCut || random() > 0.1) return;
    nextCut = round + 1 + Math.floor(random() * 4);
    const likely = [0, 0.5, 0.9][cuts.length % 3] ?? 0;
    const image = join(scratch, `image-${cuts.length}`);
    cuts.push({ image, confirmed: [...confirmed] });
    disk.cut(image, () => random() < likely);
  };
  let number = 0;
  const transact = async () => {
    const mine = (number += 1);
    await db.transaction().execute(async (inside) => {
      await sql`insert into one values (${mine}, repeat('x', ${Math.floor(random() * 4000)}))`.execute(inside);
      await sql`insert into other values (${mine})`.execute(inside);
    });
    confirmed.push(mine);
    disk.beforeSync();
  };
  for (; cuts.length < images && round < 500; round += 1) {
    await Promise.all(Array.from({ length: 1 + Math.floor(random() * 4) }, transact));
    if (round % 7 === 3) await sql`create table ${sql.table(`made_${round}`)} as select * from one`.execute(db);
    if (round % 5 === 4) await sql`update one set filling = repeat('y', 500) where number % 3 = 0`.execute(db);
  }
  disk.beforeSync = () => {};
  await db.destroy();
  expect(cuts).toHaveLength(images);
  return cuts;
}

/** What is wrong with an image; empty if every promise is kept. */
async function problemsOf({ image, confirmed }: Cut): Promise<string[]> {
  const engine = await openEngine(image).catch((error: unknown) => String(error));
  if (typeof engine === "string") return [engine];
  const db = new Kysely<unknown>({ dialect: new PgliteDialect(engine) });
  try {
    const numbers = async (table: string) => {
      const query = sql<{ number: number }>`select number from ${sql.table(table)} order by number`;
      const { rows } = await query.execute(db);
      return rows.map((row) => row.number);
    };
    const [one, other] = [await numbers("one"), await numbers("other")];
    const problems = confirmed.filter((number) => !one.includes(number)).map((number) => `lost ${number}`);
    if (one.join() !== other.join()) problems.push("half a transaction");
    await sql`set enable_seqscan = off`.execute(db);
    if ((await numbers("one")).join() !== one.join()) problems.push("the index says something else");
    await sql`insert into one values (-1, 'new')`.execute(db);
    return problems;
  } catch (error) {
    return [String(error)];
  } finally {
    await db.destroy();
  }
}

describe("a power cut", () => {
  test.each([1, 2])(
    "leaves all confirmed commits and no half of one (seed %i)",
    async (seed) => {
      for (const cut of await runWithCuts(seed, 8)) {
        expect(await problemsOf(cut), `${cut.image} after ${cut.confirmed.length} commits`).toEqual([]);
      }
    },
    300_000,
  );

  test("is a test that notices a database that confirms before it syncs", async () => {
    const lazy = (disk: PowerCut): Syncs => ({
      now: (path) => disk.now(path),
      soon: async () => {},
      tree: (path) => disk.tree(path),
    });
    const cuts = await runWithCuts(3, 4, lazy);
    const problems = await Promise.all(cuts.map(problemsOf));
    expect(problems.flat().join()).toContain("lost");
  }, 300_000);
});

test("kill -9, again and again, loses no confirmed commit", async () => {
  const directory = await embeddedDataDirectory();
  const random = randomFrom(4);
  let confirmed = 0;
  for (let round = 0; round < 10; round += 1) {
    const program = join(import.meta.dirname, "commit-numbers.ts");
    const child = spawn(process.execPath, [program, directory], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(child, "exit");
    const until = confirmed + 20 + Math.floor(random() * 60);
    for await (const line of createInterface(child.stdout)) {
      const [word, value] = line.split(" ");
      const number = Number(value);
      if (word === "found") expect(number).toBeGreaterThanOrEqual(confirmed);
      confirmed = Math.max(confirmed, number);
      if (confirmed >= until) child.kill("SIGKILL");
    }
    expect((await ended)[1]).toBe("SIGKILL");
  }
  rmSync(directory, { recursive: true });
}, 120_000);
