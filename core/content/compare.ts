import { comparePaths } from "distributary/sdk";
import type { Entry, FileEntry } from "distributary/sdk";
import type { Manifest } from "./manifest.ts";

/** What makes one tree of another. All lists are in the order of manifests. */
export interface Changes {
  readonly added: readonly Entry[];
  readonly removed: readonly Entry[];
  /** Another type, content or target under the same path. */
  readonly changed: readonly { readonly from: Entry; readonly to: Entry }[];
  /** Same content, other permissions or time. */
  readonly attributes: readonly { readonly from: Entry; readonly to: Entry }[];
  readonly unchangedCount: number;
}

/** Compares two trees in one pass. */
export function compareTrees(base: Manifest, target: Manifest): Changes {
  const added: Entry[] = [];
  const removed: Entry[] = [];
  const changed: { from: Entry; to: Entry }[] = [];
  const attributes: { from: Entry; to: Entry }[] = [];
  let unchangedCount = 0;
  let [left, right] = [0, 0];
  while (left < base.length || right < target.length) {
    const [from, to] = [base[left], target[right]];
    if (from === to) {
      left += 1;
      right += 1;
      unchangedCount += 1;
      continue;
    }
    const order = from === undefined ? 1 : to === undefined ? -1 : comparePaths(from.path, to.path);
    if (order <= 0) left += 1;
    if (order >= 0) right += 1;
    if (from !== undefined && order < 0) removed.push(from);
    else if (to !== undefined && order > 0) added.push(to);
    else if (from !== undefined && to !== undefined) {
      if (!sameContent(from, to)) changed.push({ from, to });
      else if (!sameAttributes(from, to)) attributes.push({ from, to });
      else unchangedCount += 1;
    }
  }
  return { added, removed, changed, attributes, unchangedCount };
}

function sameContent(from: Entry, to: Entry): boolean {
  if (from.type === "file" && to.type === "file") return from.hash === to.hash;
  if (from.type === "symlink" && to.type === "symlink") return from.target === to.target;
  return from.type === to.type;
}

function sameAttributes(from: Entry, to: Entry): boolean {
  if (from.type === "symlink" || to.type === "symlink") return true;
  if (from.mode !== to.mode) return false;
  return from.type !== "file" || to.type !== "file" || from.mtimeMs === to.mtimeMs;
}

export function isEmpty(changes: Changes): boolean {
  return changes.added.length + changes.removed.length + changes.changed.length + changes.attributes.length === 0;
}

/** Every path that is new, changed or gone. */
export function changedPaths(changes: Changes): string[] {
  const both = [...changes.changed, ...changes.attributes].map(({ to }) => to);
  return [...changes.added, ...changes.removed, ...both].map(({ path }) => path);
}

/** Files of the target whose content the base has not got under that path. */
export function filesToBring(changes: Changes): FileEntry[] {
  const entries = [...changes.added, ...changes.changed.map(({ to }) => to)];
  return entries.filter((entry) => entry.type === "file").sort((a, b) => comparePaths(a.path, b.path));
}
