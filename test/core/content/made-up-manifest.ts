import { hexHashOf } from "../../../core/content/hash.ts";
import type { Manifest } from "../../../core/content/manifest.ts";
import type { Entry, FileEntry } from "../../../sdk/index.ts";

/** A tree of so many entries, a hundred files in each directory, always the same. */
export function madeUpManifest(entryCount: number): Manifest {
  return Array.from({ length: entryCount }, (_, index): Entry => {
    const folder = `d${String(Math.floor(index / 101)).padStart(6, "0")}`;
    if (index % 101 === 0) return { type: "directory", path: folder, mode: 0o755 };
    const hash = hexHashOf(Buffer.from(`${index}`));
    const path = `${folder}/file-${String(index).padStart(8, "0")}.html`;
    return { type: "file", path, mode: 0o644, sizeBytes: 10_000 + index, mtimeMs: 1_700_000_000_000 + index, hash };
  });
}

/** The same tree with another content in every hundredth entry that is a file. */
export function changedManifest(manifest: Manifest): Manifest {
  const changed = (entry: FileEntry) => ({ ...entry, hash: hexHashOf(Buffer.from(`${entry.hash} changed`)) });
  return manifest.map((entry, index) => (index % 100 === 0 && entry.type === "file" ? changed(entry) : entry));
}
