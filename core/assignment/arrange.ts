import type { FileEntry } from "distributary/sdk";
import type { Manifest } from "../content/manifest.ts";

/** Files that travel as one stream, and the files of the base they are compared with. */
export interface Arrangement {
  readonly compressor: string;
  readonly files: readonly FileEntry[];
  readonly base: readonly FileEntry[];
}

/** A file this large travels by itself. */
const largeBytes = 4 << 20;
/** When this much is in a stream, the next one begins, whatever a section may hold. */
const longestStreamBytes = 64 << 20;

/**
 * Arranges files in streams: small ones together, so that what they share is found once and the cost of each is a few
 * bytes; large ones alone. `compressorFor` names the compressor of a path, or `none`. The base of a stream is what had
 * the same names before, and what was removed: it may have been renamed.
 */
export function arrangeFiles(
  files: readonly FileEntry[],
  base: Manifest,
  removed: readonly FileEntry[],
  compressorFor: (path: string) => string,
  sectionBytes: number,
): Arrangement[] {
  const streamBytes = Math.min(longestStreamBytes, sectionBytes);
  const before = new Map<string, FileEntry>();
  for (const entry of base) if (entry.type === "file") before.set(entry.path, entry);
  const small = new Map<string, FileEntry[]>();
  const waiting = new Map<string, number>();
  const streams: Arrangement[] = [];
  const close = (compressor: string) => {
    const together = small.get(compressor) ?? [];
    small.delete(compressor);
    waiting.delete(compressor);
    if (together.length === 0) return;
    const like = removed.filter((entry) => entry.sizeBytes < largeBytes && compressorFor(entry.path) === compressor);
    streams.push({ compressor, files: together, base: [...sameNames(together, before), ...upTo(streamBytes, like)] });
  };
  for (const file of files) {
    const compressor = compressorFor(file.path);
    if (file.sizeBytes >= largeBytes) {
      streams.push({ compressor, files: [file], base: sameNames([file], before) });
      continue;
    }
    const together = small.get(compressor) ?? [];
    small.set(compressor, together);
    together.push(file);
    const size = (waiting.get(compressor) ?? 0) + file.sizeBytes;
    waiting.set(compressor, size);
    if (size >= streamBytes) close(compressor);
  }
  for (const compressor of [...small.keys()]) close(compressor);
  return streams;
}

function sameNames(files: readonly FileEntry[], before: ReadonlyMap<string, FileEntry>): FileEntry[] {
  return files.flatMap(({ path }) => before.get(path) ?? []);
}

function upTo(limit: number, files: readonly FileEntry[]): FileEntry[] {
  let sum = 0;
  return files.filter(({ sizeBytes }) => (sum += sizeBytes) <= limit);
}

export function totalBytes(files: readonly FileEntry[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
