import { constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { basename, join } from "node:path";
import { engineVersion, putInPlace } from "./pglite-engine.ts";

const kept = 3;

/**
 * Copies the embedded database to `dumps/<moment>`, complete and durable when it resolves with that path, and deletes
 * all but the last three. The caller keeps the database idle during `copy`.
 */
export async function dumpDatabase(
  database: string,
  dumps: string,
  whileIdle: (copy: () => Promise<void>) => Promise<void>,
): Promise<string> {
  mkdirSync(dumps, { recursive: true, mode: 0o700 });
  const dump = join(dumps, new Date().toISOString().replaceAll(":", "-"));
  const unfinished = `${dump}.new`;
  await whileIdle(() => copyDatabase(database, unfinished));
  await putInPlace(unfinished, dump);
  for (const name of readdirSync(dumps).filter((it) => it.endsWith(".new"))) {
    rmSync(join(dumps, name), { recursive: true });
  }
  for (const old of listDumps(dumps).slice(kept)) rmSync(old, { recursive: true });
  return dump;
}

/** Finished dumps, the latest first. */
export function listDumps(dumps: string): string[] {
  if (!existsSync(dumps)) return [];
  const finished = readdirSync(dumps).filter((name) => !name.endsWith(".new"));
  const paths = finished.map((name) => join(dumps, name));
  return paths
    .filter((path) => engineVersion(path) !== undefined)
    .sort()
    .reverse();
}

/** Puts a dump in the database's place. What was there is kept under another name, which is returned. */
export async function restoreDump(dump: string, database: string): Promise<string> {
  const unfinished = `${database}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  await copyDatabase(dump, unfinished);
  const broken = `${database}.broken-${new Date().toISOString().replaceAll(":", "-")}`;
  renameSync(database, broken);
  await putInPlace(unfinished, database);
  return broken;
}

/** File systems that can share the blocks do so. */
async function copyDatabase(from: string, to: string): Promise<void> {
  const filter = (source: string) => basename(source) !== "postmaster.pid";
  await cp(from, to, { recursive: true, mode: constants.COPYFILE_FICLONE, errorOnExist: true, force: false, filter });
}
