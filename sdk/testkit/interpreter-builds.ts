import assert from "node:assert/strict";
import { SimRandom } from "./sim/random.ts";
import { failing, possibleChanges, simulatedSite, trialSite } from "./interpreter-site.ts";
import type { InterpreterSubject } from "./interpreter-site.ts";
import type { Case } from "./kit.ts";
import { randomChanges, randomTree } from "./random-tree.ts";
import { changedTree, workOf } from "./tree-model.ts";
import type { Change, Tree } from "./tree-model.ts";

const mtimeMs = 1_700_000_000_123;

/** Files of every kind of content and mode, nested, closed and empty directories, links to each. */
export const baseTree: Tree = {
  "index.html": { type: "file", mode: 0o644, mtimeMs, content: "<h1>one</h1>" },
  empty: { type: "file", mode: 0o600, mtimeMs: 0, content: "" },
  "run.sh": { type: "file", mode: 0o755, mtimeMs: 999, content: "#!/bin/sh\necho " },
  "read-only": { type: "file", mode: 0o444, mtimeMs, content: "x".repeat(5_000) },
  assets: { type: "directory", mode: 0o755 },
  "assets/style.css": { type: "file", mode: 0o640, mtimeMs, content: "body {}" },
  "assets/deep": { type: "directory", mode: 0o700 },
  "assets/deep/a": { type: "file", mode: 0o644, mtimeMs, content: "a" },
  "assets/deep/b": { type: "file", mode: 0o644, mtimeMs: mtimeMs + 1, content: "b" },
  closed: { type: "directory", mode: 0o555 },
  "closed/inside": { type: "file", mode: 0o644, mtimeMs, content: "inside" },
  hollow: { type: "directory", mode: 0o711 },
  latest: { type: "symlink", target: "assets/deep" },
  "assets/up": { type: "symlink", target: "../index.html" },
  dangling: { type: "symlink", target: "nowhere" },
  "odd\nname 😀": { type: "file", mode: 0o644, mtimeMs, content: "odd" },
  "bytes-\udcff": { type: "file", mode: 0o644, mtimeMs, content: "no UTF-8" },
};

const file = (path: string, content: string, mode = 0o644): Change => ({ kind: "file", path, mode, mtimeMs, content });
const copy = (from: string, path: string, mode = 0o644, time = mtimeMs): Change => ({
  kind: "copy",
  from,
  path,
  mode,
  mtimeMs: time,
});

const assignments: readonly (readonly [string, readonly Change[]])[] = [
  ["keeps everything when there is nothing to do", []],
  [
    "removes files",
    [
      { kind: "remove", path: "assets/deep/a" },
      { kind: "remove", path: "empty" },
    ],
  ],
  [
    "removes a directory after what was in it",
    [
      { kind: "remove", path: "closed/inside" },
      { kind: "remove", path: "closed" },
      { kind: "remove", path: "hollow" },
    ],
  ],
  [
    "removes links and leaves what they lead to",
    [
      { kind: "remove", path: "latest" },
      { kind: "remove", path: "dangling" },
    ],
  ],
  [
    "makes directories in directories",
    [
      { kind: "directory", path: "new", mode: 0o750 },
      { kind: "directory", path: "new/er", mode: 0o700 },
      file("new/er/file", "new"),
    ],
  ],
  [
    "fills a directory in which the owner may not write",
    [
      { kind: "directory", path: "sealed", mode: 0o555 },
      { kind: "directory", path: "sealed/below", mode: 0o500 },
      file("sealed/below/file", "new"),
      file("closed/new", "new"),
    ],
  ],
  [
    "makes new files, with exactly their modes and times",
    [
      file("new", "new"),
      file("script", "new", 0o777),
      file("private", "", 0o600),
      file("locked", "long ".repeat(500), 0o400),
    ],
  ],
  [
    "replaces files",
    [file("index.html", "<h1>two</h1>"), file("read-only", "short", 0o444), file("assets/deep/a", "aa")],
  ],
  [
    "puts a file in place of a directory, and a directory in place of a file",
    [
      { kind: "remove", path: "hollow" },
      { kind: "remove", path: "empty" },
      { kind: "directory", path: "empty", mode: 0o755 },
      file("empty/file", "x"),
      file("hollow", "a file now"),
    ],
  ],
  [
    "puts a file in place of a link",
    [{ kind: "remove", path: "latest" }, file("latest", "a file"), file("dangling", "a file")],
  ],
  [
    "copies files, with the same attributes or others",
    [
      copy("index.html", "assets/copy.html"),
      copy("index.html", "assets/copy-2.html", 0o600),
      copy("index.html", "later.html", 0o644, 5),
      copy("read-only", "assets/deep/a", 0o444),
    ],
  ],
  [
    "copies what the base had, although it is removed or replaced",
    [
      { kind: "remove", path: "assets/deep/a" },
      copy("assets/deep/a", "moved"),
      file("assets/deep/b", "other"),
      copy("assets/deep/b", "assets/deep/c", 0o644, mtimeMs + 1),
      copy("index.html", "empty"),
      copy("empty", "index.html", 0o600, 0),
    ],
  ],
  [
    "makes links, also in place of files and of links",
    [
      { kind: "symlink", path: "new-link", target: "assets/style.css" },
      { kind: "symlink", path: "latest", target: "hollow" },
      { kind: "symlink", path: "assets/deep/up", target: "../../index.html" },
      { kind: "symlink", path: "empty", target: "." },
    ],
  ],
  [
    "changes attributes of files",
    [
      { kind: "attributes", path: "index.html", mode: 0o600, mtimeMs: 7 },
      { kind: "attributes", path: "run.sh", mode: 0o711 },
      { kind: "attributes", path: "read-only", mode: 0o666, mtimeMs },
    ],
  ],
  [
    "changes attributes of directories",
    [
      { kind: "directory", path: "hollow", mode: 0o700 },
      { kind: "attributes", path: "assets", mode: 0o500 },
      { kind: "attributes", path: "closed", mode: 0o777 },
    ],
  ],
];

async function checkBuild(subject: InterpreterSubject, base: Tree, changes: readonly Change[]): Promise<void> {
  const site = trialSite(subject, base);
  const possible = possibleChanges(subject.interpreter, site.base, changes);
  const before = site.rest();
  await site.build(possible);
  assert.deepEqual(site.tree(), site.kept(changedTree(site.base, possible)));
  assert.deepEqual(site.rest(), before, "the base or something outside was changed");
}

/** Releases are exactly what the commands say. */
export const buildCases: Case<InterpreterSubject>[] = [
  ...assignments.map(([title, changes]): Case<InterpreterSubject> => ({
    title,
    check: (create) => checkBuild(create(), baseTree, changes),
  })),
  {
    title: "makes a release from nothing",
    async check(create) {
      const subject = create();
      const site = trialSite(subject, {});
      const changes: Change[] = [
        { kind: "directory", path: "a", mode: 0o755 },
        file("a/b", "b"),
        file("c", "c", 0o600),
      ];
      const work = workOf({ site: site.site, directory: site.building }, undefined, changes);
      await subject.interpreter.build(work, site.io, new AbortController().signal);
      assert.deepEqual(site.tree(), site.kept(changedTree({}, changes)));
    },
  },
  {
    title: "makes exactly what is asked for, whatever it is",
    async check(create) {
      const random = new SimRandom(7);
      for (let count = 0; count < 60; count += 1) {
        const subject = { interpreter: create().interpreter };
        const site = simulatedSite(subject, randomTree(random.fork(count)));
        const changes = randomChanges(random.fork(-count - 1), site.base, subject.interpreter);
        const before = site.rest();
        await site.build(changes);
        assert.deepEqual(site.tree(), site.kept(changedTree(site.base, changes)));
        assert.deepEqual(site.rest(), before);
      }
    },
  },
  {
    title: "makes a new file of what it changes, and shares none whose mode or time it changes",
    async check(create) {
      const site = trialSite(create(), baseTree);
      await site.build([
        file("index.html", "new"),
        copy("assets/style.css", "copy.css", 0o600, 5),
        { kind: "attributes", path: "run.sh", mode: 0o700, mtimeMs: 5 },
      ]);
      const inode = (directory: string, path: string) => site.disk.stat(`${directory}/${path}`)?.inode;
      for (const path of ["run.sh", "index.html"]) {
        assert.notEqual(inode(site.building, path), inode(site.baseDirectory, path));
      }
      assert.notEqual(inode(site.building, "copy.css"), inode(site.baseDirectory, "assets/style.css"));
    },
  },
  {
    title: "stops when it is told to, before and between chunks",
    async check(create) {
      const site = trialSite(create(), baseTree);
      const reason = new Error("enough");
      const before = site.tree();
      assert.equal(await failing(() => site.build([file("new", "new")], AbortSignal.abort(reason))), reason);
      assert.deepEqual(site.tree(), before);
      const controller = new AbortController();
      let chunks = 0;
      const endless = {
        ...site.work([file("endless", "new")]),
        *content() {
          for (; chunks < 1_000; chunks += 1) {
            if (chunks === 3) controller.abort(reason);
            yield new Uint8Array(10);
          }
        },
      };
      assert.equal(await failing(() => site.interpreter.build(endless, site.io, controller.signal)), reason);
      assert.ok(chunks < 10, `it went on for ${chunks} chunks`);
    },
  },
  {
    title: "refuses two names that the file system takes for one",
    async check(create) {
      for (const path of ["INDEX", "Index"]) {
        const base: Tree = { index: { type: "file", mode: 0o644, mtimeMs, content: "x" } };
        const site = simulatedSite(create(), base, { fold: (name) => name.toLowerCase() });
        const before = site.rest();
        await failing(() => site.build([file(path, "other")]));
        assert.deepEqual(site.rest(), before);
      }
    },
  },
  {
    title: "says what it keeps and what it carries out",
    check(create) {
      const { keeps, extensions = [] } = create().interpreter;
      assert.deepEqual([typeof keeps.modes, typeof keeps.symlinks], ["boolean", "boolean"]);
      for (const kind of extensions) assert.match(kind, /^x-[a-z0-9-]+$/);
    },
  },
];
