import assert from "node:assert/strict";
import { baseTree } from "./interpreter-builds.ts";
import { failing, simulatedSite, trialSite } from "./interpreter-site.ts";
import type { InterpreterSubject } from "./interpreter-site.ts";
import type { Case } from "./kit.ts";
import type { Change } from "./tree-model.ts";

const mtimeMs = 1_700_000_000_123;

const file = (path: string): Change => ({ kind: "file", path, mode: 0o644, mtimeMs, content: "hostile" });
const link = (path: string, target: string): Change => ({ kind: "symlink", path, target });
const directory = (path: string): Change => ({ kind: "directory", path, mode: 0o755 });
const remove = (path: string): Change => ({ kind: "remove", path });
const attributes = (path: string, mode: number): Change => ({ kind: "attributes", path, mode, mtimeMs });

const badPaths = [
  "",
  ".",
  "..",
  "../secret",
  "../../../secret",
  "/secret",
  "/",
  "a//b",
  "a/",
  "a/./b",
  "assets/../../x",
  "a\0b",
  "n".repeat(256),
];

const assignments: readonly (readonly [string, readonly (readonly Change[])[]])[] = [
  [
    "paths that are not inside",
    badPaths.flatMap(
      (path) =>
        [
          [file(path)],
          [link(path, "x")],
          [directory(path)],
          [remove(path)],
          [attributes(path, 0o600)],
          [{ kind: "copy", from: "index.html", path, mode: 0o644, mtimeMs }],
          [{ kind: "copy", from: path, path: "x", mode: 0o644, mtimeMs }],
        ] as Change[][],
    ),
  ],
  [
    "a way through a link, of the base or of its own",
    [
      [file("latest/new")],
      [file("dangling/new")],
      [directory("latest/new")],
      [remove("latest/b")],
      [attributes("latest/b", 0o600)],
      [link("way", "assets"), file("way/new")],
      [link("way", "assets/deep"), link("way/out", "a")],
      [link("way", "."), file("way/x")],
    ],
  ],
  [
    "links that lead out",
    [
      [link("out", "/etc/passwd")],
      [link("out", "..")],
      [link("out", "../secret")],
      [link("assets/out", "../../secret")],
      [link("out", "")],
      [link("out", "assets/../../secret")],
      [link("out", "a\0b")],
      [link("assets/deep/top", "../.."), link("out", "assets/deep/top/../../../secret")],
      [link("assets/deep/top", "../.."), link("assets/out", "deep/top/..")],
    ],
  ],
  [
    "a name below a file, or where there is no directory",
    [
      [file("index.html/x")],
      [directory("index.html/x")],
      [file("nowhere/x")],
      [directory("nowhere/x")],
      [file("new"), file("new/below")],
      [remove("hollow"), file("hollow/x")],
    ],
  ],
  [
    "a file over a directory, and a directory over a file",
    [
      [file("assets")],
      [link("assets", "x")],
      [file("hollow")],
      [directory("index.html")],
      [directory("latest")],
      [{ kind: "copy", from: "index.html", path: "assets", mode: 0o644, mtimeMs }],
    ],
  ],
  [
    "to take away what is not there or not empty",
    [
      [remove("nowhere")],
      [remove("assets")],
      [remove("empty"), remove("empty")],
      [remove("closed"), remove("closed/inside")],
    ],
  ],
  [
    "two commands for one name",
    [
      [file("new"), file("new")],
      [link("new", "x"), file("new")],
      [file("empty"), attributes("empty", 0o600)],
    ],
  ],
  [
    "another order than removals, directories, the rest",
    [
      [file("new"), directory("later")],
      [directory("new"), remove("empty")],
      [directory("a/b"), directory("a")],
    ],
  ],
  [
    "modes beyond permissions",
    [
      [attributes("run.sh", 0o4755)],
      [attributes("assets", 0o1777)],
      [attributes("run.sh", -1)],
      [attributes("run.sh", 0.5)],
    ],
  ],
  [
    "what cannot be copied or changed",
    [
      [{ kind: "copy", from: "assets", path: "x", mode: 0o644, mtimeMs }],
      [{ kind: "copy", from: "latest", path: "x", mode: 0o644, mtimeMs }],
      [file("new"), { kind: "copy", from: "new", path: "x", mode: 0o644, mtimeMs }],
      [attributes("nowhere", 0o600)],
      [attributes("latest", 0o600)],
    ],
  ],
  ["commands that it does not know", [[{ kind: "x-unheard-of", parameters: {} }]]],
];

/** Commands that lead out of the release, or make no sense, are refused before anything is written. */
export const hostileCases: Case<InterpreterSubject>[] = [
  ...assignments.map(([title, hostile]): Case<InterpreterSubject> => ({
    title: `refuses ${title}, and touches nothing outside`,
    async check(create) {
      const site = trialSite(create(), baseTree);
      const before = site.rest();
      for (const changes of hostile) {
        // About a link of the base, on a host that has none.
        if (changes.some((change) => "path" in change && change.path in baseTree && !(change.path in site.base))) {
          continue;
        }
        await failing(() => site.build([...changes]));
        assert.deepEqual(site.rest(), before);
        assert.deepEqual(site.tree(), {}, "it was written before it was refused");
      }
    },
  })),
  {
    title: "writes nothing at all when the last command is refused",
    async check(create) {
      const site = simulatedSite(create(), baseTree);
      const operations = site.disk.operations;
      await failing(() => site.build([file("new"), file("../secret")]));
      assert.equal(site.disk.operations, operations);
    },
  },
  {
    title: "refuses on the whole path what `refuse` refuses, without writing",
    async check(create) {
      const subject = create();
      const { refuse } = subject.interpreter;
      const names = ["CON", "aux.txt", "a:b", "a?", "dot.", "space ", "a\\b", "a\nb", "\udcff", "plain"];
      for (const path of names.flatMap((name) => [name, `assets/${name}`])) {
        if (refuse?.(path) === undefined) continue;
        const site = simulatedSite(subject, baseTree);
        const operations = site.disk.operations;
        await failing(() => site.build([file(path)]));
        assert.equal(site.disk.operations, operations);
      }
      assert.equal(refuse?.("index.html"), undefined);
      assert.equal(refuse?.("assets/style.css"), undefined);
    },
  },
  {
    title: "points only to releases of the site, and takes nothing else for a pointer",
    async check(create) {
      const site = simulatedSite(create(), baseTree);
      for (const release of [
        "../secret",
        "/etc",
        "releases/../../secret",
        "releases",
        "releases/",
        "secret",
        "",
        "releases/1/assets",
      ]) {
        await failing(() => site.point("live", release));
        assert.equal(site.pointed("live"), undefined);
      }
      site.point("live", "releases/1");
      assert.equal(site.pointed("live"), "releases/1");
    },
  },
];
