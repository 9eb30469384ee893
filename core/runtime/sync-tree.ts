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
  const entries = listTree(disk, path);
  if (entries.length >= manyEntries && path.isWellFormed() && canSyncFileSystem()) syncFileSystem(path);
  else for (const entry of entries) disk.sync(entry);
}

/** Files and directories, what is inside before what it is in. Links have no bytes of their own to sync. */
function listTree(disk: Disk, path: string): string[] {
  const found = [path];
  for (const directory of found) {
    if (disk.stat(directory)?.type !== "directory") continue;
    for (const name of disk.list(directory)) {
      const child = `${directory}/${name}`;
      if (disk.stat(child)?.type !== "symlink") found.push(child);
    }
  }
  return found.reverse();
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
