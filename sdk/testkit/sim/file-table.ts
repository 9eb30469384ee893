import type { Inode } from "./inode.ts";

/** A name in a directory, which is known by its number. */
export interface NameOf {
  readonly directory: number;
  readonly name: string;
}

/** What `chmod`, `chown` and `setMtime` change. */
export type Attributes = Partial<Pick<Inode, "mode" | "uid" | "gid" | "mtimeMs">>;

/** The ways in which a file system changes. Each is made whole or not at all, except that a write may be torn. */
export type Operation =
  | { readonly kind: "inode"; readonly inode: Inode }
  | {
      readonly kind: "name";
      readonly clear?: NameOf;
      readonly set?: NameOf & { readonly inode: number };
      readonly timeMs: number;
    }
  | {
      readonly kind: "write";
      readonly inode: number;
      readonly position: number;
      readonly bytes: Uint8Array;
      readonly timeMs: number;
    }
  | { readonly kind: "attributes"; readonly inode: number; readonly attributes: Attributes; readonly timeMs: number };

/** The number of the root directory. */
export const rootNumber = 1;

/** The state of a simulated file system; changed by operations only, so that it can be made with some left out. */
export class FileTable {
  readonly #inodes = new Map<number, Inode>();
  /** How often a file is open. */
  readonly #holds = new Map<number, number>();
  readonly #fold: (name: string) => string;
  #usedBytes = 0;

  constructor(fold: (name: string) => string) {
    this.#fold = fold;
  }

  /** Undefined for one without names. */
  get(number: number): Inode | undefined {
    return this.#inodes.get(number);
  }

  find(directory: Inode, name: string): Inode | undefined {
    const found = directory.names.get(this.#fold(name));
    return found === undefined ? undefined : this.#inodes.get(found.inode);
  }

  /** Bytes in all files. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Keeps a file while it is open, also without names. */
  hold(number: number): void {
    this.#holds.set(number, (this.#holds.get(number) ?? 0) + 1);
  }

  release(number: number): void {
    const holds = (this.#holds.get(number) ?? 0) - 1;
    if (holds > 0) this.#holds.set(number, holds);
    else this.#holds.delete(number);
    this.#dropUnused(number);
  }

  /** What no longer fits the state, because an operation before it was left out, changes nothing. */
  apply(operation: Operation): void {
    if (operation.kind === "inode") this.#inodes.set(operation.inode.number, copyOf(operation.inode));
    else if (operation.kind === "name") this.#applyName(operation);
    else {
      const inode = this.#inodes.get(operation.inode);
      if (inode === undefined) return;
      if (operation.kind === "write") {
        this.#usedBytes -= inode.sizeBytes;
        write(inode, operation.position, operation.bytes, operation.timeMs);
        this.#usedBytes += inode.sizeBytes;
      }
      if (operation.kind === "attributes") Object.assign(inode, operation.attributes);
      inode.ctimeMs = operation.timeMs;
    }
  }

  clone(): FileTable {
    const copy = new FileTable(this.#fold);
    for (const inode of this.#inodes.values()) copy.#inodes.set(inode.number, copyOf(inode));
    copy.#usedBytes = this.#usedBytes;
    return copy;
  }

  /** What a check of the file system does at start-up: drops what no name leads to, and second names of directories. */
  repair(): void {
    const reached = new Map<number, number>([[rootNumber, 1]]);
    const directories = [rootNumber];
    for (const number of directories) {
      const names = this.#inodes.get(number)?.names ?? new Map<string, { inode: number }>();
      for (const [key, { inode }] of names) {
        const isDirectory = this.#inodes.get(inode)?.type === "directory";
        if (!this.#inodes.has(inode) || (isDirectory && reached.has(inode))) names.delete(key);
        else if (isDirectory) directories.push(inode);
        if (names.has(key)) reached.set(inode, (reached.get(inode) ?? 0) + 1);
      }
    }
    for (const inode of this.#inodes.values()) {
      inode.links = reached.get(inode.number) ?? 0;
      this.#dropUnused(inode.number);
    }
  }

  #applyName({ clear, set, timeMs }: Operation & { kind: "name" }): void {
    const directory = this.#inodes.get(set?.directory ?? 0);
    const inode = this.#inodes.get(set?.inode ?? 0);
    if (inode !== undefined) inode.links += 1;
    if (clear !== undefined) this.#unname(clear, timeMs);
    if (set === undefined || directory === undefined || inode === undefined) return;
    inode.ctimeMs = timeMs;
    this.#unname(set, timeMs);
    directory.names.set(this.#fold(set.name), { name: set.name, inode: set.inode });
  }

  #unname({ directory: number, name }: NameOf, timeMs: number): void {
    const directory = this.#inodes.get(number);
    if (directory === undefined) return;
    directory.mtimeMs = timeMs;
    directory.ctimeMs = timeMs;
    const inode = this.find(directory, name);
    directory.names.delete(this.#fold(name));
    if (inode === undefined) return;
    inode.links -= 1;
    inode.ctimeMs = timeMs;
    this.#dropUnused(inode.number);
  }

  #dropUnused(number: number): void {
    const inode = this.#inodes.get(number);
    if (inode === undefined || inode.links > 0 || this.#holds.has(number)) return;
    this.#inodes.delete(number);
    this.#usedBytes -= inode.sizeBytes;
  }
}

function copyOf(inode: Inode): Inode {
  return { ...inode, bytes: inode.bytes.slice(0, inode.sizeBytes), names: new Map(inode.names) };
}

function write(inode: Inode, position: number, bytes: Uint8Array, timeMs: number): void {
  const end = position + bytes.length;
  if (end > inode.bytes.length) {
    const larger = new Uint8Array(Math.max(end, inode.bytes.length * 2));
    larger.set(inode.bytes);
    inode.bytes = larger;
  }
  inode.bytes.set(bytes, position);
  inode.sizeBytes = Math.max(inode.sizeBytes, end);
  inode.mtimeMs = timeMs;
}
