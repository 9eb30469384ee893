import type { FileStat } from "../../io.ts";
import { nameBytes } from "../../path.ts";

/** A file, directory or symbolic link of a simulated file system, apart from its names. */
export interface Inode {
  readonly number: number;
  readonly type: "file" | "directory" | "symlink";
  readonly device: number;
  readonly target: string;
  mode: number;
  uid: number;
  gid: number;
  mtimeMs: number;
  ctimeMs: number;
  /** How many names it has. */
  links: number;
  sizeBytes: number;
  /** Of a file; with room to grow. */
  bytes: Uint8Array;
  /** Of a directory, by the name as the file system compares it. */
  readonly names: Map<string, { readonly name: string; readonly inode: number }>;
}

/** One without content or names, that nobody may use. */
export function newInode(number: number, type: Inode["type"], device: number, timeMs: number): Inode {
  return {
    number,
    type,
    device,
    target: "",
    mode: 0,
    uid: 0,
    gid: 0,
    mtimeMs: timeMs,
    ctimeMs: timeMs,
    links: 0,
    sizeBytes: 0,
    bytes: new Uint8Array(0),
    names: new Map(),
  };
}

/** What `stat` says of it. */
export function statOf(inode: Inode): FileStat {
  const { type, mode, mtimeMs, ctimeMs, uid, gid, device, links, number } = inode;
  const sizeBytes = type === "symlink" ? nameBytes(inode.target).length : inode.sizeBytes;
  return { type, sizeBytes, mode, mtimeMs, ctimeMs, uid, gid, device, inode: number, links };
}
