import type { Assignment, Header } from "../../../core/assignment/assignment.ts";
import { noData } from "../../../core/assignment/assignment.ts";
import { planBringing, planCommands } from "../../../core/assignment/commands.ts";
import { Releases } from "../../../core/agent/release.ts";
import type { OpenContent } from "../../../core/agent/build-release.ts";
import { compareTrees } from "../../../core/content/compare.ts";
import { hexHashOf } from "../../../core/content/hash.ts";
import { treeHash } from "../../../core/content/manifest.ts";
import type { Manifest } from "../../../core/content/manifest.ts";
import type { SiteState } from "../../../core/protocol/messages.ts";
import { comparePaths, fileTree } from "../../../sdk/index.ts";
import type { Command, Disk, Entry, Interpreter, OpenFile } from "../../../sdk/index.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";
import { SimClock } from "../../../sdk/testkit/sim/clock.ts";
import { simIo } from "../../../sdk/testkit/sim/io.ts";
import { readTree } from "../../../sdk/testkit/tree-model.ts";
import type { Leaf, Tree } from "../../../sdk/testkit/tree-model.ts";

export const site = "/srv/shop";

const page = (content: string, mode = 0o644): Leaf => ({ type: "file", mode, mtimeMs: 1_700_000_000_123, content });

/**
 * What is published, by version: changed, renamed, removed and added files, links, and a directory that becomes a file.
 */
export const versions: readonly Tree[] = [
  {},
  {
    "index.html": page("<h1>one</h1>"),
    "old.css": page("body {}"),
    assets: { type: "directory", mode: 0o755 },
    "assets/logo-\udcff.svg": page("<svg/>", 0o600),
    latest: { type: "symlink", target: "assets" },
  },
  {
    "index.html": page("<h1>two</h1>", 0o640),
    "new.css": page("body {}"),
    assets: { type: "directory", mode: 0o700 },
    "assets/logo-\udcff.svg": page("<svg/>", 0o600),
    "assets/empty": page(""),
    latest: { type: "symlink", target: "./assets" },
  },
  { "index.html": page("<h1>three</h1>"), assets: page("a file now") },
  { "index.html": page("<h1>four</h1>"), closed: { type: "directory", mode: 0o500 }, "closed/x": page("x") },
];

export const posix: Interpreter = fileTree({ keeps: { modes: true, symlinks: true }, pointer: "symlink" });

export function manifestOf(tree: Tree): Manifest {
  const entries = Object.entries(tree).map(([path, leaf]): Entry => {
    if (leaf.type !== "file") return { ...leaf, path };
    const bytes = Buffer.from(leaf.content);
    const { type, mode, mtimeMs } = leaf;
    return { type, path, mode, mtimeMs, sizeBytes: bytes.length, hash: hexHashOf(bytes) };
  });
  return entries.sort((a, b) => comparePaths(a.path, b.path));
}

export function treeOf(version: number): Tree {
  const tree = versions[version];
  if (tree === undefined) throw new Error(`there is no version ${version}`);
  return tree;
}

/** The hash that names a version's tree. */
export function hashOfVersion(version: number): string {
  return treeHash(manifestOf(treeOf(version)));
}

/** An assignment without data. */
export function assignment(
  header: Partial<Header> & Pick<Header, "type" | "serial" | "version" | "result">,
  commands: readonly Command[],
): Assignment {
  const whole: Header = {
    site: "shop",
    section: [1, 1],
    issuedAt: 0,
    expiresAt: 1,
    audience: { group: "web", nodes: ["n1"] },
    interpreter: "native",
    keepReleases: 2,
    diskBytes: 0,
    data: noData,
    parts: [],
    ...header,
  };
  return { id: hexHashOf(Buffer.from(JSON.stringify(whole))), header: whole, commands: () => commands };
}

/** An update from one version to another; from nothing if `from` is 0. */
export function updateTo(version: number, serial: number, from: number): Assignment {
  return update(manifestOf(treeOf(from)), manifestOf(treeOf(version)), version, serial);
}

/** An update from one manifest to another. */
export function update(base: Manifest, target: Manifest, version: number, serial: number): Assignment {
  const changes = compareTrees(base, target);
  const { files, copies } = planBringing(base, changes);
  const commands = planCommands(
    changes,
    copies,
    files.map((entry) => ({ entry, part: 0 })),
  );
  return assignment({ type: "update", serial, version, base: treeHash(base), result: treeHash(target) }, commands);
}

/** An order that makes a version live; version 0 takes the site away. */
export function orderTo(
  version: number,
  serial: number,
  type: Header["type"] = version === 0 ? "remove" : "commit",
): Assignment {
  return assignment({ type, serial, version, result: hashOfVersion(version) }, []);
}

const contents = new Map(
  versions
    .flatMap((tree) => Object.values(tree))
    .flatMap((leaf) => {
      if (leaf.type !== "file") return [];
      const bytes = Buffer.from(leaf.content);
      return [[hexHashOf(bytes), bytes] as const];
    }),
);

const openContent: OpenContent = () => ({
  read: ({ hash }) => [contents.get(hash) ?? Buffer.from("nobody knows this content")],
  [Symbol.dispose]: () => {},
});

/** The same disk with some calls changed. */
export function overlay(disk: Disk, changes: Partial<Disk>): Disk {
  return {
    stat: (path) => disk.stat(path),
    list: (path) => disk.list(path),
    hold: (path) => disk.hold(path),
    readLink: (path) => disk.readLink(path),
    open: (path, how) => disk.open(path, how),
    makeDirectory: (path, mode) => disk.makeDirectory(path, mode),
    link: (existing, path) => disk.link(existing, path),
    symlink: (target, path) => disk.symlink(target, path),
    rename: (from, to) => disk.rename(from, to),
    unlink: (path) => disk.unlink(path),
    removeDirectory: (path) => disk.removeDirectory(path),
    chmod: (path, mode) => disk.chmod(path, mode),
    chown: (path, uid, gid) => disk.chown(path, uid, gid),
    setMtime: (path, mtimeMs) => disk.setMtime(path, mtimeMs),
    sync: (path) => disk.sync(path),
    syncTree: (path) => disk.syncTree(path),
    space: (path) => disk.space(path),
    ...changes,
  };
}

export function overlayFile(file: OpenFile, changes: Partial<OpenFile>): OpenFile {
  return {
    stat: () => file.stat(),
    read: (into, position) => file.read(into, position),
    write: (bytes) => file.write(bytes),
    sync: () => file.sync(),
    close: () => file.close(),
    ...changes,
  };
}

/** Writes in two halves, so that a program can be killed, or a disk be full, between them. */
export function inHalves(disk: Disk): Disk {
  return overlay(disk, {
    open(path, how) {
      const file = disk.open(path, how);
      return overlayFile(file, {
        write(bytes) {
          const middle = bytes.length >> 1;
          file.write(bytes.subarray(0, middle));
          file.write(bytes.subarray(middle));
        },
      });
    },
  });
}

export interface TrialOptions {
  readonly interpreter?: Interpreter;
  readonly keepReleases?: number;
  readonly graceMs?: number;
  /** What the releases see of the disk. */
  readonly view?: (disk: Disk) => Disk;
  readonly afterSwitch?: (release: string) => Promise<void>;
}

/** One site of an agent, on a simulated disk unless said otherwise. */
export class SiteTrial<D extends Disk = SimDisk> {
  readonly disk: D;
  readonly clock = new SimClock();
  readonly releases: Releases;

  constructor(disk: D, options: TrialOptions = {}) {
    this.disk = disk;
    const { interpreter = posix, keepReleases = 2, graceMs = 0, view = inHalves, afterSwitch } = options;
    this.releases = new Releases(simIo({ disk: view(disk), clock: this.clock }), {
      site: "shop",
      directory: site,
      interpreter,
      keepReleases,
      graceMs,
      ...(afterSwitch === undefined ? {} : { afterSwitch }),
    });
  }

  /** After the agent has started. */
  recovered(): this {
    this.releases.recover();
    return this;
  }

  prepare(version: number, serial: number, from: number): Promise<SiteState> {
    return this.releases.prepare([updateTo(version, serial, from)], openContent, new AbortController().signal);
  }

  switchTo(version: number, serial: number, type?: Header["type"]): Promise<SiteState> {
    return this.releases.switchTo(orderTo(version, serial, type), new AbortController().signal);
  }

  remove(serial: number): SiteState {
    return this.releases.remove(orderTo(0, serial));
  }

  /** Prepares, commits, and lets go what is not kept. */
  async publish(version: number, serial: number, from: number): Promise<SiteState> {
    await this.prepare(version, serial, from);
    const state = await this.switchTo(version, serial + 1);
    this.releases.collect();
    return state;
  }
}

/** An empty disk on which sites may be. */
export function emptyDisk(): SimDisk {
  const disk = new SimDisk();
  disk.makeDirectory("/srv", 0o755);
  disk.sync("/");
  return disk;
}

/**
 * The version that somebody sees who follows a pointer of the site: 0 for nothing. Throws if it leads nowhere, or to
 * something that was never published.
 */
export function seen(disk: Disk, pointer: "live" | "backup" = "live"): number {
  const stat = disk.stat(`${site}/${pointer}`);
  if (stat === undefined) return 0;
  const release = disk.readLink(`${site}/${pointer}`);
  if (disk.stat(`${site}/${release}`) === undefined)
    throw new Error(`${pointer} leads to ${release}, which is not there`);
  const found = JSON.stringify(sorted(readTree(disk, `${site}/${release}`)));
  const version = versions.findIndex((tree) => JSON.stringify(sorted(tree)) === found);
  if (version < 1) throw new Error(`${pointer} is no version that was published: ${found}`);
  return version;
}

function sorted(tree: Tree): unknown {
  const entries = Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([path, leaf]) => [path, Object.entries(leaf).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
