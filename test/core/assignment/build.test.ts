import { beforeAll, describe, expect, it } from "vitest";
import { blockBytes } from "../../../core/assignment/assignment.ts";
import type { Header } from "../../../core/assignment/assignment.ts";
import { boundOf } from "../../../core/assignment/blocks.ts";
import { buildUpdate } from "../../../core/assignment/build.ts";
import type { Build, Recipe } from "../../../core/assignment/build.ts";
import { resultOf } from "../../../core/assignment/commands.ts";
import { ContentReader } from "../../../core/assignment/content.ts";
import { decodeAssignment } from "../../../core/assignment/decode.ts";
import { encodeAssignment } from "../../../core/assignment/encode.ts";
import { hexHashOf, toHex } from "../../../core/content/hash.ts";
import type { Manifest } from "../../../core/content/manifest.ts";
import { treeHash } from "../../../core/content/manifest.ts";
import { JoinedFiles, ObjectStore } from "../../../core/content/objects.ts";
import { Kernel } from "../../../core/kernel/kernel.ts";
import type { Cipher, Log } from "../../../sdk/index.ts";
import { randomTree } from "../../../sdk/testkit/random-tree.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";
import { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { writeFile } from "../../../sdk/testkit/disk-subject.ts";
import type { Leaf, Tree } from "../../../sdk/testkit/tree-model.ts";
import { manifestOf } from "../agent/site-trial.ts";

const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let kernel: Kernel;
beforeAll(async () => {
  kernel = await Kernel.load({ directory: import.meta.dirname, log: quiet });
  return () => kernel[Symbol.asyncDispose]();
});

interface Choice {
  readonly engine: string;
  readonly compressor: string;
  readonly cipher: string;
  readonly sectionBytes: number;
  readonly pieceBytes?: number;
}

/** Every use of a key, and what it was used for. */
type Sealed = Map<string, string>;

function recipeOf(
  { engine, compressor, cipher, sectionBytes, pieceBytes = 1_024 }: Choice,
  sealed: Sealed = new Map(),
): Recipe {
  const { registries } = kernel;
  let keys = 0;
  const watched = (inner: Cipher): Cipher => ({
    ...inner,
    seal(key, nonce, plain, bound) {
      const use = `${toHex(key)} ${toHex(nonce)}`;
      const before = sealed.get(use);
      const hash = hexHashOf(plain);
      if (before !== undefined && before !== hash) throw new Error(`nonce ${toHex(nonce)} was used for two blocks`);
      sealed.set(use, hash);
      return inner.seal(key, nonce, plain, bound);
    },
  });
  const encryption = {
    name: cipher,
    bound: boundOf("shop", "of these tests"),
    newKey: () => Buffer.alloc(32, (keys += 1)),
  };
  return {
    engineName: engine,
    engine: registries.deltas.get(engine),
    compressorFor: (path) => (path.includes("-") ? "none" : compressor),
    compressor: (name) => registries.compressors.get(name),
    ...(cipher === "none" ? {} : { encryption: { ...encryption, cipher: watched(registries.ciphers.get(cipher)) } }),
    pieceBytes,
    sectionBytes,
  };
}

/** A store that holds the files of these trees. */
function store(...trees: readonly Tree[]): { readonly disk: SimDisk; readonly objects: ObjectStore } {
  const disk = new SimDisk();
  for (const directory of ["/in", "/objects", "/out"]) disk.makeDirectory(directory);
  const objects = new ObjectStore(disk, "/objects", "test");
  for (const [index, leaf] of trees.flatMap((tree) => Object.values(tree)).entries()) {
    if (leaf.type !== "file") continue;
    writeFile(disk, `/in/${index}`, leaf.content);
    objects.takeIn(`/in/${index}`);
  }
  objects.settle();
  return { disk, objects };
}

/** The header under which a section travels, and back out of its bytes. */
function travel({ content, commands }: Build["sections"][number], from: Manifest, to: Manifest) {
  const header: Header = {
    type: "update",
    site: "shop",
    serial: 1,
    section: [1, 1],
    version: 1,
    issuedAt: 0,
    expiresAt: 1,
    audience: { group: "web", nodes: [] },
    base: treeHash(from),
    result: treeHash(to),
    interpreter: "native",
    keepReleases: 2,
    ...content,
  };
  return decodeAssignment(encodeAssignment(header, commands));
}

/** Carries out what was built and checks every file; gives the build. */
function roundTrip(old: Tree, next: Tree, recipe: Recipe): Build {
  const { disk, objects } = store(old, next);
  const [from, to] = [manifestOf(old), manifestOf(next)];
  const build = buildUpdate(disk, objects, from, to, recipe, "/out");
  const assignments = build.sections.map((section) => travel(section, from, to));
  expect(
    resultOf(
      from,
      assignments.flatMap(({ commands }) => [...commands()]),
    ),
  ).toEqual(to);
  const sizes = new Map(from.flatMap((entry) => (entry.type === "file" ? [[entry.path, entry] as const] : [])));
  for (const [index, section] of build.sections.entries()) {
    const assignment = assignments[index];
    if (assignment === undefined) continue;
    using data = new JoinedFiles(disk, [{ path: section.dataFile, sizeBytes: section.content.data.sizeBytes }]);
    using reader = new ContentReader(assignment, {
      data,
      base: (paths) =>
        new JoinedFiles(
          disk,
          paths.map((path) => ({
            path: objects.path(sizes.get(path)?.hash ?? ""),
            sizeBytes: sizes.get(path)?.sizeBytes ?? 0,
          })),
        ),
      engine: (name) => kernel.registries.deltas.get(name),
      compressor: (name) => kernel.registries.compressors.get(name),
      sealing: (name) =>
        name === "none"
          ? undefined
          : {
              cipher: kernel.registries.ciphers.get(name),
              key: section.key ?? new Uint8Array(),
              bound: recipe.encryption?.bound ?? new Uint8Array(),
            },
    });
    for (const command of assignment.commands()) {
      if (command.kind !== "file") continue;
      const leaf = next[command.path];
      const bytes = joined(reader.read(command));
      expect(bytes.toString("utf8") === (leaf?.type === "file" ? leaf.content : undefined), command.path).toBe(true);
    }
  }
  return build;
}

/** A chunk is valid until the next is asked for. */
function joined(chunks: Iterable<Uint8Array>): Buffer {
  const copies: Uint8Array[] = [];
  for (const chunk of chunks) copies.push(Uint8Array.from(chunk));
  return Buffer.concat(copies);
}

/** The same tree with files of some length, many of them like one another. */
function withContents(tree: Tree, random: SimRandom): Tree {
  const words = Array.from({ length: 40 }, () => random.below(1 << 30).toString(36));
  const sentence = () => Array.from({ length: random.below(120) }, () => words[random.below(words.length)]).join(" ");
  const fill = (leaf: Leaf): Leaf =>
    leaf.type === "file" ? { ...leaf, content: random.below(8) === 0 ? "" : sentence() } : leaf;
  return Object.fromEntries(Object.entries(tree).map(([path, leaf]) => [path, fill(leaf)]));
}

const engines = ["rsync", "whole"];
const compressors = ["none", "zstd", "gzip", "brotli"];
const ciphers = ["none", "aes-256-gcm", "chacha20-poly1305"];
const every = engines.flatMap((engine) =>
  compressors.flatMap((compressor) => ciphers.map((cipher) => ({ engine, compressor, cipher }))),
);

describe("an update", () => {
  it.for(every)("brings exactly the files, with $engine, $compressor, $cipher and sections of any size", (choice) => {
    const random = new SimRandom(5);
    const [old, next] = [withContents(randomTree(random), random), withContents(randomTree(random), random)];
    for (const sectionBytes of [1, 500, 1 << 30]) roundTrip(old, next, recipeOf({ ...choice, sectionBytes }));
  });

  it("brings exactly the files, for hundreds of pairs of trees", () => {
    for (let seed = 0; seed < 300; seed += 1) {
      const random = new SimRandom(seed);
      const old = random.below(5) === 0 ? {} : withContents(randomTree(random), random);
      const next = { ...(random.below(2) === 0 ? old : {}), ...withContents(randomTree(random), random) };
      const choice = every[random.below(every.length)] ?? { engine: "rsync", compressor: "zstd", cipher: "none" };
      if (!isTree(next)) continue;
      roundTrip(old, next, recipeOf({ ...choice, sectionBytes: [1, 100, 5_000][random.below(3)] ?? 1 }));
    }
  });

  it("of a file that fills several blocks comes out whole, and never uses a nonce twice", () => {
    const random = new SimRandom(9);
    const noise = Buffer.from(random.bytes(2 * blockBytes))
      .toString("hex")
      .slice(0, 2 * blockBytes + 77);
    const old: Tree = { big: { type: "file", mode: 0o644, mtimeMs: 0, content: noise } };
    const changed = `${noise.slice(0, 100)}here${noise.slice(100, blockBytes)}there${noise.slice(blockBytes)}`;
    const next: Tree = { big: { type: "file", mode: 0o644, mtimeMs: 0, content: changed } };
    const sealed: Sealed = new Map();
    const choice = {
      engine: "rsync",
      compressor: "zstd",
      cipher: "aes-256-gcm",
      sectionBytes: 1 << 30,
      pieceBytes: 1 << 20,
    };
    const build = roundTrip({}, next, recipeOf(choice, sealed));
    expect(build.sections[0]?.content.parts[0]?.blocks).toHaveLength(3);
    expect(sealed.size).toBe(3);
    const delta = roundTrip(old, next, recipeOf(choice));
    expect(delta.sections[0]?.content.data.sizeBytes).toBeLessThan(20_000);
  });

  it("gives each section a key of its own, and no two blocks the same nonce, also those that do not travel", () => {
    const random = new SimRandom(11);
    const [old, next] = [withContents(randomTree(random), random), withContents(randomTree(random), random)];
    const sealed: Sealed = new Map();
    const build = roundTrip(
      old,
      next,
      recipeOf({ engine: "rsync", compressor: "zstd", cipher: "chacha20-poly1305", sectionBytes: 1 }, sealed),
    );
    const keys = build.sections.map(({ key }) => toHex(key ?? new Uint8Array()));
    expect(keys.length).toBeGreaterThan(1);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("has one section without data when nothing must travel", () => {
    const one: Tree = { a: { type: "file", mode: 0o644, mtimeMs: 0, content: "x" } };
    const two: Tree = { b: { type: "file", mode: 0o600, mtimeMs: 0, content: "x" } };
    const { sections, contentBytes } = roundTrip(
      one,
      two,
      recipeOf({ engine: "rsync", compressor: "zstd", cipher: "none", sectionBytes: 1 }),
    );
    expect(sections).toHaveLength(1);
    expect(sections[0]?.content.data.sizeBytes).toBe(0);
    expect(contentBytes).toBe(0);
  });

  it("leaves nothing but data files in its directory", () => {
    const random = new SimRandom(13);
    const [old, next] = [withContents(randomTree(random), random), withContents(randomTree(random), random)];
    const { disk, objects } = store(old, next);
    const recipe = recipeOf({ engine: "rsync", compressor: "zstd", cipher: "none", sectionBytes: 1 });
    const { sections } = buildUpdate(disk, objects, manifestOf(old), manifestOf(next), recipe, "/out");
    expect(disk.list("/out")).toEqual(sections.map(({ dataFile }) => dataFile.slice("/out/".length)).sort());
  });
});

/** Whether every path's directory is one: two trees laid over each other may not be a tree. */
function isTree(tree: Tree): boolean {
  return Object.keys(tree).every((path) => {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    return parent === "" || tree[parent]?.type === "directory";
  });
}

describe("data that was changed", () => {
  const old: Tree = { a: { type: "file", mode: 0o644, mtimeMs: 0, content: "hello world ".repeat(50) } };
  const next: Tree = { a: { type: "file", mode: 0o644, mtimeMs: 0, content: `${"hello world ".repeat(50)}!` } };

  it.for(every)("makes no wrong file, with $engine, $compressor and $cipher", (choice) => {
    const recipe = recipeOf({ ...choice, sectionBytes: 1 << 20 });
    const { disk, objects } = store(old, next);
    const [from, to] = [manifestOf(old), manifestOf(next)];
    const section = buildUpdate(disk, objects, from, to, recipe, "/out").sections[0];
    if (section === undefined) throw new Error("no section");
    const assignment = travel(section, from, to);
    const good = new JoinedFiles(disk, [{ path: section.dataFile, sizeBytes: section.content.data.sizeBytes }]);
    const bytes = good.read(0, good.sizeBytes);
    good[Symbol.dispose]();
    const base = from[0]?.type === "file" ? from[0] : undefined;
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      const wrong = Buffer.from(bytes);
      wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      using reader = new ContentReader(assignment, {
        data: { sizeBytes: wrong.length, read: (offset, length) => wrong.subarray(offset, offset + length) },
        base: (paths) =>
          new JoinedFiles(
            disk,
            paths.map(() => ({ path: objects.path(base?.hash ?? ""), sizeBytes: base?.sizeBytes ?? 0 })),
          ),
        engine: (name) => kernel.registries.deltas.get(name),
        compressor: (name) => kernel.registries.compressors.get(name),
        sealing: (name) =>
          name === "none"
            ? undefined
            : {
                cipher: kernel.registries.ciphers.get(name),
                key: section.key ?? new Uint8Array(),
                bound: recipe.encryption?.bound ?? new Uint8Array(),
              },
      });
      const read = () => {
        for (const command of assignment.commands()) {
          if (command.kind !== "file") continue;
          const made = joined(reader.read(command));
          if (hexHashOf(made) !== command.hash) throw new Error("a wrong file passed for a right one");
        }
      };
      try {
        read();
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^DIST_ERR_/) });
      }
    }
  });
});
