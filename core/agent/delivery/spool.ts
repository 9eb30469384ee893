import { join } from "node:path";
import { failure, removeTree } from "distributary/sdk";
import type { Content, Disk, PieceStore } from "distributary/sdk";
import { makeDirectories } from "../../content/durable-file.ts";
import type { Assignment } from "../../assignment/assignment.ts";
import { isPiece, pieceCount, pieceLength } from "../../assignment/piece-file.ts";
import { JoinedFiles } from "../../content/objects.ts";

/**
 * What has arrived and is not needed any more once its release is sealed. Each assignment has a directory, each piece a
 * file, so pieces may come in any order and a transfer goes on where it broke, also after a restart. Nothing here is
 * synced: what a crash damages does not have its hash, and is fetched again.
 */
export class Spool {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #open = new Map<string, SpooledPieces>();
  /** How often each is kept, and those that nobody else wants any more. */
  readonly #kept = new Map<string, number>();
  readonly #unwanted = new Set<string>();

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  /** The pieces of an assignment, with those that arrived before. */
  open(assignment: Assignment): SpooledPieces {
    this.#unwanted.delete(assignment.id);
    const known = this.#open.get(assignment.id);
    if (known !== undefined) return known;
    const pieces = new SpooledPieces(this.#disk, join(this.#directory, assignment.id), assignment);
    this.#open.set(assignment.id, pieces);
    return pieces;
  }

  /** What is open, for transports that serve it to others; undefined for a peer that control did not mean it for. */
  find(id: string, peer: string): SpooledPieces | undefined {
    const pieces = this.#open.get(id);
    return pieces?.audience.has(peer) === true ? pieces : undefined;
  }

  /** Keeps what is there of an assignment until disposed, though it be removed: others are served from it. */
  keep(id: string): Disposable {
    this.#kept.set(id, (this.#kept.get(id) ?? 0) + 1);
    let isKept = true;
    return {
      [Symbol.dispose]: () => {
        if (!isKept) return;
        isKept = false;
        const others = (this.#kept.get(id) ?? 1) - 1;
        if (others > 0) this.#kept.set(id, others);
        else this.#kept.delete(id);
        if (others === 0 && this.#unwanted.delete(id)) this.remove(id);
      },
    };
  }

  remove(id: string): void {
    if (this.#kept.has(id)) {
      this.#unwanted.add(id);
      return;
    }
    this.#open.delete(id);
    const directory = join(this.#directory, id);
    if (this.#disk.stat(directory) !== undefined) removeTree(this.#disk, directory);
  }

  /** Deletes everything that is older than `beforeMs` (1970) and not open: transfers that nobody went on with. */
  sweep(beforeMs: number): void {
    if (this.#disk.stat(this.#directory) === undefined) return;
    for (const id of this.#disk.list(this.#directory)) {
      const stat = this.#disk.stat(join(this.#directory, id));
      if (stat !== undefined && stat.mtimeMs < beforeMs && !this.#open.has(id)) this.remove(id);
    }
  }
}

export class SpooledPieces implements PieceStore {
  readonly assignment: string;
  readonly sizeBytes: number;
  readonly pieceBytes: number;
  readonly pieceCount: number;
  /** The nodes that may have them, by id. */
  readonly audience: ReadonlySet<string>;
  /** How many bytes came by which transport since it was opened. */
  readonly came = new Map<string, number>();
  /** Bytes of the pieces that are there. */
  arrivedBytes = 0;
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #table: Assignment["header"]["data"];
  readonly #here: Uint8Array;

  constructor(disk: Disk, directory: string, { id, header }: Assignment) {
    this.#disk = disk;
    this.#directory = directory;
    this.#table = header.data;
    this.assignment = id;
    this.sizeBytes = header.data.sizeBytes;
    this.pieceBytes = header.data.pieceBytes;
    this.pieceCount = pieceCount(header.data);
    this.audience = new Set(header.audience.nodes);
    this.#here = new Uint8Array(this.pieceCount);
    makeDirectories(disk, directory);
    this.#takeOver();
  }

  /** Pieces from before a restart count if they are what was signed. */
  #takeOver(): void {
    for (const name of this.#disk.list(this.#directory)) {
      const index = /^(0|[1-9]\d*)$/.test(name) ? Number(name) : -1;
      if (index < this.pieceCount && index >= 0 && isPiece(this.#table, index, this.#load(index))) this.#note(index);
      else removeTree(this.#disk, join(this.#directory, name));
    }
  }

  has(index: number): boolean {
    return this.#here[index] === 1;
  }

  read(index: number): Uint8Array {
    const bytes = this.#load(index);
    if (!isPiece(this.#table, index, bytes))
      throw failure("DIST_ERR_TRANSFER_PIECE", { index, assignment: this.assignment });
    return bytes;
  }

  write(index: number, bytes: Uint8Array): void {
    if (this.has(index)) return;
    if (!isPiece(this.#table, index, bytes))
      throw failure("DIST_ERR_TRANSFER_PIECE", { index, assignment: this.assignment });
    const path = this.#path(index);
    if (this.#disk.stat(path) !== undefined) this.#disk.unlink(path);
    const file = this.#disk.open(path, "create");
    try {
      file.write(bytes);
    } finally {
      file.close();
    }
    this.#note(index);
  }

  /** All of the data as one content, once every piece is there. */
  content(): Content & Disposable {
    const files = Array.from({ length: this.pieceCount }, (_, index) => ({
      path: this.#path(index),
      sizeBytes: pieceLength(this.#table, index),
    }));
    return new JoinedFiles(this.#disk, files);
  }

  #load(index: number): Uint8Array {
    const sizeBytes = pieceLength(this.#table, index);
    if (this.#disk.stat(this.#path(index))?.sizeBytes !== sizeBytes) return new Uint8Array();
    using file = new JoinedFiles(this.#disk, [{ path: this.#path(index), sizeBytes }]);
    return file.read(0, sizeBytes);
  }

  #note(index: number): void {
    this.#here[index] = 1;
    this.arrivedBytes += pieceLength(this.#table, index);
  }

  #path(index: number): string {
    return join(this.#directory, String(index));
  }
}
