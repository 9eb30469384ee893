import assert from "node:assert/strict";
import { baseTree } from "./interpreter-builds.ts";
import { failing, possibleChanges, simulatedSite } from "./interpreter-site.ts";
import type { InterpreterSubject, TrialSite } from "./interpreter-site.ts";
import type { Case } from "./kit.ts";
import type { SimDisk } from "./sim/disk.ts";
import { Killed } from "./sim/disk-faults.ts";
import type { DiskFault } from "./sim/disk-faults.ts";
import { SimRandom } from "./sim/random.ts";
import { removeTree } from "../remove-tree.ts";
import { changedTree } from "./tree-model.ts";
import type { Change, Tree } from "./tree-model.ts";

const mtimeMs = 1_700_000_000_123;

const everyKind: readonly Change[] = [
  { kind: "remove", path: "assets/deep/a" },
  { kind: "directory", path: "new", mode: 0o555 },
  { kind: "file", path: "new/file", mode: 0o640, mtimeMs, content: "the content of a new file" },
  { kind: "file", path: "index.html", mode: 0o644, mtimeMs, content: "<h1>two</h1>" },
  { kind: "copy", from: "run.sh", path: "copy.sh", mode: 0o700, mtimeMs: 5 },
  { kind: "symlink", path: "latest", target: "new" },
  { kind: "attributes", path: "assets/style.css", mode: 0o600, mtimeMs: 7 },
  { kind: "attributes", path: "closed", mode: 0o500 },
];

interface Trial {
  readonly site: TrialSite<SimDisk>;
  readonly changes: readonly Change[];
  /** What the release is to be. */
  readonly result: Tree;
}

function trial(create: () => InterpreterSubject): Trial {
  const subject = create();
  const site = simulatedSite(subject, baseTree);
  const changes = possibleChanges(subject.interpreter, site.base, everyKind);
  return { site, changes, result: site.kept(changedTree(site.base, changes)) };
}

/** Does it once for every operation on the disk, with that one failing in this way; until it comes through unharmed. */
export async function atEveryOperation(
  fault: DiskFault,
  prepare: () => Promise<TrialSite<SimDisk>>,
  act: (site: TrialSite<SimDisk>) => unknown,
  check: (site: TrialSite<SimDisk>, error: unknown) => Promise<void> | void,
): Promise<void> {
  for (const when of ["before", "after"] as const) {
    for (let count = 1; ; count += 1) {
      const site = await prepare();
      const planned = site.disk.operations + count;
      site.disk.failAt(count, fault, when);
      let error: unknown;
      try {
        await act(site);
      } catch (thrown) {
        error = thrown;
      }
      if (site.disk.operations < planned) break;
      assert.ok(fault !== "kill" || error instanceof Killed, `it went on after it was killed: ${String(error)}`);
      await check(site, error);
      assert.ok(count < 10_000, "it never comes to an end");
    }
  }
}

/** What may be there after a crash at this point: after being killed, and after some losses of power. */
export function afterCrash(site: TrialSite<SimDisk>): TrialSite<SimDisk>[] {
  const losses = Array.from({ length: 12 }, (_, seed) => {
    return site.disk.afterPowerLoss(seed % 3 === 2 ? "ext4" : "strict", new SimRandom(seed));
  });
  return [site.disk.afterKill(), ...losses].map((disk) => site.on(disk));
}

async function built(create: () => InterpreterSubject): Promise<Trial> {
  const made = trial(create);
  await made.site.build(made.changes);
  return made;
}

/** A site with two sealed releases besides the base. */
async function sealed(create: () => InterpreterSubject): Promise<TrialSite<SimDisk>> {
  const { site } = await built(create);
  site.seal("2");
  return site;
}

const live = "releases/1";
const next = "releases/2";

/** Nothing is lost when an operation fails, the program ends or the power goes, at any moment. */
export const crashCases: Case<InterpreterSubject>[] = [
  {
    title: "makes the same release again after being killed at any point",
    async check(create) {
      const { changes, result } = trial(create);
      const before = trial(create).site.rest();
      await atEveryOperation(
        "kill",
        async () => trial(create).site,
        (site) => site.build(changes),
        async (killed) => {
          const site = killed.on(killed.disk.afterKill());
          assert.deepEqual(site.rest(), before);
          removeTree(site.disk, site.building);
          site.disk.makeDirectory(site.building, 0o755);
          await site.build(changes);
          assert.deepEqual(site.tree(), result);
          assert.deepEqual(site.rest(), before);
        },
      );
    },
  },
  {
    title: "does not say that a release is made when the disk failed",
    async check(create) {
      const { changes, result } = trial(create);
      const before = trial(create).site.rest();
      for (const fault of ["EIO", "ENOSPC"] as const) {
        await atEveryOperation(
          fault,
          async () => trial(create).site,
          (site) => site.build(changes),
          (site, error) => {
            if (error === undefined) assert.deepEqual(site.tree(), result);
            assert.deepEqual(site.rest(), before);
          },
        );
      }
      const site = simulatedSite(create(), baseTree, { capacityBytes: 7_000 });
      await failing(() =>
        site.build([{ kind: "file", path: "big", mode: 0o644, mtimeMs, content: "x".repeat(7_000) }]),
      );
    },
  },
  {
    title: "seals a release so that it survives a loss of power, whole",
    async check(create) {
      const { site, result } = await built(create);
      site.seal("2");
      assert.deepEqual(site.tree(`${site.site}/releases/2`), result);
      for (const after of afterCrash(site)) assert.deepEqual(after.tree(`${site.site}/releases/2`), result);
    },
  },
  {
    title: "gives a release its name only when all of it is durable",
    async check(create) {
      const { result } = trial(create);
      await atEveryOperation(
        "kill",
        async () => (await built(create)).site,
        (site) => site.seal("2"),
        (killed) => {
          for (const site of afterCrash(killed)) {
            const release = `${site.site}/releases/2`;
            if (site.disk.stat(release) !== undefined) assert.deepEqual(site.tree(release), result);
          }
        },
      );
    },
  },
  {
    title: "does not say that a release is sealed when a sync failed",
    async check(create) {
      const titles: unknown[] = [];
      await atEveryOperation(
        "EIO",
        async () => (await built(create)).site,
        (site) => site.seal("2"),
        (_, error) => {
          titles.push(error);
          assert.notEqual(error, undefined);
        },
      );
      assert.ok(titles.length > 0);
    },
  },
  {
    title: "points to nothing at first, then where it was told to, live and backup apart",
    async check(create) {
      const site = await sealed(create);
      const both = () => [site.pointed("live"), site.pointed("backup")];
      assert.deepEqual(both(), [undefined, undefined]);
      site.point("live", undefined);
      site.point("live", live);
      assert.deepEqual(both(), [live, undefined]);
      site.point("backup", live);
      site.point("live", next);
      site.point("live", next);
      assert.deepEqual(both(), [next, live]);
      site.point("live", live);
      site.point("backup", undefined);
      assert.deepEqual(both(), [live, undefined]);
    },
  },
  ...(
    [
      [undefined, live],
      [live, next],
      [live, undefined],
      [live, live],
    ] as const
  ).map(([from, to]): Case<InterpreterSubject> => ({
    title: `moves a pointer from ${from ?? "nothing"} to ${to ?? "nothing"} at once and for good, whatever crashes`,
    async check(create) {
      const prepare = async () => {
        const site = await sealed(create);
        site.point("live", from);
        site.point("backup", live);
        return site;
      };
      const moved = await prepare();
      moved.point("live", to);
      for (const site of afterCrash(moved)) assert.equal(site.pointed("live"), to);
      await atEveryOperation(
        "kill",
        prepare,
        (site) => site.point("live", to),
        (killed) => {
          for (const site of afterCrash(killed)) {
            const found = site.pointed("live");
            assert.ok(found === from || found === to, `it points to ${found}`);
            assert.equal(site.pointed("backup"), live);
            site.point("live", to);
            for (const again of afterCrash(site)) assert.equal(again.pointed("live"), to);
          }
        },
      );
    },
  })),
  {
    title: "leaves a pointer where it was when the disk failed, and can move it later",
    async check(create) {
      const prepare = async () => {
        const site = await sealed(create);
        site.point("live", live);
        return site;
      };
      for (const fault of ["EIO", "ENOSPC"] as const) {
        await atEveryOperation(
          fault,
          prepare,
          (site) => site.point("live", next),
          (site, error) => {
            if (error !== undefined) assert.equal(site.pointed("live"), live);
            site.point("live", next);
            for (const after of afterCrash(site)) assert.equal(after.pointed("live"), next);
          },
        );
      }
    },
  },
  {
    title: "shows readers the old or the new release at every moment of a move",
    async check(create) {
      await atEveryOperation(
        "kill",
        async () => {
          const site = await sealed(create);
          site.point("live", live);
          return site;
        },
        (site) => site.point("live", next),
        (killed) => {
          const site = killed.on(killed.disk.afterKill());
          assert.ok([live, next].includes(site.pointed("live") ?? ""));
        },
      );
    },
  },
];
