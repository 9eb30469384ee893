import type { Disk } from "./io.ts";

/** Removes whatever is at `path`, with all below it, closed directories too. Follows no link; nothing there is fine. */
export function removeTree(disk: Disk, path: string): void {
  const stat = disk.stat(path);
  if (stat === undefined) return;
  if (stat.type !== "directory") return disk.unlink(path);
  if ((stat.mode & 0o700) !== 0o700) disk.chmod(path, 0o700);
  empty(disk, path);
  disk.removeDirectory(path);
}

function empty(disk: Disk, path: string): void {
  using directory = disk.hold(path);
  for (const name of disk.list(directory.path)) removeTree(disk, `${directory.path}/${name}`);
}
