import { comparePaths, failure } from "distributary/sdk";
import type { Command, Entry, ExtensionCommand, FileEntry } from "distributary/sdk";
import { filesToBring } from "../content/compare.ts";
import type { Changes } from "../content/compare.ts";
import { checkEntry, checkOrder } from "../content/manifest.ts";
import type { Manifest } from "../content/manifest.ts";

/** The files an update brings: those whose content must travel, and those the base holds under another name. */
export interface Bringing {
  readonly files: readonly FileEntry[];
  readonly copies: readonly { readonly entry: FileEntry; readonly from: string }[];
}

/** Finds what need not travel because the base has the same content somewhere. */
export function planBringing(base: Manifest, changes: Changes): Bringing {
  const held = new Map<string, string>();
  for (const entry of base) if (entry.type === "file") held.set(entry.hash, entry.path);
  const files: FileEntry[] = [];
  const copies: { entry: FileEntry; from: string }[] = [];
  for (const entry of filesToBring(changes)) {
    const from = held.get(entry.hash);
    if (from === undefined) files.push(entry);
    else copies.push({ entry, from });
  }
  return { files, copies };
}

/**
 * The commands that make the target of the base, in the order the contract of `Command` names. `partOf` says in which
 * part a file's content lies; files come in the order of `ordered`.
 */
export function planCommands(
  changes: Changes,
  copies: Bringing["copies"],
  ordered: readonly { readonly entry: FileEntry; readonly part: number }[],
): Command[] {
  const replaced = changes.changed.filter(({ from, to }) => from.type !== to.type).map(({ from }) => from);
  const gone = [...changes.removed, ...replaced].sort((a, b) => comparePaths(b.path, a.path));
  const made = [...changes.added, ...changes.changed.map(({ to }) => to)].sort((a, b) => comparePaths(a.path, b.path));
  return [
    ...gone.map(({ path }): Command => ({ kind: "remove", path })),
    ...made.flatMap((entry): Command[] =>
      entry.type === "directory" ? [{ kind: "directory", path: entry.path, mode: entry.mode }] : [],
    ),
    ...ordered.map(({ entry: { path, mode, mtimeMs, sizeBytes, hash }, part }): Command => {
      return { kind: "file", path, mode, mtimeMs, sizeBytes, hash, part };
    }),
    ...copies.map(({ entry: { path, mode, mtimeMs }, from }): Command => ({ kind: "copy", from, path, mode, mtimeMs })),
    ...made.flatMap((entry): Command[] =>
      entry.type === "symlink" ? [{ kind: "symlink", path: entry.path, target: entry.target }] : [],
    ),
    ...changes.attributes.flatMap(({ to }): Command[] => {
      if (to.type === "directory") return [{ kind: "attributes", path: to.path, mode: to.mode }];
      if (to.type === "file") return [{ kind: "attributes", path: to.path, mode: to.mode, mtimeMs: to.mtimeMs }];
      return [];
    }),
  ];
}

/**
 * The tree that commands make of a base: what a node checks before and after it carries them out.
 * Throws DIST_ERR_ASSIGNMENT_RESULT for commands that make no sense with that base, whoever signed them.
 */
export function resultOf(base: Manifest, commands: Iterable<Command>): Manifest {
  const before = new Map(base.map((entry) => [entry.path, entry]));
  const changes = new Map<string, Entry | undefined>();
  const now = (path: string) => (changes.has(path) ? changes.get(path) : before.get(path));
  for (const command of commands)
    if ("path" in command) changes.set(command.path, entryAfter(command, now(command.path), before));
  const made = [...changes.values()].filter((entry) => entry !== undefined);
  for (const entry of made) checkEntry(entry);
  const kept = base.filter(({ path }) => !changes.has(path));
  const result = merge(
    kept,
    made.sort((a, b) => comparePaths(a.path, b.path)),
  );
  checkOrder(result);
  return result;
}

function merge(left: Manifest, right: Manifest): Manifest {
  const merged: Entry[] = [];
  let at = 0;
  for (const entry of left) {
    for (let next = right[at]; next !== undefined && comparePaths(next.path, entry.path) < 0; next = right[(at += 1)])
      merged.push(next);
    merged.push(entry);
  }
  for (const entry of right.slice(at)) merged.push(entry);
  return merged;
}

/** What stands at a command's path when it was carried out, after `there` did. */
function entryAfter(
  command: Exclude<Command, ExtensionCommand>,
  there: Entry | undefined,
  before: ReadonlyMap<string, Entry>,
): Entry | undefined {
  const refuse = (problem: string) => failure("DIST_ERR_ASSIGNMENT_RESULT", { problem });
  const { path } = command;
  const mayBecome = (type: Entry["type"]) => {
    if (there === undefined || there.type === type) return;
    throw refuse(`'${path}' is a ${there.type} and would become a ${type}`);
  };
  switch (command.kind) {
    case "remove":
      if (there === undefined) throw refuse(`'${path}' is to be removed and is not there`);
      return undefined;
    case "directory":
      if (there !== undefined) throw refuse(`directory '${path}' is there already`);
      return { type: "directory", path, mode: command.mode };
    case "file": {
      const { mode, sizeBytes, mtimeMs, hash } = command;
      mayBecome("file");
      return { type: "file", path, mode, sizeBytes, mtimeMs, hash };
    }
    case "copy": {
      const from = before.get(command.from);
      if (from?.type !== "file") throw refuse(`'${command.from}' is to be copied and is no file`);
      mayBecome("file");
      return { ...from, path, mode: command.mode, mtimeMs: command.mtimeMs };
    }
    case "symlink":
      mayBecome("symlink");
      return { type: "symlink", path, target: command.target };
    case "attributes": {
      const { mode, mtimeMs } = command;
      if (there === undefined || there.type === "symlink") throw refuse(`'${path}' has no attributes to change`);
      return there.type === "file" ? { ...there, mode, mtimeMs: mtimeMs ?? there.mtimeMs } : { ...there, mode };
    }
  }
}
