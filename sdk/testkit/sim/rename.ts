import type { Inode } from "./inode.ts";
import { systemError } from "./locate.ts";
import type { Place } from "./locate.ts";

/** Whether both are names of one file, so that a rename does nothing; another spelling of a name is worth a rename. */
export function isSameFile(source: Place, target: Place, fold: (name: string) => string): boolean {
  if (source.inode !== target.inode) return false;
  const isOtherSpelling =
    source.directory === target.directory && source.name !== target.name && fold(source.name) === fold(target.name);
  return !isOtherSpelling;
}

/** The directories that a rename must be allowed to write; throws if it is impossible whatever the rights. */
export function renameTouches(inode: Inode, source: Place, target: Place, path: string): Inode[] {
  const { inode: replaced, directory } = target;
  if (inode.device !== directory.device) throw systemError("EXDEV", "rename", path);
  if (target.way.includes(inode)) throw systemError("EINVAL", "rename", path);
  const isDirectory = inode.type === "directory";
  if (replaced !== undefined && replaced !== inode) {
    if (isDirectory && replaced.type !== "directory") throw systemError("ENOTDIR", "rename", path);
    if (!isDirectory && replaced.type === "directory") throw systemError("EISDIR", "rename", path);
    if (replaced.names.size > 0) throw systemError("ENOTEMPTY", "rename", path);
  }
  const touched = [source.directory, directory];
  // A directory that moves gets another `..`.
  return isDirectory && directory !== source.directory ? [...touched, inode] : touched;
}
