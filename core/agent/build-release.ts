import { failure, removeTree } from "distributary/sdk";
import type { Command, FileCommand, Interpreter, Io } from "distributary/sdk";
import { measure } from "../content/manifest.ts";
import type { Manifest } from "../content/manifest.ts";
import type { ReleaseState } from "../protocol/messages.ts";
import type { SiteFiles } from "./site-files.ts";
import { verifyRelease } from "./verify.ts";

/** Gives the bytes of the files of a release, in the order of its commands. */
export type ReadContent = (command: FileCommand) => Iterable<Uint8Array>;

/** Opens the data of an update, given the base it was made against. */
export type OpenContent = (
  base: { readonly directory: string; readonly manifest: Manifest } | undefined,
) => { readonly read: ReadContent } & Disposable;

/** A release to be made, and what of. */
export interface ReleasePlan {
  readonly site: string;
  readonly release: ReleaseState;
  readonly base: ReleaseState | undefined;
  readonly before: Manifest;
  readonly after: Manifest;
  /** `after` as bytes. */
  readonly encoded: readonly Uint8Array[];
  readonly commands: readonly Command[];
  readonly open: OpenContent;
}

/**
 * Builds a release, verifies it and makes it durable under its name: of the spare, if there is one and it serves,
 * otherwise anew. If any of it fails, nothing of it is left; the spare is used up either way.
 */
export async function buildRelease(
  io: Io,
  files: SiteFiles,
  interpreter: Interpreter,
  plan: ReleasePlan,
  spare: ReleaseState | undefined,
  signal: AbortSignal,
): Promise<void> {
  files.make();
  if (spare !== undefined && (await renewed(io, files, interpreter, plan, spare, signal))) return;
  await build(io, files, interpreter, plan, signal);
}

/** Whether the spare could be made into the release. If not it was not what it should be, and is gone. */
async function renewed(
  io: Io,
  files: SiteFiles,
  interpreter: Interpreter,
  plan: ReleasePlan,
  spare: ReleaseState,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await build(io, files, interpreter, plan, signal, files.spareManifest(spare));
    return true;
  } catch {
    // Whatever it was, a beginning from nothing tells.
    signal.throwIfAborted();
    return false;
  } finally {
    files.deleteSpare();
  }
}

async function build(
  io: Io,
  files: SiteFiles,
  interpreter: Interpreter,
  plan: ReleasePlan,
  signal: AbortSignal,
  old?: Manifest,
): Promise<void> {
  const [building, final] = [files.buildingPath(plan.release), files.releasePath(plan.release)];
  const baseDirectory = plan.base === undefined ? undefined : files.releasePath(plan.base);
  const base = baseDirectory === undefined ? {} : { base: { directory: baseDirectory, entries: () => plan.before } };
  for (const leftover of [building, final]) removeTree(io.disk, leftover);
  using content = plan.open(
    baseDirectory === undefined ? undefined : { directory: baseDirectory, manifest: plan.before },
  );
  const work = { site: plan.site, directory: building, ...base, commands: () => plan.commands, content: content.read };
  try {
    let changed: readonly string[] | undefined;
    if (old === undefined) {
      io.disk.makeDirectory(building, 0o755);
      await interpreter.build(work, io, signal);
    } else {
      io.disk.rename(files.sparePath(), building);
      changed = await interpreter.renew?.(work, old, io, signal);
    }
    const release = { directory: building, manifest: plan.after, keeps: interpreter.keeps, baseDirectory, changed };
    await verifyRelease(io, release, signal);
    files.writeManifest(plan.release, plan.encoded);
    interpreter.seal(building, final, io, changed);
  } catch (error) {
    for (const unfinished of [building, final]) removeTree(io.disk, unfinished);
    throw error;
  }
}

/** What the node's own policy allows a release to hold. */
export interface Allowance {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Judges by the tree that would be there, not by what an assignment says of itself. Throws DIST_ERR_POLICY_REFUSED. */
export function checkSize(site: string, manifest: Manifest, allowed: Allowance | undefined): void {
  const { entryCount, sizeBytes } = measure(manifest);
  if (allowed === undefined || (entryCount <= allowed.maxEntries && sizeBytes <= allowed.maxBytes)) return;
  const reason = `it would have ${entryCount} entries and ${sizeBytes} bytes`;
  throw failure("DIST_ERR_POLICY_REFUSED", { site, reason });
}
