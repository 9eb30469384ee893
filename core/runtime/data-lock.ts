import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { failure } from "../../sdk/errors.ts";

/** Held until disposed, or until the process ends in whatever way. */
export interface DataLock extends AsyncDisposable {
  readonly directory: string;
}

const sqliteBusy = 5;

/**
 * Makes `directory` this process's own, or rejects with DIST_ERR_STORE_LOCKED naming who has it.
 *
 * The lock is one of the kernel's (an exclusive SQLite transaction on an empty file is the way to such a lock that Node
 * offers on every system). So it cannot be stale and is never taken from the living: it ends with its process, be it by
 * kill -9 or a power cut, and it holds between containers, whose process ids mean nothing to each other.
 * Nothing else in this process may open the file `lock`: POSIX drops a process's locks when it closes any handle.
 */
export async function lockData(directory: string): Promise<DataLock> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const holderFile = join(directory, "lock.holder");
  const lock = new DatabaseSync(join(directory, "lock"), { timeout: 0 });
  try {
    lock.exec("pragma journal_mode = off; begin exclusive");
  } catch (cause) {
    lock.close();
    if (!(cause instanceof Error && "errcode" in cause && cause.errcode === sqliteBusy)) {
      const problem = `it does not support locks (${cause instanceof Error ? cause.message : String(cause)})`;
      throw failure("DIST_ERR_STORE_OPEN", { directory, problem }, { cause });
    }
    throw failure("DIST_ERR_STORE_LOCKED", { directory, holder: readHolder(holderFile) });
  }
  const since = new Date().toISOString();
  writeFileSync(holderFile, `process ${process.pid} on ${hostname()} since ${since}\n`);
  return {
    directory,
    async [Symbol.asyncDispose]() {
      if (lock.isOpen) lock.close();
    },
  };
}

/** Only for people: the holder writes it just after it has the lock. */
function readHolder(path: string): string {
  try {
    return readFileSync(path, "utf8").trim() || "another process";
  } catch {
    return "another process";
  }
}
