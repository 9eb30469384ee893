import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { failure } from "../../../sdk/errors.ts";
import { readBytes, readInt8, readInt8Array, typeIds } from "./column-values.ts";
import { DurableFiles, kernelSyncs } from "./durable-files.ts";
import type { Syncs } from "./durable-files.ts";

/** An open embedded PostgreSQL. */
export interface Engine {
  readonly postgres: PGlite;
  readonly files: DurableFiles;
}

/** `fsync` on, through the one call that PGlite's file system passes on. */
const durable = ["fsync=on", "full_page_writes=on", "wal_sync_method=fsync", "synchronous_commit=on"];
/** What it takes from the start; the rest of a database this size stays in the system's cache. */
const frugal = ["shared_buffers=16MB", "wal_buffers=1MB"];

/** As PGlite's own otherwise. */
const startParams = [
  ...PGlite.defaultStartParams.filter((param) => param !== "-F"),
  ...[...durable, ...frugal].flatMap((setting) => ["-c", setting]),
];

/**
 * Opens the database in `directory`, made first if there is none. The caller holds the data directory's lock.
 * Rejects with DIST_ERR_STORE_OPEN, whose message ends with PostgreSQL's own last words.
 */
export async function openEngine(directory: string, syncs: Syncs = kernelSyncs): Promise<Engine> {
  if (!existsSync(directory)) await create(directory, syncs);
  const leftBehind = join(directory, "postmaster.pid");
  if (existsSync(leftBehind)) {
    // What a killed process wrote may not be durable yet.
    syncs.tree(directory);
    // After a power cut it may be empty, which PostgreSQL refuses to start with.
    rmSync(leftBehind);
  }
  const engine = await start(directory, syncs);
  if (engine.files.calls > 0) return engine;
  // It would lose what was confirmed, and nobody would see it until the power goes.
  await engine.postgres.close();
  throw failure("DIST_ERR_STORE_OPEN", { directory, problem: "this build of PGlite makes nothing durable" });
}

/** Makes it under another name: what has the right name is complete and durable. */
async function create(directory: string, syncs: Syncs): Promise<void> {
  const unfinished = `${directory}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  const { postgres } = await start(unfinished, syncs);
  await postgres.close();
  await putInPlace(unfinished, directory, syncs);
}

/** Makes a whole directory durable, then gives it its name. */
export async function putInPlace(unfinished: string, directory: string, syncs: Syncs = kernelSyncs): Promise<void> {
  const entries = readdirSync(unfinished, { recursive: true, withFileTypes: true });
  const paths = (wanted: boolean) =>
    entries.filter((entry) => entry.isDirectory() === wanted).map((entry) => join(entry.parentPath, entry.name));
  for (const some of chunks(paths(false), 64)) await Promise.all(some.map((path) => syncs.soon(path)));
  for (const path of [...paths(true), unfinished]) syncs.now(path);
  renameSync(unfinished, directory);
  syncs.now(dirname(directory));
}

function* chunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}

async function start(directory: string, syncs: Syncs): Promise<Engine> {
  const files = new DurableFiles(directory, syncs);
  const words: string[] = [];
  try {
    const postgres = await PGlite.create({
      fs: files,
      startParams,
      // Small log files: less space, and no pause to fill 16 MiB with zeros.
      initDbStartParams: ["--wal-segsize=1"],
      parsers: { [typeIds.int8]: readInt8, [typeIds.int8Array]: readInt8Array, [typeIds.bytea]: readBytes },
      onStderr: (text) => {
        const line = text.replace(/^[-\d]+ [:.\d]+ \w+ \[\d+\] /, "");
        words.push(line);
        if (words.length > 20) words.shift();
        // PostgreSQL has ended itself, for example because the disk is full; PGlite hides that and goes on.
        if (/^(PANIC|FATAL): /.test(line)) files.stop(new Error(line));
        return true;
      },
    });
    return { postgres, files };
  } catch (cause) {
    const said = words.filter((line) => /^(FATAL|PANIC|ERROR|DETAIL|HINT): /.test(line));
    if (said.length === 0) said.push(cause instanceof Error ? cause.message : String(cause));
    const problem = said.map((line) => line.trim()).join("; ");
    throw failure("DIST_ERR_STORE_OPEN", { directory, problem }, { cause });
  }
}

/** PostgreSQL's major version that wrote a data directory; undefined if there is none. */
export function engineVersion(directory: string): string | undefined {
  const file = join(directory, "PG_VERSION");
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}
