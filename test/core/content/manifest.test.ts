import { describe, expect, it } from "vitest";
import { changedPaths, compareTrees, filesToBring, isEmpty } from "../../../core/content/compare.ts";
import {
  decodeManifest,
  emptyTree,
  encodeManifest,
  fileHashes,
  measure,
  treeHash,
} from "../../../core/content/manifest.ts";
import type { Manifest } from "../../../core/content/manifest.ts";
import { isFailure } from "../../../sdk/index.ts";
import type { Entry } from "../../../sdk/index.ts";
import { randomTree } from "../../../sdk/testkit/random-tree.ts";
import { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { manifestOf } from "../agent/site-trial.ts";

const bytesOf = (manifest: Iterable<Entry>) => Buffer.concat([...encodeManifest(manifest)]);
const hash = "5".repeat(64);
const file = (path: string, more: object = {}): Entry => ({
  type: "file",
  path,
  mode: 0o644,
  sizeBytes: 3,
  mtimeMs: 1,
  hash,
  ...more,
});
const directory = (path: string, mode = 0o755): Entry => ({ type: "directory", path, mode });

const sample: Manifest = [
  file("\n", { mtimeMs: -1 }),
  directory("d", 0o700),
  file("d/e", { sizeBytes: 2 ** 40 }),
  { type: "symlink", path: "d/l", target: "../\udcfe" },
  file("d.html"),
  file("é"),
  file("😀"),
  file("\udcff"),
];

describe("a manifest", () => {
  it("comes out of its bytes as it went in", () => {
    expect(decodeManifest(bytesOf(sample))).toEqual(sample);
    expect(decodeManifest(bytesOf([]))).toEqual([]);
    for (let seed = 0; seed < 500; seed += 1) {
      const manifest = manifestOf(randomTree(new SimRandom(seed)));
      expect(decodeManifest(bytesOf(manifest))).toEqual(manifest);
    }
  });

  it("tells the hashes of its files by themselves, and those of none that is cut off", () => {
    const hashes = (manifest: Manifest) => manifest.flatMap((entry) => (entry.type === "file" ? entry.hash : []));
    for (let seed = 0; seed < 100; seed += 1) {
      const manifest = manifestOf(randomTree(new SimRandom(seed)));
      expect(fileHashes(bytesOf(manifest))).toEqual(hashes(manifest));
    }
    const bytes = bytesOf(sample);
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = bytes.subarray(0, length);
      const read = decodable(cut);
      if (read !== undefined) expect(fileHashes(cut)).toEqual(hashes(read));
      else expect(() => fileHashes(cut)).toThrowError(expect.objectContaining({ code: "DIST_ERR_CONTENT_MANIFEST" }));
    }
  });

  it("may have more entries than fit one chunk", () => {
    const names = Array.from({ length: 20_000 }, (_, index) => file(`${index}-${"x".repeat(90)}`)).sort((a, b) =>
      a.path < b.path ? -1 : 1,
    );
    expect([...encodeManifest(names)].length).toBeGreaterThan(1);
    expect(decodeManifest(bytesOf(names))).toEqual(names);
  });

  it("is the format of version 1, and its hash names the tree", () => {
    expect(bytesOf(sample.slice(0, 3)).toString("hex")).toMatchInlineSnapshot(
      `"64737474726565310101a400010a0000000000000003ffffffffffffffff55555555555555555555555555555555555555555555555555555555555555550201c00001640101a40003642f65000001000000000000000000000000015555555555555555555555555555555555555555555555555555555555555555"`,
    );
    expect(treeHash(sample)).toMatchInlineSnapshot(
      `"1c77c5fa10e6adea2b72cb8f44b15b57034ead4cfa2de90270a9794b23385a9d"`,
    );
    expect(emptyTree).toMatchInlineSnapshot(`"ef9903af69de90abf3e8e31cddf73de988447cd6572837a0ebcb79df6681f05a"`);
    expect(treeHash(sample.slice(1))).not.toBe(treeHash(sample));
  });

  it("is measured", () => {
    expect(measure(sample)).toEqual({ entryCount: 8, fileCount: 6, sizeBytes: 2 ** 40 + 15 });
  });

  it.for<readonly [string, readonly Entry[]]>([
    ["out of order", [file("b"), file("a")]],
    ["that has a path twice", [file("a"), file("a")]],
    ["where a file sorts before what is in a directory", [directory("d"), file("d.html"), file("d/e")]],
    ["without the directory above an entry", [file("d/e")]],
    ["with something in a file", [file("d"), file("d/e")]],
    ["with something in a link", [{ type: "symlink", path: "d", target: "x" }, file("d/e")]],
    ["with an absolute path", [file("/a")]],
    ["with a path that leaves", [file("..")]],
    ["with an empty path", [file("")]],
    ["with a NUL", [file("a\0")]],
    ["with a long name", [file("a".repeat(256))]],
    ["with a set-uid file", [file("a", { mode: 0o4755 })]],
    ["with a negative size", [file("a", { sizeBytes: -1 })]],
    ["with a link that leaves", [{ type: "symlink", path: "a", target: ".." }]],
  ])("%s is refused", ([, entries]) => {
    expect(() => decodeManifest(bytesOf(entries))).toThrowError(
      expect.objectContaining({ code: "DIST_ERR_CONTENT_MANIFEST" }),
    );
  });

  it("is refused wherever it is cut off, unless it is a whole smaller one", () => {
    const bytes = bytesOf(sample);
    for (let length = 0; length < bytes.length; length += 1) {
      const read = decodable(bytes.subarray(0, length));
      if (read !== undefined) expect(read).toEqual(sample.slice(0, read.length));
    }
  });
});

/** Undefined if it is refused as it should be. */
function decodable(bytes: Uint8Array): Manifest | undefined {
  try {
    return decodeManifest(bytes);
  } catch (error) {
    if (!isFailure(error, "DIST_ERR_CONTENT_MANIFEST")) {
      throw new Error(`for ${Buffer.from(bytes).toString("hex")}: ${String(error)}`, { cause: error });
    }
    return undefined;
  }
}

describe("the comparison of two trees", () => {
  it("tells what is new, gone, changed, and different only in attributes", () => {
    const base: Manifest = [
      file("a"),
      file("b"),
      file("c"),
      directory("d"),
      file("d/e"),
      { type: "symlink", path: "l", target: "a" },
    ];
    const target: Manifest = [
      file("a", { mode: 0o600 }),
      file("c", { hash: "6".repeat(64) }),
      directory("d", 0o700),
      file("d/e"),
      { type: "symlink", path: "l", target: "c" },
      file("n"),
    ];
    const changes = compareTrees(base, target);
    expect(changes.added).toEqual([file("n")]);
    expect(changes.removed).toEqual([file("b")]);
    expect(changes.changed.map(({ to }) => to.path)).toEqual(["c", "l"]);
    expect(changes.attributes.map(({ to }) => to.path)).toEqual(["a", "d"]);
    expect(changes.unchangedCount).toBe(1);
    expect(changedPaths(changes).sort()).toEqual(["a", "b", "c", "d", "l", "n"]);
    expect(filesToBring(changes).map(({ path }) => path)).toEqual(["c", "n"]);
    expect(isEmpty(changes)).toBe(false);
  });

  it("of a tree with itself finds nothing, and of any two accounts for every entry once", () => {
    for (let seed = 0; seed < 500; seed += 1) {
      const random = new SimRandom(seed);
      const [base, target] = [manifestOf(randomTree(random)), manifestOf(randomTree(random))];
      expect(isEmpty(compareTrees(base, base))).toBe(true);
      const { added, removed, changed, attributes, unchangedCount } = compareTrees(base, target);
      const common = changed.length + attributes.length + unchangedCount;
      expect([removed.length + common, added.length + common]).toEqual([base.length, target.length]);
    }
  });
});
