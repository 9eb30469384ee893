import { comparePaths, failure } from "distributary/sdk";
import type { Command, Entry, FileEntry } from "distributary/sdk";
import { filesToBring } from "../content/compare.ts";
import type { Changes } from "../content/compare.ts";
import { checkTree } from "../content/manifest.ts";
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
  const entries = new Map(before);
  for (const command of commands) apply(command, before, entries);
  const result = [...entries.values()].sort((a, b) => comparePaths(a.path, b.path));
  checkTree(result);
  return result;
}

function apply(command: Command, before: ReadonlyMap<string, Entry>, entries: Map<string, Entry>): void {
  const refuse = (problem: string) => failure("DIST_ERR_ASSIGNMENT_RESULT", { problem });
  switch (command.kind) {
    case "remove":
      if (!entries.delete(command.path)) throw refuse(`'${command.path}' is to be removed and is not there`);
      return;
    case "directory":
      if (entries.has(command.path)) throw refuse(`directory '${command.path}' is there already`);
      entries.set(command.path, { type: "directory", path: command.path, mode: command.mode });
      return;
    case "file": {
      const { path, mode, sizeBytes, mtimeMs, hash } = command;
      replaceLike("file", path, entries);
      entries.set(path, { type: "file", path, mode, sizeBytes, mtimeMs, hash });
      return;
    }
    case "copy": {
      const from = before.get(command.from);
      if (from?.type !== "file") throw refuse(`'${command.from}' is to be copied and is no file`);
      replaceLike("file", command.path, entries);
      entries.set(command.path, { ...from, path: command.path, mode: command.mode, mtimeMs: command.mtimeMs });
      return;
    }
    case "symlink":
      replaceLike("symlink", command.path, entries);
      entries.set(command.path, { type: "symlink", path: command.path, target: command.target });
      return;
    case "attributes": {
      const { path, mode, mtimeMs } = command;
      const entry = entries.get(path);
      if (entry === undefined || entry.type === "symlink") throw refuse(`'${path}' has no attributes to change`);
      entries.set(
        path,
        entry.type === "file" ? { ...entry, mode, mtimeMs: mtimeMs ?? entry.mtimeMs } : { ...entry, mode },
      );
      return;
    }
  }
}

/** Something of another type must have been removed before. */
function replaceLike(type: Entry["type"], path: string, entries: ReadonlyMap<string, Entry>): void {
  const there = entries.get(path);
  if (there === undefined || there.type === type) return;
  throw failure("DIST_ERR_ASSIGNMENT_RESULT", { problem: `'${path}' is a ${there.type} and would become a ${type}` });
}
