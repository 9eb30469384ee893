import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openEngine } from "../core/control/store/pglite-engine.ts";

const modules = join(dirname(import.meta.dirname), "node_modules");

/**
 * A new data directory that already has an embedded database, still empty: opening it takes half a second instead of
 * the several it takes to make one.
 */
export async function embeddedDataDirectory(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "distributary-data-"));
  cpSync(await emptyDatabase(), join(directory, "database"), { recursive: true });
  return directory;
}

/** Made once for each version of PGlite. */
export async function emptyDatabase(): Promise<string> {
  const manifest = readFileSync(join(modules, "@electric-sql/pglite/package.json"), "utf8");
  const { version } = JSON.parse(manifest) as { version: string };
  const cache = join(modules, ".cache", "distributary");
  const ready = join(cache, `pglite-${version}`);
  if (existsSync(ready)) return ready;
  mkdirSync(cache, { recursive: true });
  const mine = mkdtempSync(join(cache, "making-"));
  const { postgres } = await openEngine(join(mine, "database"));
  await postgres.close();
  try {
    renameSync(join(mine, "database"), ready);
  } catch (error) {
    // Another test file was faster.
    if (!existsSync(ready)) throw error;
  } finally {
    rmSync(mine, { recursive: true });
  }
  return ready;
}
