import { createHash } from "node:crypto";
import type { Command, FileCommand } from "../command.ts";
import type { Entry } from "../entry.ts";
import type { Work } from "../interpreter.ts";
import type { Disk } from "../io.ts";
import { comparePaths } from "../path.ts";
import { readFile, writeFile } from "./disk-subject.ts";

/** What stands at a path. */
export type Leaf =
  | { readonly type: "file"; readonly mode: number; readonly mtimeMs: number; readonly content: string }
  | { readonly type: "directory"; readonly mode: number }
  | { readonly type: "symlink"; readonly target: string };

/** A tree of content as a value, by path. */
export type Tree = Readonly<Record<string, Leaf>>;

/** A command, with the content of a file in place of what describes it. */
export type Change =
  | Exclude<Command, FileCommand>
  | (Pick<FileCommand, "kind" | "path" | "mode" | "mtimeMs"> & { readonly content: string });

/** What commands make of a tree, by their definitions. Undefined behaviour for commands that make no sense. */
export function changedTree(base: Tree, changes: readonly Change[]): Tree {
  const tree: Record<string, Leaf> = { ...base };
  for (const change of changes) {
    if (change.kind === "remove") delete tree[change.path];
    else if (change.kind === "directory") tree[change.path] = { type: "directory", mode: change.mode };
    else if (change.kind === "symlink") tree[change.path] = { type: "symlink", target: change.target };
    else if ("content" in change) {
      tree[change.path] = { type: "file", mode: change.mode, mtimeMs: change.mtimeMs, content: change.content };
    } else if (change.kind === "copy") {
      tree[change.path] = { ...fileOf(base, change.from), mode: change.mode, mtimeMs: change.mtimeMs };
    } else if (change.kind === "attributes") {
      const { path, mode, mtimeMs } = change;
      const leaf = tree[path];
      if (leaf?.type === "directory") tree[path] = { type: "directory", mode };
      else tree[path] = { ...fileOf(tree, path), mode, ...(mtimeMs === undefined ? {} : { mtimeMs }) };
    }
  }
  return tree;
}

/** Makes the tree in an empty directory; a file becomes another name of what `existing` gives for its path. */
export function plantTree(
  disk: Disk,
  directory: string,
  tree: Tree,
  existing: (path: string) => string | undefined = () => undefined,
): void {
  const paths = Object.keys(tree).sort(comparePaths);
  for (const path of paths) {
    const leaf = tree[path];
    const at = `${directory}/${path}`;
    const other = existing(path);
    if (other !== undefined) disk.link(other, at);
    else if (leaf?.type === "directory") disk.makeDirectory(at);
    else if (leaf?.type === "symlink") disk.symlink(leaf.target, at);
    else if (leaf !== undefined) {
      writeFile(disk, at, leaf.content);
      disk.chmod(at, leaf.mode);
      disk.setMtime(at, leaf.mtimeMs);
    }
  }
  for (const path of paths.reverse()) {
    const leaf = tree[path];
    if (leaf?.type === "directory") disk.chmod(`${directory}/${path}`, leaf.mode);
  }
}

/** What is in a directory; empty if there is none. Follows no link. */
export function readTree(disk: Disk, directory: string): Tree {
  const tree: Record<string, Leaf> = {};
  const visit = (path: string) => {
    const at = path === "" ? directory : `${directory}/${path}`;
    const stat = disk.stat(at);
    if (stat === undefined) return;
    const { type, mode, mtimeMs } = stat;
    if (path !== "" && type === "directory") tree[path] = { type, mode };
    if (type === "symlink") tree[path] = { type, target: disk.readLink(at) };
    if (type === "file") {
      tree[path] = { type, mode, mtimeMs, content: Buffer.from(readFile(disk, at)).toString("utf8") };
    }
    if (type === "directory") for (const name of disk.list(at)) visit(path === "" ? name : `${path}/${name}`);
  };
  visit("");
  return tree;
}

/** As a manifest lists it. Hashes are SHA-256 here, because whoever carries out commands does not look at them. */
export function entriesOf(tree: Tree): Entry[] {
  const entries = Object.entries(tree).map(([path, leaf]): Entry => {
    if (leaf.type !== "file") return { ...leaf, path };
    const { type, mode, mtimeMs, content } = leaf;
    return { type, path, mode, mtimeMs, ...traitsOf(content) };
  });
  return entries.sort((a, b) => comparePaths(a.path, b.path));
}

/** The work of making a release by these changes. Content comes in chunks of a few bytes, all in the same buffer. */
export function workOf(
  places: Omit<Work, "base" | "commands" | "content">,
  base: Work["base"],
  changes: readonly Change[],
): Work {
  const contents = new Map<Command, string>();
  const commands = changes.map((change): Command => {
    if (!("content" in change)) return change;
    const { content, ...rest } = change;
    const command = { ...rest, ...traitsOf(content), part: 0 };
    contents.set(command, content);
    return command;
  });
  return {
    ...places,
    ...(base === undefined ? {} : { base }),
    commands: () => commands,
    content: (command) => {
      const content = contents.get(command);
      if (content === undefined) throw new Error(`the content of '${command.path}' was asked for twice`);
      contents.delete(command);
      return chunksOf(content);
    },
  };
}

const chunkLength = 7;

function* chunksOf(content: string): Generator<Uint8Array> {
  const bytes = Buffer.from(content, "utf8");
  const chunk = new Uint8Array(chunkLength);
  for (let start = 0; start < bytes.length; start += chunkLength) {
    const length = bytes.copy(chunk, 0, start);
    yield chunk.subarray(0, length);
    chunk.fill(0xee);
  }
}

function traitsOf(content: string): { sizeBytes: number; hash: string } {
  return { sizeBytes: Buffer.byteLength(content), hash: createHash("sha256").update(content).digest("hex") };
}

function fileOf(tree: Tree, path: string): Leaf & { type: "file" } {
  const leaf = tree[path];
  if (leaf?.type !== "file") throw new Error(`'${path}' is no file`);
  return leaf;
}
