import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Interpreter, Work } from "../interpreter.ts";
import type { Disk, Io } from "../io.ts";
import { SimDisk } from "./sim/disk.ts";
import type { SimDiskOptions } from "./sim/disk.ts";
import { simIo } from "./sim/io.ts";
import { entriesOf, plantTree, readTree, workOf } from "./tree-model.ts";
import type { Change, Leaf, Tree } from "./tree-model.ts";

/** An interpreter to test, and where; on a simulated disk if `place` is absent. */
export interface InterpreterSubject {
  readonly interpreter: Interpreter;
  /** Where to build, besides the simulated disk that crashes need: an empty directory. */
  readonly place?: { readonly disk: Disk; readonly root: string };
}

const sentinels: Tree = {
  secret: { type: "file", mode: 0o600, mtimeMs: 1_000, content: "nobody may change this" },
  "other-site": { type: "directory", mode: 0o755 },
  "other-site/index.html": { type: "file", mode: 0o644, mtimeMs: 2_000, content: "another site" },
};

/** A site with one release to start from, and files beside it that are nobody's business. */
export class TrialSite<D extends Disk = Disk> {
  readonly interpreter: Interpreter;
  readonly disk: D;
  readonly io: Io;
  readonly root: string;
  readonly site: string;
  readonly base: Tree;
  readonly baseDirectory: string;
  readonly building: string;

  constructor(interpreter: Interpreter, disk: D, root: string, base: Tree) {
    this.interpreter = interpreter;
    this.disk = disk;
    this.io = simIo({ disk });
    this.root = root;
    this.site = `${root}/site`;
    this.base = base;
    this.baseDirectory = `${this.site}/releases/1`;
    this.building = `${this.site}/releases/.building`;
  }

  /** Makes it on an empty disk, all durable. */
  plant(): this {
    const { disk, root } = this;
    plantTree(disk, root, sentinels);
    for (const directory of [this.site, `${this.site}/releases`, this.baseDirectory, this.building]) {
      disk.makeDirectory(directory, 0o755);
    }
    plantTree(disk, this.baseDirectory, this.base);
    disk.syncTree(root);
    return this;
  }

  /** The same site after a crash. */
  on<Other extends Disk>(disk: Other): TrialSite<Other> {
    return new TrialSite(this.interpreter, disk, this.root, this.base);
  }

  work(changes: readonly Change[]): Work {
    const { base, building, baseDirectory } = this;
    const entries = entriesOf(base);
    return workOf(
      { site: this.site, directory: building },
      { directory: baseDirectory, entries: () => entries },
      changes,
    );
  }

  async build(changes: readonly Change[], signal: AbortSignal = new AbortController().signal): Promise<void> {
    await this.interpreter.build(this.work(changes), this.io, signal);
  }

  /** Puts an older release where the next one is built, durably; what it has in common with the base is shared. */
  plantOld(old: Tree): void {
    const { disk, building, base } = this;
    const isShared = (path: string) => old[path]?.type === "file" && isDeepStrictEqual(old[path], base[path]);
    plantTree(disk, building, this.#withModes(old, 0o700), (path) =>
      isShared(path) ? `${this.baseDirectory}/${path}` : undefined,
    );
    disk.syncTree(building);
  }

  async renew(old: Tree, changes: readonly Change[]): Promise<readonly string[]> {
    const { signal } = new AbortController();
    return (await this.interpreter.renew?.(this.work(changes), entriesOf(old), this.io, signal)) ?? [];
  }

  seal(release: string, changed?: readonly string[]): void {
    this.interpreter.seal(this.building, `${this.site}/releases/${release}`, this.io, changed);
  }

  point(pointer: "live" | "backup", release: string | undefined): void {
    this.interpreter.point(this.site, pointer, release, this.io);
  }

  pointed(pointer: "live" | "backup"): string | undefined {
    return this.interpreter.pointed(this.site, pointer, this.io);
  }

  /** What is at a release's name or in the directory being built, as far as this host keeps it. */
  tree(directory = this.building): Tree {
    return this.kept(readTree(this.disk, directory));
  }

  kept(tree: Tree): Tree {
    return this.#withModes(tree, 0);
  }

  /** The tree's own modes, or this one where the host keeps none. */
  #withModes(tree: Tree, mode: number): Tree {
    const { modes } = this.interpreter.keeps;
    const changed = (leaf: Leaf): Leaf => (modes || leaf.type === "symlink" ? leaf : { ...leaf, mode });
    return Object.fromEntries(Object.entries(tree).map(([path, leaf]) => [path, changed(leaf)]));
  }

  /** Everything that is not being built, and which files they are. */
  rest(): unknown {
    const outside = Object.entries(readTree(this.disk, this.root)).filter(
      ([path]) => !path.startsWith("site/releases/.building"),
    );
    return outside.map(([path, leaf]) => ({ path, leaf, inode: this.disk.stat(`${this.root}/${path}`)?.inode }));
  }
}

/** What a base can have on this host: without what it does not keep or refuses. */
export function possibleTree({ keeps, refuse }: Interpreter, tree: Tree): Tree {
  const isPossible = ([path, leaf]: [string, Leaf]) =>
    refuse?.(path) === undefined && (keeps.symlinks || leaf.type !== "symlink");
  return Object.fromEntries(Object.entries(tree).filter(isPossible));
}

/** What can be asked of this host, from a base that is possible. */
export function possibleChanges({ keeps, refuse }: Interpreter, base: Tree, changes: readonly Change[]): Change[] {
  return changes.filter((change) => {
    if (!("path" in change)) return true;
    if (change.kind === "remove" && base[change.path] === undefined) return false;
    return (keeps.symlinks || change.kind !== "symlink") && refuse?.(change.path) === undefined;
  });
}

/** A site where the subject wants it, else on a simulated disk. */
export function trialSite({ interpreter, place }: InterpreterSubject, base: Tree): TrialSite {
  const possible = possibleTree(interpreter, base);
  if (place === undefined) return simulatedSite({ interpreter }, base);
  return new TrialSite(interpreter, place.disk, place.root, possible).plant();
}

/** Makes an empty site on a simulated disk. */
export function simulatedSite(
  { interpreter }: InterpreterSubject,
  base: Tree,
  options: SimDiskOptions = {},
): TrialSite<SimDisk> {
  const disk = new SimDisk(options);
  disk.makeDirectory("/host");
  disk.sync("/");
  return new TrialSite(interpreter, disk, "/host", possibleTree(interpreter, base)).plant();
}

/** Does what is expected to fail, and gives the error. */
export async function failing(act: () => unknown): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    return error;
  }
  return assert.fail("it should have thrown");
}
