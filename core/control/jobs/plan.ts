import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { failure, isFailure, refusePortable } from "distributary/sdk";
import type { Disk, Io } from "distributary/sdk";
import { makeDirectories } from "../../content/durable-file.ts";
import { compressorFor } from "../../../config/policy.ts";
import type { Policy, Site } from "../../../config/schema.ts";
import { parseBytes } from "../../../config/units.ts";
import type { Draft } from "../../assignment/build.ts";
import { buildUpdate } from "../../assignment/build.ts";
import { boundOf } from "../../assignment/blocks.ts";
import { changedPaths, compareTrees, isEmpty } from "../../content/compare.ts";
import type { Changes } from "../../content/compare.ts";
import { emptyTree, measure, treeHash } from "../../content/manifest.ts";
import type { Manifest } from "../../content/manifest.ts";
import { ObjectStore } from "../../content/objects.ts";
import { keepTimes, scan } from "../../content/scan.ts";
import { createSelection } from "../../content/selection.ts";
import { Versions } from "../../content/versions.ts";
import type { Kernel } from "../../kernel/kernel.ts";

/** A site's content at control: `<data>/objects` and `<data>/sites/<site>`. */
export interface Library {
  readonly disk: Disk;
  readonly directory: string;
}

export interface ScanRequest {
  readonly job: string;
  readonly site: string;
  readonly config: Site;
  readonly policy: Policy;
  readonly liveVersion: number | undefined;
  readonly allowEmpty: boolean;
  /** Becomes the new version's number if anything changed; absent: nothing is kept. */
  readonly version: number | undefined;
}

export interface ChangeSummary {
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  readonly attributes: number;
  readonly unchanged: number;
}

export interface ScanResult {
  readonly tree: string;
  readonly isChanged: boolean;
  readonly entryCount: number;
  readonly fileCount: number;
  readonly sizeBytes: number;
  readonly readBytes: number;
  readonly summary: ChangeSummary;
  /** At most 10,000. */
  readonly changedPaths: readonly string[];
  readonly passedOver: readonly string[];
}

export type Progress = (what: string, done: number, total: number) => void;

const mostPaths = 10_000;

/**
 * Scans staging and compares it with what is live; if `version` is given and something changed, keeps the result under
 * it.
 */
export function planScan({ disk, directory }: Library, request: ScanRequest, progress: Progress): ScanResult {
  const { config, policy, site, liveVersion } = request;
  const versions = new Versions(disk, join(directory, "sites", site));
  const objects = new ObjectStore(disk, join(directory, "objects"), request.job);
  const memory = versions.readMemory();
  const isKnown = liveVersion !== undefined && liveVersion === memory?.version;
  const live = liveVersion === undefined ? [] : isKnown ? memory.manifest : versions.read(liveVersion);
  try {
    const found = scan(disk, config.staging, {
      selection: createSelection({ ...config, include: config.include.filter((glob) => glob !== "**") }),
      objects,
      ...(memory === undefined ? {} : { memory }),
      refuse: (path) => (policy.names === "portable" ? refusePortable(path) : undefined),
      startedAt: Date.now(),
      progress: (files) => progress("scan", files, live.length),
    });
    if (found.manifest.length === 0 && live.length > 0 && !request.allowEmpty) {
      throw failure("DIST_ERR_CONTENT_EMPTY", { path: config.staging, count: live.length, site });
    }
    refuseSymlinks(found.manifest, policy);
    const manifest = keepTimes(found.manifest, live);
    const changes = compareTrees(live, manifest);
    const isChanged = !isEmpty(changes) || liveVersion === undefined;
    const tree = isKnown && !isChanged ? memory.tree : treeHash(manifest);
    if (request.version !== undefined) {
      // Also if nothing changed: the store may have lost what was read again.
      objects.settle();
      if (isChanged) versions.write(request.version, manifest);
      if (isChanged || found.readBytes > 0)
        versions.writeMemory(isChanged ? request.version : liveVersion, tree, found.seen);
    }
    return {
      tree,
      isChanged,
      ...measure(manifest),
      readBytes: found.readBytes,
      summary: summarize(changes),
      changedPaths: changedPaths(changes).slice(0, mostPaths),
      passedOver: found.passedOver.slice(0, mostPaths),
    };
  } finally {
    objects.discard();
  }
}

function refuseSymlinks(manifest: Manifest, policy: Policy): void {
  const link = policy.symlinks === "refuse" ? manifest.find(({ type }) => type === "symlink") : undefined;
  if (link !== undefined)
    throw failure("DIST_ERR_PATH_INVALID", { path: link.path, reason: "the policy refuses symbolic links" });
}

export function summarize(changes: Changes): ChangeSummary {
  return {
    added: changes.added.length,
    removed: changes.removed.length,
    changed: changes.changed.length,
    attributes: changes.attributes.length,
    unchanged: changes.unchangedCount,
  };
}

export interface BuildRequest {
  readonly site: string;
  readonly policy: Policy;
  /** Nothing if absent. */
  readonly baseVersion: number | undefined;
  readonly targetVersion: number;
  /** Empty directory for the data files. */
  readonly directory: string;
}

export interface BuildResult {
  readonly base: string | undefined;
  readonly result: string;
  readonly contentBytes: number;
  readonly entryCount: number;
  readonly summary: ChangeSummary;
  readonly changedPaths: readonly string[];
  readonly sections: readonly Draft[];
}

/** Builds the update from one version to another with the providers the policy names. */
export function planBuild(
  { disk, directory }: Library,
  kernel: Kernel,
  io: Io,
  request: BuildRequest,
  progress: Progress,
): BuildResult {
  const { site, policy, baseVersion, targetVersion } = request;
  const versions = new Versions(disk, join(directory, "sites", site));
  const objects = new ObjectStore(disk, join(directory, "objects"), "build");
  const base = baseVersion === undefined ? [] : versions.read(baseVersion);
  const target = versions.read(targetVersion);
  const engineName = policy.delta === "none" ? "whole" : policy.delta;
  const encryption = policy.encrypt === "none" ? undefined : kernel.usable("ciphers", policy.encrypt, io);
  const recipe = {
    engineName,
    engine: kernel.usable("deltas", engineName, io),
    compressorFor: (path: string) => compressorFor(policy, path),
    compressor: (name: string) => kernel.usable("compressors", name, io),
    pieceBytes: parseBytes(policy.pieceBytes),
    sectionBytes: parseBytes(policy.sectionBytes),
    ...(encryption === undefined
      ? {}
      : {
          encryption: {
            name: policy.encrypt,
            cipher: encryption,
            bound: boundOf(site, treeHash(target)),
            newKey: () => randomBytes(encryption.keyBytes),
          },
        }),
  };
  makeDirectories(disk, request.directory);
  const report = (done: number, total: number) => progress("build", done, total);
  const build = orForget(versions, () => buildUpdate(disk, objects, base, target, recipe, request.directory, report));
  return {
    base: build.base === emptyTree ? undefined : build.base,
    result: build.result,
    contentBytes: build.contentBytes,
    entryCount: target.length,
    summary: summarize(build.changes),
    changedPaths: changedPaths(build.changes).slice(0, mostPaths),
    sections: build.sections,
  };
}

/** If the store has lost an object, the next scan reads everything and brings it back. */
function orForget<Result>(versions: Versions, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (isFailure(error, "DIST_ERR_CONTENT_MISSING")) versions.forgetMemory();
    throw error;
  }
}

/** Keeps an earlier version once more under a new number, for a restore. */
export function planCopy({ disk, directory }: Library, site: string, from: number, to: number): ScanResult {
  const versions = new Versions(disk, join(directory, "sites", site));
  const manifest = versions.read(from);
  versions.write(to, manifest);
  const summary = { added: 0, removed: 0, changed: 0, attributes: 0, unchanged: manifest.length };
  return {
    tree: treeHash(manifest),
    isChanged: true,
    ...measure(manifest),
    readBytes: 0,
    summary,
    changedPaths: [],
    passedOver: [],
  };
}

/**
 * Deletes all versions of a site but those to be kept, and every object that no manifest of any site names; returns the
 * bytes that became free.
 */
export function planCollect({ disk, directory }: Library, site: string, kept: readonly number[]): number {
  const own = new Versions(disk, join(directory, "sites", site));
  for (const number of own.list()) if (!kept.includes(number)) own.remove(number);
  const needed = new Set<string>();
  for (const each of disk.list(join(directory, "sites"))) {
    const versions = new Versions(disk, join(directory, "sites", each));
    for (const number of versions.list()) for (const hash of versions.hashes(number)) needed.add(hash);
  }
  if (disk.stat(join(directory, "objects")) === undefined) return 0;
  return new ObjectStore(disk, join(directory, "objects"), "collect").collect(needed);
}
