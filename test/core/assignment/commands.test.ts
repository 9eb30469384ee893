import { describe, expect, it } from "vitest";
import { planBringing, planCommands, resultOf } from "../../../core/assignment/commands.ts";
import { compareTrees } from "../../../core/content/compare.ts";
import { ReleasePlan } from "../../../sdk/release-plan.ts";
import type { Command } from "../../../sdk/index.ts";
import { randomTree } from "../../../sdk/testkit/random-tree.ts";
import { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import type { Leaf, Tree } from "../../../sdk/testkit/tree-model.ts";
import { manifestOf } from "../agent/site-trial.ts";

function commandsFrom(from: Tree, to: Tree): Command[] {
  const base = manifestOf(from);
  const changes = compareTrees(base, manifestOf(to));
  const { files, copies } = planBringing(base, changes);
  return planCommands(
    changes,
    copies,
    files.map((entry) => ({ entry, part: 0 })),
  );
}

const file = (content: string, mode = 0o644, mtimeMs = 0): Leaf => ({ type: "file", mode, mtimeMs, content });
const directory = (mode = 0o755): Leaf => ({ type: "directory", mode });
const symlink = (target: string): Leaf => ({ type: "symlink", target });

describe("the commands from one tree to another", () => {
  it.for([
    ["nothing changes", { a: file("x") }, { a: file("x") }, []],
    ["a file changes", { a: file("x") }, { a: file("y") }, ["file a"]],
    ["a file is renamed", { a: file("x") }, { b: file("x") }, ["remove a", "copy b"]],
    ["two files change places", { a: file("x"), b: file("y") }, { a: file("y"), b: file("x") }, ["copy a", "copy b"]],
    ["a mode changes", { a: file("x") }, { a: file("x", 0o600) }, ["attributes a"]],
    ["a time changes", { a: file("x") }, { a: file("x", 0o644, 5) }, ["attributes a"]],
    ["a directory's mode changes", { d: directory() }, { d: directory(0o700) }, ["attributes d"]],
    [
      "a file becomes a directory",
      { a: file("x") },
      { a: directory(), "a/b": file("x") },
      ["remove a", "directory a", "copy a/b"],
    ],
    [
      "a directory becomes a file",
      { a: directory(), "a/b": file("x") },
      { a: file("x") },
      ["remove a/b", "remove a", "copy a"],
    ],
    [
      "a file becomes a link",
      { a: file("x"), b: file("y") },
      { a: symlink("b"), b: file("y") },
      ["remove a", "symlink a"],
    ],
    ["a link becomes a directory", { a: symlink("b") }, { a: directory() }, ["remove a", "directory a"]],
    ["a link leads elsewhere", { a: symlink("b") }, { a: symlink("c") }, ["symlink a"]],
    [
      "all goes",
      { d: directory(), "d/e": directory(), "d/e/f": file("x") },
      {},
      ["remove d/e/f", "remove d/e", "remove d"],
    ],
  ] as const)("when %s", ([, from, to, expected]) => {
    const commands = commandsFrom(from, to);
    expect(commands.map((command) => `${command.kind} ${"path" in command ? command.path : ""}`)).toEqual(expected);
    expect(resultOf(manifestOf(from), commands)).toEqual(manifestOf(to));
  });

  it("make exactly the other tree, and are what an interpreter accepts, for thousands of pairs", () => {
    const keeps = { modes: true, symlinks: true };
    for (let seed = 0; seed < 3_000; seed += 1) {
      const random = new SimRandom(seed);
      const [from, to] = [randomTree(random), random.below(4) === 0 ? {} : randomTree(random)];
      const base = manifestOf(from);
      const commands = commandsFrom(from, to);
      expect(resultOf(base, commands), `seed ${seed}`).toEqual(manifestOf(to));
      const work = {
        site: "s",
        directory: "/x",
        base: { directory: "/y", entries: () => base },
        commands: () => commands,
        content: () => [],
      };
      expect(() => new ReleasePlan(work, { keeps }), `seed ${seed}`).not.toThrow();
    }
  });

  it("lead through any history to the same tree", () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const random = new SimRandom(seed);
      let manifest = manifestOf({});
      let tree: Tree = {};
      for (let step = 0; step < 8; step += 1) {
        const next = randomTree(random);
        manifest = resultOf(manifest, commandsFrom(tree, next));
        tree = next;
      }
      expect(manifest).toEqual(manifestOf(tree));
    }
  });
});

describe("commands that make no sense with a base", () => {
  const base = manifestOf({ a: file("x"), d: directory(), "d/b": file("y"), l: symlink("a") });
  const made = { mode: 0o644, mtimeMs: 0, sizeBytes: 1, hash: "0".repeat(64), part: 0 };
  it.for<readonly [string, readonly Command[]]>([
    ["remove what is not there", [{ kind: "remove", path: "z" }]],
    [
      "remove the same twice",
      [
        { kind: "remove", path: "a" },
        { kind: "remove", path: "a" },
      ],
    ],
    ["remove a directory with something in it", [{ kind: "remove", path: "d" }]],
    ["make a directory where there is one", [{ kind: "directory", path: "d", mode: 0 }]],
    ["make a directory where there is a file", [{ kind: "directory", path: "a", mode: 0 }]],
    ["make a file where there is a directory", [{ kind: "file", path: "d", ...made }]],
    ["make a file where there is a link", [{ kind: "file", path: "l", ...made }]],
    ["make a file below a file", [{ kind: "file", path: "a/b", ...made }]],
    ["make a file below a link", [{ kind: "file", path: "l/b", ...made }]],
    ["make a file below nothing", [{ kind: "file", path: "no/b", ...made }]],
    ["copy what is not there", [{ kind: "copy", from: "z", path: "q", mode: 0, mtimeMs: 0 }]],
    ["copy a directory", [{ kind: "copy", from: "d", path: "q", mode: 0, mtimeMs: 0 }]],
    [
      "copy what was only just made",
      [
        { kind: "file", path: "n", ...made },
        { kind: "copy", from: "n", path: "q", mode: 0, mtimeMs: 0 },
      ],
    ],
    ["link out of the site", [{ kind: "symlink", path: "out", target: "../etc" }]],
    ["change the attributes of a link", [{ kind: "attributes", path: "l", mode: 0 }]],
    ["change the attributes of nothing", [{ kind: "attributes", path: "z", mode: 0 }]],
    ["give a mode beyond permissions", [{ kind: "attributes", path: "a", mode: 0o4755 }]],
  ])("are refused: to %s", ([, commands]) => {
    expect(() => resultOf(base, commands)).toThrowError(
      expect.objectContaining({ code: expect.stringMatching(/ASSIGNMENT_RESULT|CONTENT_MANIFEST/) }),
    );
  });
});
