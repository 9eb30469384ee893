import { join } from "node:path";
import type { Cipher, Command, Compressor, DeltaEngine, Disk, FileEntry } from "distributary/sdk";
import { compareTrees } from "../content/compare.ts";
import type { Changes } from "../content/compare.ts";
import { createHasher } from "../content/hash.ts";
import { emptyTree, measure, treeHash } from "../content/manifest.ts";
import type { Manifest } from "../content/manifest.ts";
import { JoinedFiles } from "../content/objects.ts";
import type { ObjectStore } from "../content/objects.ts";
import { arrangeFiles, totalBytes } from "./arrange.ts";
import type { Arrangement } from "./arrange.ts";
import type { DataTable, Header, Part } from "./assignment.ts";
import { cutBlocks, packBlock } from "./blocks.ts";
import type { Sealing } from "./blocks.ts";
import { planBringing, planCommands } from "./commands.ts";

/** What building needs to know of the policy, with the providers it names. */
export interface Recipe {
  readonly engineName: string;
  readonly engine: DeltaEngine;
  /** Name of the compressor for a path, or `none`. */
  compressorFor(path: string): string;
  compressor(name: string): Compressor;
  /** Absent: the data is not encrypted. Each section gets a key of its own. */
  readonly encryption?: {
    readonly name: string;
    readonly cipher: Cipher;
    readonly bound: Uint8Array;
    newKey(): Uint8Array;
  };
  readonly pieceBytes: number;
  /** About how much data one section may hold. */
  readonly sectionBytes: number;
}

/** One section: the parts of its header that follow from the content, its commands and its data file. */
export interface Draft {
  readonly content: Pick<Header, "diskBytes" | "data" | "parts">;
  readonly commands: readonly Command[];
  readonly dataFile: string;
  /** Of the data, if it is encrypted. */
  readonly key: Uint8Array | undefined;
}

export interface Build {
  readonly base: string;
  readonly result: string;
  readonly changes: Changes;
  readonly sections: readonly Draft[];
  /** Bytes of the files that were brought, before deltas and compression. */
  readonly contentBytes: number;
}

/**
 * Builds what makes `target` of `base`: commands, and data files in `directory`. A stream whose delta is not clearly
 * smaller than the files is built both ways, the other as long as it may become smaller, and the smaller one travels.
 */
export function buildUpdate(
  disk: Disk,
  objects: ObjectStore,
  base: Manifest,
  target: Manifest,
  recipe: Recipe,
  directory: string,
  progress: (doneBytes: number, totalBytes: number) => void = () => {},
): Build {
  const changes = compareTrees(base, target);
  const { files, copies } = planBringing(base, changes);
  const removed = changes.removed.filter((entry) => entry.type === "file");
  const streams = arrangeFiles(files, base, removed, recipe.compressorFor, recipe.sectionBytes);
  const total = totalBytes(files);
  let done = 0;
  const sections = inSections(streams, recipe.sectionBytes).map((chosen, index) => {
    using data = new DataWriter(disk, join(directory, `data-${index + 1}`), recipe.pieceBytes);
    const key = recipe.encryption?.newKey();
    const builder = new PartBuilder(disk, objects, recipe, data, key);
    const parts = chosen.map((stream, part) => {
      const built = builder.build(stream, part);
      done += built.sizeBytes;
      progress(done, total);
      return built;
    });
    return { parts, data: data.finish(), dataFile: data.path, key, streams: chosen };
  });
  const last = sections.length - 1;
  const commands = sections.map((section, index) => {
    const ordered = section.streams.flatMap((stream, part) => stream.files.map((entry) => ({ entry, part })));
    return sectionCommands(changes, copies, ordered, index === 0, index === last);
  });
  const diskBytes = diskNeeded(
    files,
    sections.map(({ data }) => data),
    changes,
  );
  return {
    base: base.length === 0 ? emptyTree : treeHash(base),
    result: treeHash(target),
    changes,
    contentBytes: total,
    sections: sections.map(({ parts, data, dataFile, key }, index) => ({
      content: { diskBytes, data, parts },
      commands: commands[index] ?? [],
      dataFile,
      key,
    })),
  };
}

/** Removals and directories go with the first section, what needs no data with the last. */
function sectionCommands(
  changes: Changes,
  copies: Parameters<typeof planCommands>[1],
  ordered: Parameters<typeof planCommands>[2],
  isFirst: boolean,
  isLast: boolean,
): Command[] {
  const all = planCommands(changes, copies, ordered);
  return all.filter(({ kind }) => {
    if (kind === "file") return true;
    return kind === "remove" || kind === "directory" ? isFirst : isLast;
  });
}

/** Streams in groups of about `sectionBytes` of content; at least one group, even with nothing in it. */
function inSections(streams: readonly Arrangement[], sectionBytes: number): Arrangement[][] {
  const sections: Arrangement[][] = [[]];
  let size = 0;
  for (const stream of streams) {
    const bytes = totalBytes(stream.files);
    if (size > 0 && size + bytes > sectionBytes) {
      sections.push([]);
      size = 0;
    }
    sections.at(-1)?.push(stream);
    size += bytes;
  }
  return sections;
}

/**
 * New files, the data while it lies in the spool, and something for every name, since directories and inodes are not
 * free.
 */
function diskNeeded(files: readonly FileEntry[], data: readonly DataTable[], changes: Changes): number {
  const spool = data.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const names = changes.unchangedCount + measure(changes.added).entryCount + changes.changed.length;
  return totalBytes(files) + files.length * 4096 + spool + names * 256 + (1 << 20);
}

class PartBuilder {
  readonly #disk: Disk;
  readonly #objects: ObjectStore;
  readonly #recipe: Recipe;
  readonly #data: DataWriter;
  readonly #sealing: Sealing | undefined;

  constructor(disk: Disk, objects: ObjectStore, recipe: Recipe, data: DataWriter, key: Uint8Array | undefined) {
    this.#disk = disk;
    this.#objects = objects;
    this.#recipe = recipe;
    this.#data = data;
    const { encryption } = recipe;
    if (encryption !== undefined && key !== undefined)
      this.#sealing = { cipher: encryption.cipher, bound: encryption.bound, key };
  }

  build(stream: Arrangement, index: number): Part {
    using target = this.#join(stream.files);
    using base = this.#join(stream.base);
    if (base.sizeBytes === 0 || target.sizeBytes === 0)
      return this.#pack(stream, index, this.#data, "whole", wholeChunks(target));
    using delta = new DataWriter(this.#disk, `${this.#data.path}.delta`, this.#recipe.pieceBytes, true);
    const { engineName, engine } = this.#recipe;
    const withDelta = this.#pack(stream, index, delta, engineName, engine.encode(base, target), target.sizeBytes);
    const deltaStored = storedBytes(withDelta);
    if (deltaStored < target.sizeBytes / 8) return this.#adopt(withDelta, delta);
    if (deltaStored > target.sizeBytes) return this.#pack(stream, index, this.#data, "whole", wholeChunks(target));
    using whole = new DataWriter(this.#disk, `${this.#data.path}.whole`, this.#recipe.pieceBytes, true);
    const withoutDelta = this.#pack(stream, index, whole, "whole", wholeChunks(target), deltaStored);
    return storedBytes(withoutDelta) <= deltaStored ? this.#adopt(withoutDelta, whole) : this.#adopt(withDelta, delta);
  }

  #join(files: readonly FileEntry[]): JoinedFiles {
    return new JoinedFiles(
      this.#disk,
      files.map(({ hash, sizeBytes }) => ({ path: this.#objects.path(hash), sizeBytes })),
    );
  }

  /** Ends early when it has stored more than `most`. */
  #pack(
    stream: Arrangement,
    index: number,
    into: DataWriter,
    engine: string,
    delta: Iterable<Uint8Array>,
    most = Infinity,
  ): Part {
    const compressor = stream.compressor === "none" ? undefined : this.#recipe.compressor(stream.compressor);
    const offset = into.sizeBytes;
    const blocks: [number, boolean][] = [];
    let deltaBytes = 0;
    for (const block of cutBlocks(delta)) {
      if (into.sizeBytes - offset > most) break;
      const { bytes, compressed } = packBlock(
        block,
        { part: index, block: blocks.length, engine },
        compressor,
        this.#sealing,
      );
      into.write(bytes);
      blocks.push([bytes.length, compressed]);
      deltaBytes += block.length;
    }
    const base = engine === "whole" ? [] : stream.base.map(({ path }) => path);
    const cipher = this.#recipe.encryption?.name ?? "none";
    const sizeBytes = totalBytes(stream.files);
    return { offset, engine, base, sizeBytes, deltaBytes, compressor: stream.compressor, cipher, blocks };
  }

  /** Moves a part that was built apart to the end of the data. */
  #adopt(part: Part, from: DataWriter): Part {
    const offset = this.#data.sizeBytes;
    from.finish();
    using file = new JoinedFiles(this.#disk, [{ path: from.path, sizeBytes: from.sizeBytes }]);
    for (const chunk of wholeChunks(file)) this.#data.write(chunk);
    return { ...part, offset };
  }
}

function storedBytes(part: Part): number {
  return part.blocks.reduce((sum, [stored]) => sum + stored, 0);
}

function* wholeChunks(content: JoinedFiles): Iterable<Uint8Array> {
  const step = 1 << 20;
  for (let at = 0; at < content.sizeBytes; at += step) yield content.read(at, Math.min(step, content.sizeBytes - at));
}

/** Writes a data file and takes the hash of each piece on the way. Scratch is deleted in the end. */
class DataWriter implements Disposable {
  readonly path: string;
  sizeBytes = 0;
  readonly #disk: Disk;
  readonly #pieceBytes: number;
  readonly #file;
  readonly #hashes: Uint8Array[] = [];
  #piece = createHasher();
  #inPiece = 0;
  #isOpen = true;
  readonly #isScratch: boolean;

  constructor(disk: Disk, path: string, pieceBytes: number, isScratch = false) {
    this.#disk = disk;
    this.#isScratch = isScratch;
    this.path = path;
    this.#pieceBytes = pieceBytes;
    if (disk.stat(path) !== undefined) disk.unlink(path);
    this.#file = disk.open(path, "create");
  }

  write(bytes: Uint8Array): void {
    this.#file.write(bytes);
    this.sizeBytes += bytes.length;
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(bytes.length - at, this.#pieceBytes - this.#inPiece);
      this.#piece.update(bytes.subarray(at, at + count));
      [at, this.#inPiece] = [at + count, this.#inPiece + count];
      if (this.#inPiece === this.#pieceBytes) this.#endPiece();
    }
  }

  #endPiece(): void {
    this.#hashes.push(this.#piece.digest());
    this.#piece = createHasher();
    this.#inPiece = 0;
  }

  finish(): DataTable {
    if (this.#inPiece > 0) this.#endPiece();
    if (!this.#isScratch) this.#file.sync();
    this.close();
    return { sizeBytes: this.sizeBytes, pieceBytes: this.#pieceBytes, pieceHashes: Buffer.concat(this.#hashes) };
  }

  close(): void {
    if (this.#isOpen) this.#file.close();
    this.#isOpen = false;
  }

  [Symbol.dispose](): void {
    this.close();
    if (this.#isScratch) this.#disk.unlink(this.path);
  }
}
