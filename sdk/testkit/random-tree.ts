import type { Interpreter } from "../interpreter.ts";
import type { Random } from "../io.ts";
import type { Change, Leaf, Tree } from "./tree-model.ts";

const names = ["a", "b", "A-1", "index.html", "é", "😀", "x y", "-", "deep"];
const modes = [0o644, 0o600, 0o755, 0o400, 0o777];
const directoryModes = [0o755, 0o700, 0o555, 0o500];

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)] as T;
}

function parents(tree: Tree): string[] {
  return [
    "",
    ...Object.keys(tree)
      .filter((path) => tree[path]?.type === "directory")
      .map((path) => `${path}/`),
  ];
}

function randomLeaf(random: Random): Leaf {
  const kind = random.below(8);
  if (kind < 2) return { type: "directory", mode: pick(random, directoryModes) };
  if (kind === 2) return { type: "symlink", target: pick(random, ["a", "nowhere", "deep/x", "."]) };
  return {
    type: "file",
    mode: pick(random, modes),
    mtimeMs: random.below(5) * 1_001,
    content: "x".repeat(random.below(40)),
  };
}

/** A small tree of files, directories and links. */
export function randomTree(random: Random): Tree {
  const tree: Record<string, Leaf> = {};
  for (let count = random.below(25); count > 0; count -= 1) {
    const path = pick(random, parents(tree)) + pick(random, names);
    if (tree[path] === undefined && path.length < 60) tree[path] = randomLeaf(random);
  }
  return tree;
}

/** Commands that make sense for this tree and a host that keeps what `keeps` says. */
export function randomChanges(random: Random, base: Tree, { keeps }: Pick<Interpreter, "keeps">): Change[] {
  const tree: Record<string, Leaf> = { ...base };
  const removals = randomRemovals(random, tree);
  const directories: Change[] = [];
  const others: Change[] = [];
  const made = new Set<string>();
  const files = Object.keys(base).filter((path) => base[path]?.type === "file");
  for (let count = random.below(10); count > 0; count -= 1) {
    const path = pick(random, parents(tree)) + pick(random, names);
    if (tree[path] !== undefined || path.length >= 60) continue;
    made.add(path);
    const leaf: Leaf = { type: "directory", mode: pick(random, directoryModes) };
    tree[path] = leaf;
    directories.push({ kind: "directory", path, mode: leaf.mode });
  }
  for (let count = random.below(15); count > 0; count -= 1) {
    const path = pick(random, parents(tree)) + pick(random, names);
    if (made.has(path) || path.length >= 60) continue;
    const change = randomChange(random, path, tree[path], files);
    if (change === undefined || (change.kind === "symlink" && !keeps.symlinks)) continue;
    made.add(path);
    others.push(change);
    if (change.kind !== "attributes") tree[path] = { type: "symlink", target: "made" };
  }
  return [...removals, ...directories, ...others];
}

function randomRemovals(random: Random, tree: Record<string, Leaf>): Change[] {
  const chosen = Object.keys(tree).filter(() => random.below(5) === 0);
  const removals: Change[] = [];
  for (const path of Object.keys(tree).sort().reverse()) {
    const isInside = chosen.some((top) => path === top || path.startsWith(`${top}/`));
    if (!isInside) continue;
    delete tree[path];
    removals.push({ kind: "remove", path });
  }
  return removals;
}

function randomChange(
  random: Random,
  path: string,
  present: Leaf | undefined,
  files: readonly string[],
): Change | undefined {
  const mode = pick(random, modes);
  const mtimeMs = random.below(5) * 1_001;
  if (present?.type === "directory") return { kind: "attributes", path, mode: pick(random, directoryModes) };
  const kind = random.below(5);
  if (kind === 0 && present?.type === "file") {
    return { kind: "attributes", path, mode, ...(random.below(2) === 0 ? { mtimeMs } : {}) };
  }
  if (kind === 1 && files.length > 0) return { kind: "copy", from: pick(random, files), path, mode, mtimeMs };
  if (kind === 2) return { kind: "symlink", path, target: pick(random, ["a", "deep/b", "./x"]) };
  return { kind: "file", path, mode, mtimeMs, content: "y".repeat(random.below(30)) };
}
