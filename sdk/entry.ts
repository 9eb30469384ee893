/**
 * One name in a tree of content. Paths are relative, with `/` between components, in the order of `comparePaths`:
 * a directory stands right before what is in it. The root itself is not an entry.
 */
export type Entry = FileEntry | DirectoryEntry | SymlinkEntry;

/** A file with all that is known of it but its bytes. */
export interface FileEntry {
  readonly type: "file";
  readonly path: string;
  /** Permission bits, 0 … 0o777. */
  readonly mode: number;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** Hex BLAKE3 of the content: 64 characters. */
  readonly hash: string;
}

/** A directory; its times are nobody's business. */
export interface DirectoryEntry {
  readonly type: "directory";
  readonly path: string;
  readonly mode: number;
}

/** A symbolic link; it has neither mode nor time of its own. */
export interface SymlinkEntry {
  readonly type: "symlink";
  readonly path: string;
  /** Relative, and inside the tree. */
  readonly target: string;
}
