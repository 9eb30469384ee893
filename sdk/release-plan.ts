import type { Command } from "./command.ts";
import type { Entry, SymlinkEntry } from "./entry.ts";
import { failure } from "./errors.ts";
import type { Work } from "./interpreter.ts";
import { checkPath, printable, refuseTarget } from "./path.ts";

/** What can stand on a host. */
export interface PlanRules {
  readonly keeps: { readonly symlinks: boolean };
  /** Why the host cannot have an entry of that path. */
  refuse?(path: string): string | undefined;
}

/** One name in the release to be built. */
interface Item {
  readonly type: Entry["type"];
  /** The base's entry, if it stays as it is; then no command made or changed it. */
  readonly kept?: Entry;
  readonly mode: number;
  /** How many names a directory has. */
  children: number;
}

const order = { remove: 0, directory: 1 } as const;

/**
 * What a release will hold, worked out before anything is written. Refuses with DIST_ERR_COMMAND_REFUSED whatever
 * would not make exactly that release, or would write outside of it: a name below a file or a link, a directory
 * removed with names in it, two commands for one name, an order other than removals, directories, the rest.
 */
export class ReleasePlan {
  readonly #rules: PlanRules;
  /** By path. A directory comes before what is in it. */
  readonly #items = new Map<string, Item>();
  readonly #baseFiles = new Map<string, Entry & { type: "file" }>();
  readonly #named = new Set<string>();

  constructor(work: Work, rules: PlanRules) {
    this.#rules = rules;
    for (const entry of work.base?.entries() ?? []) this.#addBase(entry);
    let stage = 0;
    for (const command of work.commands()) {
      const next = order[command.kind as keyof typeof order] ?? 2;
      if (next < stage) throw refused(command, "it comes too late");
      stage = next;
      this.#plan(command);
    }
  }

  /** Directories with their modes, parents first. */
  *directories(): Iterable<{ path: string; mode: number }> {
    for (const [path, { type, mode }] of this.#items) if (type === "directory") yield { path, mode };
  }

  /** Files and links that are as in the base. */
  *kept(): Iterable<Entry & { type: "file" | "symlink" }> {
    for (const { kept } of this.#items.values()) if (kept !== undefined && kept.type !== "directory") yield kept;
  }

  /** The base's file of that path; DIST_ERR_COMMAND_REFUSED if it has none. */
  baseFile(command: Command, path: string): Entry & { type: "file" } {
    const entry = this.#baseFiles.get(path);
    if (entry === undefined) throw refused(command, `the base has no file '${printable(path)}'`);
    return entry;
  }

  isDirectory(path: string): boolean {
    return this.#items.get(path)?.type === "directory";
  }

  /** The paths of all that will be there. */
  paths(): Iterable<string> {
    return this.#items.keys();
  }

  #addBase(entry: Entry): void {
    const parent = this.#parent(entry.path);
    if (parent === undefined) throw failure("DIST_ERR_PATH_INVALID", { path: printable(entry.path), reason: "its directory is not in the base" });
    parent.children += 1;
    this.#items.set(entry.path, { type: entry.type, kept: entry, mode: modeOf(entry), children: 0 });
    if (entry.type === "file") this.#baseFiles.set(entry.path, entry);
  }
}
