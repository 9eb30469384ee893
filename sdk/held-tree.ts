import type { Disk, HeldDirectory } from "./io.ts";

/**
 * The way down a tree in which others may rename things: each directory on it is held, so an entry is worked on where
 * it was, and a directory that became a link ends the work (ENOTDIR) instead of leading it elsewhere.
 * Entries near each other are best taken one after the other. Lets go of everything when disposed.
 */
export class HeldTree implements Disposable {
  readonly #disk: Disk;
  readonly #root: string;
  /** From the root, whose path is empty, down. */
  readonly #held: { readonly path: string; readonly directory: HeldDirectory }[] = [];

  constructor(disk: Disk, root: string) {
    this.#disk = disk;
    this.#root = root;
  }

  /** Where to work on the entry of that path. What is done there must be done before the next one is asked for. */
  at(path: string): string {
    if (path === "") return this.#directory("");
    const slash = path.lastIndexOf("/");
    return `${this.#directory(path.slice(0, Math.max(slash, 0)))}/${path.slice(slash + 1)}`;
  }

  #directory(path: string): string {
    for (let top = this.#held.at(-1); top !== undefined; top = this.#held.at(-1)) {
      if (top.path === path) return top.directory.path;
      if (top.path === "" || path.startsWith(`${top.path}/`)) break;
      this.#letGo();
    }
    const directory = this.#disk.hold(path === "" ? this.#root : this.at(path));
    this.#held.push({ path, directory });
    return directory.path;
  }

  #letGo(): void {
    this.#held.pop()?.directory[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    while (this.#held.length > 0) this.#letGo();
  }
}
