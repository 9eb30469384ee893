import type { Io } from "distributary/sdk";
import type { Assignment } from "../assignment/assignment.ts";
import { boundOf } from "../assignment/blocks.ts";
import { ContentReader } from "../assignment/content.ts";
import { JoinedFiles } from "../content/objects.ts";
import type { Manifest } from "../content/manifest.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { failure } from "distributary/sdk";
import type { ReadContent } from "./build-release.ts";
import type { SpooledPieces } from "./delivery/spool.ts";

/** A section of an update that has arrived whole. */
export interface ArrivedSection {
  readonly assignment: Assignment;
  readonly pieces: SpooledPieces;
  /** The key of its data, if that is encrypted. */
  readonly key: Uint8Array | undefined;
}

/**
 * Reads the files of all sections, one section after the other, as their commands ask for them.
 * `baseDirectory` is where the base release lies; `disposed` by the returned object.
 */
export function readSections(
  io: Io,
  kernel: Kernel,
  sections: readonly ArrivedSection[],
  base: { directory: string; manifest: Manifest } | undefined,
): { read: ReadContent } & Disposable {
  const readers = sections.map((section) => openSection(io, kernel, section, base));
  const counts = sections.map(
    ({ assignment }) => Array.from(assignment.commands()).filter(({ kind }) => kind === "file").length,
  );
  let [index, taken] = [0, 0];
  return {
    read(command) {
      while (taken === counts[index] && index < sections.length - 1) [index, taken] = [index + 1, 0];
      taken += 1;
      const reader = readers[index];
      if (reader === undefined) throw new RangeError("no section holds this file");
      return reader.reader.read(command);
    },
    [Symbol.dispose]() {
      for (const { reader, data } of readers) {
        reader[Symbol.dispose]();
        data[Symbol.dispose]();
      }
    },
  };
}

function openSection(
  io: Io,
  kernel: Kernel,
  { assignment, pieces, key }: ArrivedSection,
  base: { directory: string; manifest: Manifest } | undefined,
) {
  const sizes = sizesOf(base?.manifest ?? [], new Set(assignment.header.parts.flatMap((part) => part.base)));
  const data = pieces.content();
  const { site, serial, result } = assignment.header;
  const reader = new ContentReader(assignment, {
    data,
    base: (paths) =>
      new JoinedFiles(
        io.disk,
        paths.map((path) => baseFile(path, base?.directory, sizes)),
      ),
    engine: (name) => kernel.usable("deltas", name, io),
    compressor: (name) => kernel.usable("compressors", name, io),
    sealing: (name) => {
      if (name === "none") return undefined;
      if (key === undefined) throw failure("DIST_ERR_ASSIGNMENT_KEY", { site, serial });
      return { cipher: kernel.usable("ciphers", name, io), key, bound: boundOf(site, result) };
    },
  });
  return { reader, data };
}

function sizesOf(manifest: Manifest, paths: ReadonlySet<string>): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  if (paths.size === 0) return sizes;
  for (const entry of manifest)
    if (entry.type === "file" && paths.has(entry.path)) sizes.set(entry.path, entry.sizeBytes);
  return sizes;
}

function baseFile(path: string, directory: string | undefined, sizes: ReadonlyMap<string, number>) {
  const sizeBytes = sizes.get(path);
  if (directory === undefined || sizeBytes === undefined) {
    throw failure("DIST_ERR_ASSIGNMENT_FORMAT", { problem: `the base has no file '${path}'` });
  }
  return { path: `${directory}/${path}`, sizeBytes };
}
