import type { Command } from "distributary/sdk";

/**
 * What an assignment says before its commands (CM-7). An *update* brings a release beside what is live, a *commit*
 * makes it live, a *rollback* makes an earlier one live again, a *remove* takes the site off the node.
 */
export interface Header {
  readonly type: "update" | "commit" | "rollback" | "remove";
  readonly site: string;
  /** Unique and increasing within a site (CM-10). */
  readonly serial: number;
  /** Which of how many assignments that bring one release together, from 1. */
  readonly section: readonly [index: number, count: number];
  /** The section before it, by its id; sections are carried out together and in order. */
  readonly after?: string;
  /** The version that is live when this was carried out; 0 for none. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Who may carry it out: a group, and its nodes by id. */
  readonly audience: { readonly group: string; readonly nodes: readonly string[] };
  /**
   * Tree hash that must be there before: of the base of an update, of what is live at a commit. Absent: whatever is
   * there.
   */
  readonly base?: string;
  /** Tree hash of what is live when this was carried out. */
  readonly result: string;
  /** The assignment of this site that was issued before. */
  readonly previous?: { readonly serial: number; readonly id: string };
  /** `native`, or the name of an interpreter. */
  readonly interpreter: string;
  /** Releases a node keeps at least, the live one and its backup among them. */
  readonly keepReleases: number;
  /** Space the node needs beside what it has. */
  readonly diskBytes: number;
  readonly data: DataTable;
  readonly parts: readonly Part[];
}

/** The data file and how it is cut up for travelling. */
export interface DataTable {
  readonly sizeBytes: number;
  readonly pieceBytes: number;
  /** BLAKE3 of each piece, behind each other. */
  readonly pieceHashes: Uint8Array;
}

/**
 * A stretch of the data that becomes the contents of files, one behind the other: data → open → decompress → decode
 * delta.
 */
export interface Part {
  readonly offset: number;
  readonly engine: string;
  /** Files of the base release that, joined, are what the delta is against. */
  readonly base: readonly string[];
  /** Length of the contents together. */
  readonly sizeBytes: number;
  readonly deltaBytes: number;
  readonly compressor: string;
  readonly cipher: string;
  /**
   * Length in the data of each block, and whether it is compressed. Each but the last holds `blockBytes` of the delta.
   */
  readonly blocks: readonly (readonly [storedBytes: number, compressed: boolean])[];
}

/** How much of a delta one block holds: what is compressed and sealed at a time. */
export const blockBytes = 4 << 20;

export const noData: DataTable = { sizeBytes: 0, pieceBytes: 1 << 20, pieceHashes: new Uint8Array() };

/** An assignment as it was signed. */
export interface Assignment {
  /** Hex hash of the command buffer: what the signature is over, and the name of the assignment everywhere. */
  readonly id: string;
  readonly header: Header;
  commands(): Iterable<Command>;
}
