import { nameBytes } from "../../path.ts";
import { rootNumber } from "./file-table.ts";
import type { FileTable } from "./file-table.ts";
import type { Inode } from "./inode.ts";

/** Where a path leads. */
export interface Place {
  readonly directory: Inode;
  readonly name: string;
  /** Undefined if there is nothing of that name. */
  readonly inode: Inode | undefined;
  /** The directories on the way. */
  readonly way: readonly Inode[];
}

const mostSymlinks = 40;
const longestPath = 4095;
const longestName = 255;

/** An error as Node makes it of what the system answers. */
export function systemError(code: string, call: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code, syscall: call, path });
}

/** Walks a path as Linux does: symbolic links are followed, but for the last component. */
export function locate(table: FileTable, path: string, call: string, privileged: boolean): Place {
  if (path.includes("\0")) throw systemError("ERR_INVALID_ARG_VALUE", call, path);
  if (path === "") throw systemError("ENOENT", call, path);
  if (isLonger(path, longestPath)) throw systemError("ENAMETOOLONG", call, path);
  const root = table.get(rootNumber) as Inode;
  const way = [root];
  const ahead = components(path);
  let symlinks = 0;
  for (;;) {
    const directory = way.at(-1) ?? root;
    const name = ahead.pop();
    if (name === undefined) return { directory, name: ".", inode: directory, way };
    if (directory.type !== "directory") throw systemError("ENOTDIR", call, path);
    if (!privileged && (directory.mode & 0o100) === 0) throw systemError("EACCES", call, path);
    if (name === "." || name === "..") {
      if (name === ".." && way.length > 1) way.pop();
      continue;
    }
    if (isLonger(name, longestName)) throw systemError("ENAMETOOLONG", call, path);
    const inode = table.find(directory, name);
    if (ahead.length === 0) return { directory, name, inode, way };
    if (inode === undefined) throw systemError("ENOENT", call, path);
    if (inode.type !== "symlink") way.push(inode);
    else {
      symlinks += 1;
      if (symlinks > mostSymlinks) throw systemError("ELOOP", call, path);
      if (inode.target.startsWith("/")) way.length = 1;
      ahead.push(...components(inode.target));
    }
  }
}

/** In bytes, of which one UTF-16 unit makes three at most. */
function isLonger(name: string, limit: number): boolean {
  return name.length * 3 > limit && nameBytes(name).length > limit;
}

/** The next one last. */
function components(path: string): string[] {
  const names = path.split("/").reverse();
  return names.includes("") ? names.filter((name) => name !== "") : names;
}
