import { failure } from "distributary/sdk";
import type { Disk, PieceStore } from "distributary/sdk";
import { JoinedFiles } from "../content/objects.ts";
import { hashBytes, hashOf } from "../content/hash.ts";
import type { DataTable } from "./assignment.ts";

/** Whether a piece has the hash that was signed. */
export function isPiece(data: DataTable, index: number, bytes: Uint8Array): boolean {
  const signed = data.pieceHashes.subarray(index * hashBytes, (index + 1) * hashBytes);
  return (
    signed.length === hashBytes &&
    bytes.length === pieceLength(data, index) &&
    Buffer.from(hashOf(bytes)).equals(signed)
  );
}

export function pieceCount({ sizeBytes, pieceBytes }: DataTable): number {
  return Math.ceil(sizeBytes / pieceBytes);
}

/** Only the last piece is shorter than the others. */
export function pieceLength({ sizeBytes, pieceBytes }: DataTable, index: number): number {
  return Math.min(pieceBytes, sizeBytes - index * pieceBytes);
}

/** The pieces of a data file that is there whole: what control serves. */
export class PieceFile implements PieceStore {
  readonly assignment: string;
  readonly sizeBytes: number;
  readonly pieceBytes: number;
  readonly pieceCount: number;
  readonly #disk: Disk;
  readonly #path: string;
  readonly #data: DataTable;

  constructor(disk: Disk, path: string, assignment: string, data: DataTable) {
    this.#disk = disk;
    this.#path = path;
    this.#data = data;
    this.assignment = assignment;
    this.sizeBytes = data.sizeBytes;
    this.pieceBytes = data.pieceBytes;
    this.pieceCount = pieceCount(data);
  }

  has(index: number): boolean {
    return index >= 0 && index < this.pieceCount;
  }

  read(index: number): Uint8Array {
    using file = new JoinedFiles(this.#disk, [{ path: this.#path, sizeBytes: this.sizeBytes }]);
    const bytes = file.read(index * this.pieceBytes, pieceLength(this.#data, index));
    if (!isPiece(this.#data, index, bytes))
      throw failure("DIST_ERR_TRANSFER_PIECE", { index, assignment: this.assignment });
    return bytes;
  }

  write(): void {
    throw new TypeError("a data file of control's own is never written to");
  }
}
