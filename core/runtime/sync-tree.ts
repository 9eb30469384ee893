import { spawnSync } from "node:child_process";
import { release } from "node:os";
import type { Disk } from "../../sdk/index.ts";

/**
 * From how many entries on one sync of the whole file system is used, which also waits for what other programs
 * have written. On ext4 one fsync costs 0.3 ms (0.1 ms for a hard link), starting `sync` 6 ms and then 0.02 ms a file.
 */
const manyEntries = 100;

/** Makes a directory and all below it durable; throws if any of it could not be written. */
export function syncTree(disk: Disk, path: string): void {
  const isBig = [...walk(disk, path).take(manyEntries)].length === manyEntries;
  if (isBig && path.isWellFormed() && canSyncFileSystem()) syncFileSystem(path);
  else for (const entry of [...walk(disk, path)].reverse()) disk.sync(entry);
}

/** Files and directories, each directory before what is in it. Links have no bytes of their own to sync. */
function* walk(disk: Disk, path: string): Generator<string> {
  const entries = [path];
  for (const entry of entries) {
    const type = disk.stat(entry)?.type;
    if (type === "directory") for (const name of disk.list(entry)) entries.push(`${entry}/${name}`);
    if (type === "file" || type === "directory" || entry === path) yield entry;
  }
}

function syncFileSystem(path: string): void {
  const { status, error, stderr } = spawnSync("sync", ["-f", "--", path], { encoding: "utf8" });
  if (status !== 0) {
    const problem = error?.message ?? stderr.trim();
    throw Object.assign(new Error(`EIO: sync -f '${path}': ${problem}`), { code: "EIO", syscall: "sync", path });
  }
}

let usable: boolean | undefined;

/** Linux tells syncfs of failed writes since 5.8; of the `sync` programs, GNU's passes them on. */
function canSyncFileSystem(): boolean {
  usable ??= process.platform === "linux" && linuxReportsFailedWrites() && isGnuSync();
  return usable;
}

function linuxReportsFailedWrites(): boolean {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  return major > 5 || (major === 5 && minor >= 8);
}

function isGnuSync(): boolean {
  const { status, stdout } = spawnSync("sync", ["--version"], { encoding: "utf8" });
  return status === 0 && stdout.includes("GNU coreutils");
}
