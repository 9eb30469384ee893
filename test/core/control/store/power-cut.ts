import { cpSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import type { Stats } from "node:fs";
import { join, relative } from "node:path";
import { kernelSyncs } from "../../../../core/control/store/durable-files.ts";
import type { Syncs } from "../../../../core/control/store/durable-files.ts";

const pageBytes = 4096;

/**
 * A directory on a disk that keeps only what was synced: a file's bytes at its last sync, a directory's names at its
 * last sync. What was not synced may have reached the disk or not, page by page and name by name.
 */
export class PowerCut implements Syncs {
  readonly directory: string;
  /** Called before each sync that blocks: the worst moments. */
  beforeSync: () => void = () => {};
  /** Bytes of files by inode, if they differ from the beginning. */
  readonly #bytes = new Map<number, Buffer>();
  /** When the sync of a file began that was the last to end: a shorter one may have overtaken a longer one. */
  readonly #lastBegun = new Map<number, number>();
  #begun = 0;
  /** Inodes of a directory's names, of 0 for a directory. */
  readonly #names = new Map<string, Map<string, number>>();
  readonly #beginning: string;
  readonly #pathAtBeginning = new Map<number, string>();
  readonly #startedMs = Date.now();

  /** Everything in `directory` is durable now; `beginning` is a copy of it that nobody changes. */
  constructor(directory: string, beginning: string) {
    this.directory = directory;
    this.#beginning = beginning;
    for (const path of [directory, ...list(directory)]) {
      const stat = lstatSync(path);
      if (stat.isDirectory()) this.#names.set(path, namesOf(path));
      else this.#pathAtBeginning.set(stat.ino, relative(directory, path));
    }
  }

  now(path: string): void {
    this.beforeSync();
    const synced = this.#look(path);
    kernelSyncs.now(path);
    synced();
  }

  async soon(path: string): Promise<void> {
    const synced = this.#look(path);
    await kernelSyncs.soon(path);
    synced();
  }

  /** What is there before the sync is what it makes durable; what is written during it may be missed. */
  #look(path: string): () => void {
    const stat = lstatSync(path);
    const names = stat.isDirectory() ? namesOf(path) : undefined;
    const bytes = stat.isDirectory() ? undefined : readFileSync(path);
    const begun = (this.#begun += 1);
    return () => {
      if (names !== undefined) this.#names.set(path, names);
      if (bytes === undefined || begun < (this.#lastBegun.get(stat.ino) ?? 0)) return;
      this.#bytes.set(stat.ino, bytes);
      this.#lastBegun.set(stat.ino, begun);
    };
  }

  tree(path: string): void {
    for (const each of [path, ...list(path)]) this.now(each);
  }

  /** Writes what a power cut at this moment may leave. `luck` says of each page and name whether it got to the disk. */
  cut(to: string, luck: () => boolean): void {
    cpSync(this.#beginning, to, { recursive: true });
    this.#writeDirectory(this.directory, to, luck);
  }

  #writeDirectory(from: string, to: string, luck: () => boolean): void {
    const current = statsOf(from);
    const durable = this.#names.get(from) ?? new Map<string, number>();
    const wanted = new Map<string, number>();
    for (const name of new Set([...durable.keys(), ...current.keys()])) {
      const stat = current.get(name);
      const now = stat === undefined ? undefined : stat.isDirectory() ? 0 : stat.ino;
      const before = durable.get(name);
      const chosen = now === before || luck() ? now : before;
      if (chosen !== undefined) wanted.set(name, chosen);
    }
    const present = statsOf(to);
    for (const name of present.keys()) if (!wanted.has(name)) rmSync(join(to, name), { recursive: true });
    const byInode = new Map([...current].map(([name, stat]) => [stat.ino, { name, stat }]));
    for (const [name, inode] of wanted) {
      if (inode === 0) {
        mkdirSync(join(to, name), { recursive: true });
        this.#writeDirectory(join(from, name), join(to, name), luck);
        continue;
      }
      const live = byInode.get(inode);
      const changed = live !== undefined && live.stat.mtimeMs >= this.#startedMs - 20;
      const atBeginning = this.#pathAtBeginning.get(inode);
      const path = relative(this.directory, join(from, name));
      if (!changed && !this.#bytes.has(inode) && atBeginning === path) continue;
      const synced = this.#bytes.get(inode) ?? this.#readBeginning(atBeginning);
      const bytes = changed ? mix(synced, readFileSync(join(from, live.name)), luck) : synced;
      writeFileSync(join(to, name), bytes);
    }
  }

  #readBeginning(path: string | undefined): Buffer {
    return path === undefined ? Buffer.alloc(0) : readFileSync(join(this.#beginning, path));
  }
}

/** Some pages of one, some of the other. */
function mix(before: Buffer, now: Buffer, luck: () => boolean): Buffer {
  const bytes = Buffer.alloc(luck() ? now.length : before.length);
  before.copy(bytes);
  for (let at = 0; at < bytes.length; at += pageBytes) {
    const same = before.subarray(at, at + pageBytes).equals(now.subarray(at, at + pageBytes));
    if (!same && at < now.length && luck()) now.copy(bytes, at, at, at + pageBytes);
  }
  return bytes;
}

function list(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).map((it) => join(it.parentPath, it.name));
}

function statsOf(directory: string): Map<string, Stats> {
  return new Map(readdirSync(directory).map((name) => [name, lstatSync(join(directory, name))]));
}

function namesOf(directory: string): Map<string, number> {
  return new Map([...statsOf(directory)].map(([name, stat]) => [name, stat.isDirectory() ? 0 : stat.ino]));
}
