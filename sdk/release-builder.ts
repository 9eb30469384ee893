import type { AttributesCommand, Command, CopyCommand } from "./command.ts";
import type { Entry, FileEntry, SymlinkEntry } from "./entry.ts";
import { failure } from "./errors.ts";
import { HeldTree } from "./held-tree.ts";
import type { Interpreter, Work } from "./interpreter.ts";
import type { Disk } from "./io.ts";
import { printable } from "./path.ts";
import { ReleasePlan } from "./release-plan.ts";
import type { PlanRules } from "./release-plan.ts";

/** Fills a release's directory. Every step is one entry or one chunk of a file. */
export class ReleaseBuilder {
  readonly #work: Work;
  readonly #disk: Disk;
  readonly #keeps: Interpreter["keeps"];
  readonly #plan: ReleasePlan;
  /** Modes of the directories that were there before. */
  readonly #modes = new Map<string, number>();
  /** Directories in which names came or went, or which are new. */
  readonly #touched = new Set<string>();
  readonly #written: string[] = [];
  readonly #tree: HeldTree;
  #buffer: Uint8Array | undefined;

  /** Throws what `ReleasePlan` refuses; nothing is written until the first step. */
  constructor(work: Work, disk: Disk, rules: PlanRules & { readonly keeps: Interpreter["keeps"] }) {
    this.#work = work;
    this.#disk = disk;
    this.#tree = new HeldTree(disk, work.directory);
    this.#keeps = rules.keeps;
    this.#plan = new ReleasePlan(work, rules);
  }

  /**
   * Untouched files of the base become hard links; whatever a command makes is a new file, so nothing that exists
   * is ever opened for writing.
   */
  *build(): Generator<void> {
    using _ = this.#tree;
    yield* this.#fill(new Set());
  }

  /** The same in a directory that holds an older release: what both have stays, the rest of it goes. */
  *renew(old: Iterable<Entry>): Generator<void> {
    using _ = this.#tree;
    const kept = new Set<string>();
    const gone: Entry[] = [];
    for (const entry of old) {
      if (entry.type === "directory") this.#modes.set(entry.path, entry.mode);
      if (this.#plan.holds(entry)) kept.add(entry.path);
      else gone.push(entry);
    }
    for (const { type, path } of gone.reverse()) {
      this.#touch(path);
      if (type === "directory") this.#disk.removeDirectory(this.#at(path));
      else this.#disk.unlink(this.#at(path));
      yield;
    }
    yield* this.#fill(kept);
  }

  /** Absolute paths of the files and directories that are new or changed. */
  get changed(): readonly string[] {
    const directories = [...this.#touched].filter((path) => path === "" || this.#plan.isDirectory(path));
    const { directory } = this.#work;
    return [...this.#written, ...directories].map((path) => (path === "" ? directory : `${directory}/${path}`));
  }

  /** Directories get their modes last: one without the right to write can still be filled. */
  *#fill(kept: ReadonlySet<string>): Generator<void> {
    for (const { path } of this.#plan.directories()) {
      if (kept.has(path)) continue;
      this.#make(path, (at) => this.#disk.makeDirectory(at, 0o700));
      this.#touched.add(path);
      yield;
    }
    for (const entry of this.#plan.kept()) {
      if (kept.has(entry.path)) continue;
      if (entry.type === "symlink") this.#link(entry);
      else yield* this.#share(entry, entry.path);
      yield;
    }
    for (const command of this.#work.commands()) {
      yield* this.#carryOut(command);
      yield;
    }
    if (!this.#keeps.modes) return;
    for (const { path, mode } of [...this.#plan.directories()].reverse()) {
      if (this.#modes.get(path) === mode) continue;
      this.#disk.chmod(this.#at(path), mode);
      this.#touched.add(path);
      yield;
    }
  }

  *#carryOut(command: Command): Generator<void> {
    if (command.kind === "file") yield* this.#write(command, this.#work.content(command));
    else if (command.kind === "symlink") this.#link(command);
    else if (command.kind === "copy") yield* this.#copy(command);
    else if (command.kind === "attributes") yield* this.#changeAttributes(command);
  }

  *#copy(command: CopyCommand): Generator<void> {
    const source = this.#baseFile(command.from);
    const isSame = source.mtimeMs === command.mtimeMs && (source.mode === command.mode || !this.#keeps.modes);
    if (isSame) yield* this.#share(source, command.path);
    else yield* this.#write(command, this.#read(source.path));
  }

  /** A file gets new bytes too, because all names of one file share its mode and time. */
  *#changeAttributes({ path, mode, mtimeMs }: AttributesCommand): Generator<void> {
    if (this.#plan.isDirectory(path)) return;
    const source = this.#baseFile(path);
    yield* this.#write({ path, mode, mtimeMs: mtimeMs ?? source.mtimeMs }, this.#read(path));
  }

  /** Makes `path` another name of the base's file, or a copy where the file system allows no more names. */
  *#share(source: FileEntry, path: string): Generator<void> {
    try {
      this.#make(path, (at) => this.#disk.link(this.#inBase(source.path), at));
    } catch (error) {
      if (!noMoreNames.has(codeOf(error) ?? "")) throw error;
      yield* this.#write({ path, mode: source.mode, mtimeMs: source.mtimeMs }, this.#read(source.path));
    }
  }

  *#write(like: { path: string; mode: number; mtimeMs: number }, content: Iterable<Uint8Array>): Generator<void> {
    const file = this.#make(like.path, (at) => this.#disk.open(at, "create"));
    try {
      for (const chunk of content) {
        file.write(chunk);
        yield;
      }
    } finally {
      file.close();
    }
    this.#written.push(like.path);
    const at = this.#at(like.path);
    if (this.#keeps.modes) this.#disk.chmod(at, like.mode);
    this.#disk.setMtime(at, like.mtimeMs);
  }

  *#read(path: string): Generator<Uint8Array> {
    this.#buffer ??= new Uint8Array(256 * 1024);
    const file = this.#disk.open(this.#inBase(path), "read");
    try {
      for (let position = 0; ;) {
        const count = file.read(this.#buffer, position);
        if (count === 0) return;
        yield this.#buffer.subarray(0, count);
        position += count;
      }
    } finally {
      file.close();
    }
  }

  #link({ path, target }: Pick<SymlinkEntry, "path" | "target">): void {
    this.#make(path, (at) => this.#disk.symlink(target, at));
  }

  /** All names are new to the plan: one that exists is taken for another by this file system. */
  #make<T>(path: string, make: (at: string) => T): T {
    this.#touch(path);
    try {
      return make(this.#at(path));
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      const other = printable(this.#sameName(path));
      throw failure("DIST_ERR_PATH_COLLISION", { path: printable(path), other }, { cause: error });
    }
  }

  /** Before a name comes or goes: sees to it that it may. */
  #touch(path: string): void {
    const directory = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    this.#touched.add(directory);
    const mode = this.#modes.get(directory);
    if (mode === undefined || !this.#keeps.modes || (mode & 0o300) === 0o300) return;
    this.#disk.chmod(this.#at(directory), 0o700);
    this.#modes.set(directory, 0o700);
  }

  #sameName(path: string): string {
    for (const other of this.#plan.paths()) if (other !== path && fold(other) === fold(path)) return other;
    return path;
  }

  #baseFile(path: string): FileEntry {
    const entry = this.#plan.baseFile(path);
    if (entry === undefined) {
      throw failure("DIST_ERR_PATH_INVALID", { path: printable(path), reason: "the base has no such file" });
    }
    return entry;
  }

  #at(path: string): string {
    return this.#tree.at(path);
  }

  #inBase(path: string): string {
    return `${this.#work.base?.directory}/${path}`;
  }
}

/** Too many names, another file system, a file system without hard links, a file of somebody else. */
const noMoreNames = new Set(["EMLINK", "EXDEV", "EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"]);

function fold(path: string): string {
  return path.normalize("NFKD").toLowerCase();
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
