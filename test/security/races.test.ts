import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { hexHashOf } from "../../core/content/hash.ts";
import { ObjectStore } from "../../core/content/objects.ts";
import { scan } from "../../core/content/scan.ts";
import { createSelection, takeEverything } from "../../core/content/selection.ts";
import { realDisk } from "../../core/runtime/disk.ts";
import { fileTree, removeTree } from "../../sdk/index.ts";
import type { Command, Disk, Entry } from "../../sdk/index.ts";
import { simIo } from "../../sdk/testkit/sim/io.ts";

/*
 * Somebody who may write in a directory puts a link in the place of one of its directories just before any one call of
 * a program that works there. On Linux, which is where it can be kept out entirely.
 */

const scratch = mkdtempSync(join(tmpdir(), "distributary-races-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const secret = "what only its owner may read";
/** The same disk for somebody who does not hold the directories it works in. */
const careless: Disk = { ...realDisk, hold: (path) => ({ path, [Symbol.dispose]() {} }) };

interface Place {
  /** A directory with `d/x`, which are the attacker's. */
  readonly tree: string;
  /** Somebody else's directory with an `x` of its own. */
  readonly outside: string;
}

function makePlace(): Place {
  const root = mkdtempSync(join(scratch, "case-"));
  const [tree, outside] = [join(root, "tree"), join(root, "outside")];
  for (const directory of [tree, join(tree, "d"), outside]) mkdirSync(directory);
  for (const name of ["a", "d/x", "z"]) writeFileSync(join(tree, name), `the content of ${name}`);
  writeFileSync(join(outside, "x"), secret, { mode: 0o600 });
  return { tree, outside };
}

function look({ outside }: Place): unknown {
  return readdirSync(outside).map((name) => {
    const { ino, mode, nlink, size, mtimeMs } = lstatSync(join(outside, name));
    return [name, ino, mode, nlink, size, mtimeMs];
  });
}

/** The disk on which `act` happens right before the `count`-th call. */
function interrupted(
  disk: Disk,
  count: number,
  act: () => void,
): { readonly disk: Disk; readonly isOver: () => boolean } {
  let calls = 0;
  const proxy = new Proxy(disk, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        calls += 1;
        if (calls === count) act();
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
  return { disk: proxy, isOver: () => calls < count };
}

/** Works with the link put there before every call in turn; the moments at which that led outside. */
async function breaches(
  disk: Disk,
  work: (disk: Disk, place: Place) => unknown,
  isHarmed: (place: Place, result: unknown) => boolean | undefined,
): Promise<number[]> {
  const found: number[] = [];
  for (let count = 1; ; count += 1) {
    const place = makePlace();
    const before = look(place);
    const { disk: watched, isOver } = interrupted(disk, count, () => {
      if (statSync(join(place.tree, "d"), { throwIfNoEntry: false }) === undefined) return;
      renameSync(join(place.tree, "d"), join(place.tree, "aside"));
      symlinkSync(place.outside, join(place.tree, "d"));
    });
    const result = await Promise.try(() => work(watched, place)).catch((error: unknown) => error);
    if (isOver()) return found;
    if (isHarmed(place, result) === true || JSON.stringify(look(place)) !== JSON.stringify(before)) found.push(count);
  }
}

const mtimeMs = 1_000;
const posix = fileTree({ keeps: { modes: true, symlinks: true }, pointer: "symlink" });

/** Everything in the tree but its directory changes. */
const changes: readonly Command[] = [
  { kind: "remove", path: "d/x" },
  { kind: "directory", path: "d/e", mode: 0o777 },
  { kind: "file", path: "d/y", mode: 0o666, mtimeMs, sizeBytes: 1, hash: "", part: 0 },
  { kind: "symlink", path: "d/w", target: "y" },
];

const entries: readonly Entry[] = ["a", "d", "d/x", "z"].map((path) =>
  path === "d"
    ? { type: "directory", path, mode: 0o777 }
    : { type: "file", path, mode: 0o666, mtimeMs, sizeBytes: 1, hash: path },
);

const works: Readonly<Record<string, (disk: Disk, place: Place) => unknown>> = {
  "scanning staging"(disk, { tree }) {
    const objects = new ObjectStore(disk, `${tree}.objects`, "race");
    const options = { selection: createSelection(takeEverything), objects, startedAt: 0 };
    return scan(disk, tree, options).manifest;
  },
  "deleting a release": (disk, { tree }) => removeTree(disk, tree),
  "making an old release into a new one": (disk, { tree }) => {
    const work = {
      site: "shop",
      directory: tree,
      base: { directory: `${tree}.base`, entries: () => entries },
      commands: () => changes,
      content: () => [Buffer.from("y")],
    };
    return posix.renew?.(work, entries, simIo({ disk }), new AbortController().signal);
  },
};

const isRead = (_: Place, result: unknown) => JSON.stringify(result)?.includes(hexHashOf(Buffer.from(secret)));

describe.each(Object.entries(works))("SEC-27: %s", (_, work) => {
  it("stays in its directory, whatever becomes a link at whatever moment", async () => {
    expect(await breaches(realDisk, work, isRead)).toEqual([]);
  });

  it("would not, if it did not hold the directories it is in", async () => {
    expect(await breaches(careless, work, isRead)).not.toEqual([]);
  });
});
