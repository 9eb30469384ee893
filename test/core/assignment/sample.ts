import type { Header } from "../../../core/assignment/assignment.ts";
import { blockBytes, noData } from "../../../core/assignment/assignment.ts";
import type { Command } from "../../../sdk/index.ts";

export const hashA = "a".repeat(64);
export const hashB = "0123456789abcdef".repeat(4);

/** A header with everything in it that one can have. */
export const fullHeader: Header = {
  type: "update",
  site: "shop",
  serial: 42,
  section: [2, 3],
  after: hashB,
  version: 7,
  issuedAt: 1_700_000_000_000,
  expiresAt: 1_700_000_600_000,
  audience: { group: "web", nodes: ["n1", "n2"] },
  base: hashA,
  result: hashB,
  previous: { serial: 41, id: hashA },
  interpreter: "native",
  keepReleases: 2,
  diskBytes: 123_456,
  data: { sizeBytes: 1_500, pieceBytes: 1_024, pieceHashes: new Uint8Array(64).fill(7) },
  parts: [
    {
      offset: 0,
      engine: "rsync",
      base: ["index.html", "odd-\udcfe"],
      sizeBytes: 3_000,
      deltaBytes: blockBytes + 1,
      compressor: "zstd",
      cipher: "aes-256-gcm",
      blocks: [
        [1_000, true],
        [300, false],
      ],
    },
    {
      offset: 1_300,
      engine: "whole",
      base: [],
      sizeBytes: 200,
      deltaBytes: 200,
      compressor: "none",
      cipher: "none",
      blocks: [[200, false]],
    },
  ],
};

/** A header of a commit: no data, no commands. */
export const commitHeader: Header = {
  type: "commit",
  site: "shop",
  serial: 43,
  section: [1, 1],
  version: 7,
  issuedAt: 1,
  expiresAt: 2,
  audience: { group: "web", nodes: [] },
  result: hashB,
  interpreter: "native",
  keepReleases: 2,
  diskBytes: 0,
  data: noData,
  parts: [],
};

/** One command of each kind, with names that are not text among them. */
export const everyCommand: readonly Command[] = [
  { kind: "remove", path: "old/\udcff\udc80" },
  { kind: "directory", path: "new\nline", mode: 0o755 },
  { kind: "file", path: "😀", mode: 0o644, mtimeMs: -5, sizeBytes: 2_000, hash: hashA, part: 0 },
  { kind: "file", path: "b", mode: 0, mtimeMs: 0, sizeBytes: 0, hash: hashB, part: 1 },
  { kind: "copy", from: "é", path: "c", mode: 0o777, mtimeMs: 1 },
  { kind: "symlink", path: "new\nline/up", target: "../odd-\udcfe" },
  { kind: "attributes", path: "d", mode: 0o600, mtimeMs: 9 },
  { kind: "attributes", path: "e", mode: 0o700 },
  { kind: "x-note", parameters: { text: "hello", count: 3, on: true } },
];
