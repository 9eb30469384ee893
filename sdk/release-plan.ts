import type { AttributesCommand, Command, DirectoryCommand, RemoveCommand } from "./command.ts";
import type { Entry, FileEntry, SymlinkEntry } from "./entry.ts";
import { failure } from "./errors.ts";
import type { DistributaryError } from "./errors.ts";
import type { Work } from "./interpreter.ts";
import { checkPath, printable, refuseTarget } from "./path.ts";

/** What a host can have. */
export interface PlanRules {
  readonly keeps: { readonly symlinks: boolean };
  /** Why the host cannot have an entry of that path; undefined if it can. */
  refuse?(path: string): string | undefined;
}

/** One name in the release to be built. */
interface Item {
  readonly type: Entry["type"];
  readonly mode: number;
  /** The base's entry, if no command touches it. */
  readonly kept: Entry | undefined;
  /** How many names a directory has. */
  children: number;
}

/**
 * What a release will hold, worked out before anything is written. The constructor throws DIST_ERR_PATH_INVALID or
 * DIST_ERR_COMMAND_REFUSED for whatever would not make exactly that release or could write outside of it: a name
 * below a file or a link, a directory removed with names in it, two commands that make one name, a link that leads
 * out, modes beyond 0777, an order other than removals, directories, the rest.
 */
export class ReleasePlan {
  readonly #rules: PlanRules;
  /** By path; a directory comes before what is in it. */
  readonly #items = new Map<string, Item>();
  /** Files of the base that are removed or made anew; commands may still copy them. */
  readonly #replaced = new Map<string, FileEntry>();
  readonly #made = new Set<string>();

  constructor(work: Work, rules: PlanRules) {
    this.#rules = rules;
    this.#items.set("", { type: "directory", mode: 0, kept: undefined, children: 0 });
    for (const entry of work.base?.entries() ?? []) this.#addBase(entry);
    let stage = 0;
    for (const command of work.commands()) {
      if (stageOf(command) < stage) throw refused(command, "it comes after commands that must follow it");
      stage = stageOf(command);
      this.#add(command);
    }
    this.#items.delete("");
  }

  /** Directories with their modes, parents first. */
  *directories(): Generator<{ readonly path: string; readonly mode: number }> {
    for (const [path, { type, mode }] of this.#items) if (type === "directory") yield { path, mode };
  }

  /** Files and links that stay as they are in the base. */
  *kept(): Generator<FileEntry | SymlinkEntry> {
    for (const { kept } of this.#items.values()) if (kept !== undefined && kept.type !== "directory") yield kept;
  }

  /** The base's file of that path, whatever becomes of it. */
  baseFile(path: string): FileEntry | undefined {
    const kept = this.#items.get(path)?.kept ?? this.#replaced.get(path);
    return kept?.type === "file" ? kept : undefined;
  }

  /** Whether the release will hold this entry of an older one just as it is. A directory's mode may still differ. */
  holds(old: Entry): boolean {
    const item = this.#items.get(old.path);
    if (old.type === "directory") return item?.type === "directory";
    return item?.kept !== undefined && isSameLeaf(item.kept, old);
  }

  isDirectory(path: string): boolean {
    return this.#items.get(path)?.type === "directory";
  }

  /** Of everything the release will hold. */
  paths(): Iterable<string> {
    return this.#items.keys();
  }

  /** Paths that leave the base have no directory in it, or are there already. */
  #addBase(entry: Entry): void {
    const { path, type } = entry;
    const mode = "mode" in entry ? entry.mode : 0o777;
    if (this.#items.has(path)) {
      throw failure("DIST_ERR_PATH_INVALID", { path: printable(path), reason: "the base has it twice" });
    }
    if (!this.#addName(path)) {
      throw failure("DIST_ERR_PATH_INVALID", { path: printable(path), reason: "the base has no directory for it" });
    }
    this.#items.set(path, { type, mode, kept: entry, children: 0 });
  }

  #add(command: Command): void {
    if (!("path" in command)) throw refused(command, "this host does not know it");
    const { path } = command;
    checkPath(path);
    if (command.kind === "remove") return this.#remove(command);
    const reason = this.#rules.refuse?.(path);
    if (reason !== undefined) throw failure("DIST_ERR_PATH_INVALID", { path: printable(path), reason });
    if (this.#made.has(path)) throw refused(command, "another command makes the same name");
    this.#made.add(path);
    if ("mode" in command && (!Number.isInteger(command.mode) || command.mode < 0 || command.mode > 0o777)) {
      throw refused(command, `its mode ${command.mode} is more than permissions`);
    }
    if ("mtimeMs" in command && !Number.isSafeInteger(command.mtimeMs)) {
      throw refused(command, `its time ${command.mtimeMs} is no whole number of milliseconds`);
    }
    const present = this.#items.get(path);
    if (command.kind === "attributes") return this.#changeAttributes(command, present);
    if (command.kind === "directory") return this.#addDirectory(command, present);
    if (command.kind === "copy" && this.baseFile(command.from) === undefined) {
      throw refused(command, `the base has no file '${printable(command.from)}'`);
    }
    if (command.kind === "symlink") this.#checkLink(command.path, command.target, command);
    if (present?.type === "directory") throw refused(command, "there is a directory");
    if (present === undefined) this.#addNameFor(command);
    const mode = "mode" in command ? command.mode : 0o777;
    this.#replace(path, { type: command.kind === "symlink" ? "symlink" : "file", mode, kept: undefined, children: 0 });
  }

  #remove(command: RemoveCommand): void {
    const item = this.#items.get(command.path);
    if (item === undefined) throw refused(command, "there is nothing");
    if (item.children > 0) throw refused(command, "the directory is not empty");
    this.#keepForCopies(item);
    this.#items.delete(command.path);
    const parent = this.#items.get(parentOf(command.path));
    if (parent !== undefined) parent.children -= 1;
  }

  #changeAttributes(command: AttributesCommand, present: Item | undefined): void {
    if (present === undefined) throw refused(command, "there is nothing");
    if (present.type === "symlink") throw refused(command, "a symbolic link has none");
    this.#replace(command.path, { ...present, mode: command.mode, kept: undefined });
  }

  #addDirectory(command: DirectoryCommand, present: Item | undefined): void {
    if (present !== undefined && present.type !== "directory") throw refused(command, `there is a ${present.type}`);
    if (present === undefined) this.#addNameFor(command);
    const children = present?.children ?? 0;
    this.#items.set(command.path, { type: "directory", mode: command.mode, kept: undefined, children });
  }

  #checkLink(path: string, target: string, command: Command): void {
    if (!this.#rules.keeps.symlinks) throw refused(command, "this host keeps no symbolic links");
    const reason = refuseTarget(path, target);
    if (reason !== undefined) throw refused(command, reason);
  }

  #replace(path: string, item: Item): void {
    const present = this.#items.get(path);
    if (present !== undefined) this.#keepForCopies(present);
    this.#items.set(path, item);
  }

  #keepForCopies({ kept }: Item): void {
    if (kept?.type === "file") this.#replaced.set(kept.path, kept);
  }

  #addNameFor(command: Command & { path: string }): void {
    if (!this.#addName(command.path)) throw refused(command, "there is no directory for it");
  }

  /** Counts a new name in its directory; false if that is none. */
  #addName(path: string): boolean {
    const parent = this.#items.get(parentOf(path));
    if (parent?.type !== "directory") return false;
    parent.children += 1;
    return true;
  }
}

/** Makes DIST_ERR_COMMAND_REFUSED. */
function refused(command: Command, reason: string): DistributaryError {
  const path = "path" in command ? printable(command.path) : "";
  return failure("DIST_ERR_COMMAND_REFUSED", { kind: command.kind, path, reason });
}

function isSameLeaf(left: Entry, right: Entry): boolean {
  if (left.type === "symlink") return right.type === "symlink" && left.target === right.target;
  if (left.type !== "file" || right.type !== "file") return false;
  return left.hash === right.hash && left.mode === right.mode && left.mtimeMs === right.mtimeMs;
}

function stageOf({ kind }: Command): number {
  return kind === "remove" ? 0 : kind === "directory" ? 1 : 2;
}

/** The empty path for a name in the root; for an absolute path one that nothing has. */
function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? "" : path.slice(0, slash) || "/";
}
