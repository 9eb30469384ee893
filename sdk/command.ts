/**
 * What an assignment tells an interpreter to do, in this order: removals (deepest first), directories (parents first),
 * then everything else. A release begins as an exact likeness of its base; commands change it into the result.
 * Every path is relative to the release.
 */
export type Command =
  RemoveCommand | DirectoryCommand | FileCommand | CopyCommand | SymlinkCommand | AttributesCommand | ExtensionCommand;

/** Takes away a file or a symbolic link, or a directory that is empty by then. */
export interface RemoveCommand {
  readonly kind: "remove";
  readonly path: string;
}

/** Makes a directory, or changes the mode of one that is there. */
export interface DirectoryCommand {
  readonly kind: "directory";
  readonly path: string;
  readonly mode: number;
}

/**
 * Makes a file, in place of one of that name if there is one. Its bytes follow those of the file command before it in
 * the same part.
 */
export interface FileCommand {
  readonly kind: "file";
  readonly path: string;
  readonly mode: number;
  readonly mtimeMs: number;
  readonly sizeBytes: number;
  /** Hex BLAKE3 of the content. */
  readonly hash: string;
  /** Which part of the data holds it. */
  readonly part: number;
}

/** Makes a file with the content that the base has at `from`, which may be removed or changed by other commands. */
export interface CopyCommand {
  readonly kind: "copy";
  readonly from: string;
  readonly path: string;
  readonly mode: number;
  readonly mtimeMs: number;
}

/** Makes a symbolic link, in place of a file or link of that name if there is one. */
export interface SymlinkCommand {
  readonly kind: "symlink";
  readonly path: string;
  readonly target: string;
}

/** Changes a directory's mode, or a file's mode and time with its content as it is. */
export interface AttributesCommand {
  readonly kind: "attributes";
  readonly path: string;
  readonly mode: number;
  readonly mtimeMs?: number;
}

/** Something else, done by an interpreter that knows it. Its effect is not part of the tree's hash. */
export interface ExtensionCommand {
  readonly kind: `x-${string}`;
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
}
