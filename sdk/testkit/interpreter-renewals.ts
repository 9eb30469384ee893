import assert from "node:assert/strict";
import { baseTree } from "./interpreter-builds.ts";
import { afterCrash, atEveryOperation } from "./interpreter-crashes.ts";
import { failing, possibleTree, simulatedSite, trialSite } from "./interpreter-site.ts";
import type { InterpreterSubject, TrialSite } from "./interpreter-site.ts";
import type { Case } from "./kit.ts";
import { randomChanges, randomTree } from "./random-tree.ts";
import { SimRandom } from "./sim/random.ts";
import { changedTree } from "./tree-model.ts";
import type { Change, Tree } from "./tree-model.ts";

const mtimeMs = 1_700_000_000_123;

/** One of everything that may happen to an entry between an older release, the base and the next release. */
const older: Tree = {
  ...baseTree,
  "index.html": { type: "file", mode: 0o644, mtimeMs, content: "<h1>nought</h1>" },
  "assets/deep": { type: "directory", mode: 0o500 },
  hollow: { type: "file", mode: 0o644, mtimeMs, content: "a file then" },
  empty: { type: "directory", mode: 0o555 },
  "empty/gone": { type: "file", mode: 0o644, mtimeMs, content: "gone since" },
  latest: { type: "symlink", target: "hollow" },
  "assets/style.css": { type: "file", mode: 0o600, mtimeMs, content: "body {}" },
};

const changes: readonly Change[] = [
  { kind: "remove", path: "assets/deep/a" },
  { kind: "directory", path: "new", mode: 0o555 },
  { kind: "file", path: "new/file", mode: 0o640, mtimeMs, content: "the content of a new file" },
  { kind: "file", path: "closed/inside", mode: 0o644, mtimeMs, content: "other content" },
  { kind: "copy", from: "run.sh", path: "copy.sh", mode: 0o700, mtimeMs: 5 },
  { kind: "attributes", path: "assets", mode: 0o500 },
];

/** On a site where `old` lies in the directory to be filled, if the interpreter can make something of it. */
async function checkRenewal(site: TrialSite, old: Tree, made: readonly Change[]): Promise<void> {
  if (site.interpreter.renew === undefined) return;
  site.plantOld(old);
  const before = site.rest();
  await site.renew(old, made);
  assert.deepEqual(site.tree(), site.kept(changedTree(site.base, made)));
  assert.deepEqual(site.rest(), before, "the base or something outside was changed");
}

function possible(site: TrialSite): readonly Change[] {
  return changes.filter((change) => !("path" in change) || site.interpreter.refuse?.(change.path) === undefined);
}

/** A directory that holds an older release becomes the new one. Nothing to show for who has no `renew`. */
export const renewalCases: Case<InterpreterSubject>[] = [
  ...(
    [
      ["the base itself", baseTree],
      ["an older release", older],
      ["nothing", {}],
      ["the release itself", changedTree(baseTree, changes)],
    ] as const
  ).map(([title, old]): Case<InterpreterSubject> => ({
    title: `makes a release of ${title}`,
    async check(create) {
      const site = trialSite(create(), baseTree);
      await checkRenewal(site, possibleTree(site.interpreter, old), possible(site));
    },
  })),
  {
    title: "makes of any old release exactly what is asked for",
    async check(create) {
      const random = new SimRandom(11);
      for (let count = 0; count < 60; count += 1) {
        const { interpreter } = create();
        const site = simulatedSite({ interpreter }, randomTree(random.fork(count)));
        const made = randomChanges(random.fork(-count - 1), site.base, interpreter);
        // Older by some changes backwards, or by everything.
        const near = changedTree(site.base, randomChanges(random.fork(count + 1_000), site.base, interpreter));
        const old = count % 3 === 0 ? randomTree(random.fork(count + 2_000)) : near;
        await checkRenewal(site, possibleTree(interpreter, old), made);
      }
    },
  },
  {
    title: "tells what of an old release is to be made durable",
    async check(create) {
      const { interpreter } = create();
      if (interpreter.renew === undefined) return;
      const site = simulatedSite({ interpreter }, baseTree);
      const old = possibleTree(interpreter, older);
      const made = possible(site);
      site.plantOld(old);
      site.seal("2", await site.renew(old, made));
      const result = site.kept(changedTree(site.base, made));
      for (const after of afterCrash(site)) assert.deepEqual(after.tree(`${site.site}/releases/2`), result);
    },
  },
  {
    title: "touches nothing but the old release when the disk fails, and does not say that it is made",
    async check(create) {
      const { interpreter } = create();
      if (interpreter.renew === undefined) return;
      const old = possibleTree(interpreter, older);
      const prepare = async () => {
        const site = simulatedSite({ interpreter }, baseTree);
        site.plantOld(old);
        return site;
      };
      const before = (await prepare()).rest();
      for (const fault of ["kill", "EIO", "ENOSPC"] as const) {
        await atEveryOperation(
          fault,
          prepare,
          (site) => site.renew(old, possible(site)),
          (site, error) => {
            const found = fault === "kill" ? site.on(site.disk.afterKill()) : site;
            if (error === undefined)
              assert.deepEqual(found.tree(), found.kept(changedTree(found.base, possible(site))));
            assert.deepEqual(found.rest(), before);
          },
        );
      }
    },
  },
  {
    title: "gives up where the old release is not what it was",
    async check(create) {
      const { interpreter } = create();
      if (interpreter.renew === undefined) return;
      const site = trialSite({ interpreter }, baseTree);
      site.plantOld({ ...baseTree, "assets/deep/stray": { type: "file", mode: 0o644, mtimeMs, content: "stray" } });
      const before = site.rest();
      await failing(() =>
        site.renew(baseTree, [
          { kind: "remove", path: "assets/deep/a" },
          { kind: "remove", path: "assets/deep/b" },
          { kind: "remove", path: "assets/deep" },
        ]),
      );
      assert.deepEqual(site.rest(), before);
    },
  },
];
