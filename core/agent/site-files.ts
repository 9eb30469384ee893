import { join } from "node:path";
import { failure, removeTree } from "distributary/sdk";
import type { Disk } from "distributary/sdk";
import { makeDirectories, readFile, replaceFile } from "../content/durable-file.ts";
import { decodeKnownManifest } from "../content/manifest.ts";
import type { Manifest } from "../content/manifest.ts";
import type { ReleaseState } from "../protocol/messages.ts";

/** Where the files of a site lie on a node. */
export class SiteFiles {
  readonly disk: Disk;
  readonly directory: string;

  constructor(disk: Disk, directory: string) {
    this.disk = disk;
    this.directory = directory;
  }

  /** Whether anything was ever here. */
  isThere(): boolean {
    return this.disk.stat(this.#path(".dst")) !== undefined;
  }

  /** Throws DIST_ERR_SITE_SHARED if others may write beside the releases: they could put anything in place of one. */
  refuseOthers(site: string): void {
    const own = [this.directory, ...["releases", ".dst", ".dst/manifests"].map((name) => this.#path(name))];
    for (const path of own) {
      const mode = this.disk.stat(path)?.mode ?? 0;
      if ((mode & 0o022) !== 0) throw failure("DIST_ERR_SITE_SHARED", { site, path, mode: mode.toString(8) });
    }
  }

  /** Makes what a site needs. Web servers run as somebody else and must get to its releases. */
  make(): void {
    makeDirectories(this.disk, this.#path("releases"), 0o755);
    makeDirectories(this.disk, this.#path(".dst/manifests"));
  }

  journalPath(): string {
    return this.#path(".dst/journal");
  }

  releasePath({ serial }: Pick<ReleaseState, "serial">): string {
    return this.#path(`releases/${nameOf(serial)}`);
  }

  buildingPath({ serial }: Pick<ReleaseState, "serial">): string {
    return this.#path(`releases/.building-${nameOf(serial)}`);
  }

  /** What a release holds. */
  manifest({ serial, tree }: ReleaseState): Manifest {
    const bytes = readFile(this.disk, this.#manifestPath(serial));
    if (bytes === undefined)
      throw failure("DIST_ERR_CONTENT_MANIFEST", { problem: `that of release ${serial} is missing` });
    return decodeKnownManifest(bytes, tree);
  }

  /** Durable when it returns. */
  writeManifest({ serial }: ReleaseState, encoded: readonly Uint8Array[]): void {
    replaceFile(this.disk, this.#manifestPath(serial), encoded);
  }

  deleteRelease(serial: number): void {
    removeTree(this.disk, this.releasePath({ serial }));
    removeTree(this.disk, this.#manifestPath(serial));
  }

  /** Sets a release aside that is not wanted any more: it can become another one. Not durable. */
  setAside({ serial }: ReleaseState): void {
    this.disk.rename(this.releasePath({ serial }), this.sparePath());
    this.disk.rename(this.#manifestPath(serial), this.#spareManifestPath());
  }

  sparePath(): string {
    return this.#path("releases/.spare");
  }

  /** What the release held that was set aside. */
  spareManifest({ tree }: ReleaseState): Manifest {
    return decodeKnownManifest(readFile(this.disk, this.#spareManifestPath()) ?? new Uint8Array(), tree);
  }

  deleteSpare(): void {
    removeTree(this.disk, this.sparePath());
    removeTree(this.disk, this.#spareManifestPath());
  }

  /** Deletes what is of none of these releases: some were being built, or being deleted, when the power went. */
  deleteOthers(serials: Iterable<number>): void {
    const known = new Set(Array.from(serials, nameOf));
    for (const directory of ["releases", ".dst/manifests"]) {
      if (this.disk.stat(this.#path(directory)) === undefined) continue;
      const others = this.disk.list(this.#path(directory)).filter((name) => !known.has(name));
      for (const name of others) removeTree(this.disk, this.#path(`${directory}/${name}`));
    }
  }

  #spareManifestPath(): string {
    return this.#path(".dst/manifests/.spare");
  }

  #manifestPath(serial: number): string {
    return this.#path(`.dst/manifests/${nameOf(serial)}`);
  }

  #path(name: string): string {
    return join(this.directory, name);
  }
}

/** What a pointer to a release holds. */
export function pointerTo(release: ReleaseState | undefined): string | undefined {
  return release === undefined ? undefined : `releases/${nameOf(release.serial)}`;
}

function nameOf(serial: number): string {
  return String(serial).padStart(10, "0");
}
