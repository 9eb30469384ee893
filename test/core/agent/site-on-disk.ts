import { dirname } from "node:path";
import { Releases } from "../../../core/agent/release.ts";
import type { Manifest } from "../../../core/content/manifest.ts";
import { realIo } from "../../../core/runtime/io.ts";
import { simIo } from "../../../sdk/testkit/sim/io.ts";
import type { Leaf, Tree } from "../../../sdk/testkit/tree-model.ts";
import { assignment, manifestOf, posix, update } from "./site-trial.ts";

/** One site of an agent on this host's disk. Its directories are one level deep. */
export class SiteOnDisk {
  readonly #releases: Releases;
  /** What is live, and what was prepared since. */
  #versions = new Map<number, { readonly manifest: Manifest; readonly tree: string }>();
  readonly #signal = new AbortController().signal;
  #live = 0;
  #serial = 0;

  constructor(directory: string, graceMs = 0) {
    const io = simIo({ disk: realIo.disk, clock: realIo.clock });
    this.#releases = new Releases(io, { site: "shop", directory, interpreter: posix, keepReleases: 2, graceMs });
  }

  /** Makes a release of these files, beside what is live. */
  async prepare(version: number, files: Readonly<Record<string, string>>): Promise<void> {
    const manifest = manifestOf(treeOf(files));
    const live = this.#versions.get(this.#live);
    const content = {
      read: ({ path }: { readonly path: string }) => [Buffer.from(files[path] ?? "")],
      [Symbol.dispose]() {},
    };
    const next = update(live?.manifest ?? [], manifest, version, this.#nextSerial());
    await this.#releases.prepare([next], () => content, this.#signal);
    this.#versions = new Map(live === undefined ? [] : [[this.#live, live]]);
    this.#versions.set(version, { manifest, tree: next.header.result });
  }

  /** Makes live what was prepared last, or what was live then. */
  async switchTo(version: number): Promise<void> {
    const type = version > this.#live ? "commit" : "rollback";
    const result = this.#versions.get(version)?.tree ?? "";
    await this.#releases.switchTo(assignment({ type, serial: this.#nextSerial(), version, result }, []), this.#signal);
    this.#live = version;
  }

  /** Lets releases go that are not kept, as an agent does after it has reported a switch. */
  collect(): void {
    this.#releases.collect();
  }

  #nextSerial(): number {
    this.#serial += 1;
    return this.#serial;
  }
}

function treeOf(files: Readonly<Record<string, string>>): Tree {
  const folders = Object.keys(files).map((path) => dirname(path));
  const leaf = (content: string): Leaf => ({ type: "file", mode: 0o644, mtimeMs: 1_700_000_000_000, content });
  return {
    ...Object.fromEntries(
      folders.filter((path) => path !== ".").map((path) => [path, { type: "directory", mode: 0o755 }]),
    ),
    ...Object.fromEntries(Object.entries(files).map(([path, content]) => [path, leaf(content)])),
  };
}
