import { crc32 } from "node:zlib";
import { failure } from "distributary/sdk";
import type { Disk } from "distributary/sdk";
import { readFile } from "../content/durable-file.ts";
import type { ReleaseState } from "../protocol/messages.ts";

/** What a site's journal says happened, in order. `switching` without `switched` behind it was cut off. */
export type JournalRecord =
  /**
   * A release is whole, verified and durable. `id` is the assignment of its first section; `wasLive` survives a
   * shortened journal.
   */
  | { readonly type: "prepared"; readonly release: ReleaseState; readonly id: string; readonly wasLive?: boolean }
  /** The pointers are about to move to `to` (nothing, for a removal) by the order with this serial. */
  | {
      readonly type: "switching";
      readonly serial: number;
      readonly from?: ReleaseState;
      readonly to?: ReleaseState;
      readonly backup?: ReleaseState;
    }
  | { readonly type: "switched"; readonly serial: number }
  /** Whoever serves the site was told. */
  | { readonly type: "served"; readonly serial: number };

/**
 * A file of records, one a line, each with a CRC before it. `append` returns when the record is durable. A line that is
 * not whole ends the journal: only the last one can be, since each was synced before the next was written.
 */
export class Journal {
  readonly #disk: Disk;
  readonly #path: string;

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  append(record: JournalRecord): void {
    const isNew = this.#disk.stat(this.#path) === undefined;
    const file = this.#disk.open(this.#path, "append");
    try {
      file.write(encodeRecord(record));
      file.sync();
    } finally {
      file.close();
    }
    if (isNew) this.#disk.sync(this.#path.slice(0, this.#path.lastIndexOf("/")));
  }

  /** Throws DIST_ERR_JOURNAL_DAMAGED if a record is not whole that was followed by others: no crash does that. */
  read(): JournalRecord[] {
    const lines = Buffer.from(readFile(this.#disk, this.#path) ?? [])
      .toString("utf8")
      .split("\n");
    const records = lines.map(decodeRecord);
    const end = records.indexOf(undefined);
    const isTorn = records.slice(end + 1).every((record) => record === undefined);
    if (end !== -1 && !isTorn) throw failure("DIST_ERR_JOURNAL_DAMAGED", { path: this.#path, line: end + 1 });
    return records.slice(0, end === -1 ? records.length : end).filter((record) => record !== undefined);
  }

  /** Puts these records in place of all that are there, in one durable step; also takes away a torn end. */
  rewrite(records: readonly JournalRecord[]): void {
    const next = `${this.#path}.next`;
    if (this.#disk.stat(next) !== undefined) this.#disk.unlink(next);
    const file = this.#disk.open(next, "create");
    try {
      for (const record of records) file.write(encodeRecord(record));
      file.sync();
    } finally {
      file.close();
    }
    this.#disk.rename(next, this.#path);
    this.#disk.sync(this.#path.slice(0, this.#path.lastIndexOf("/")));
  }
}

function encodeRecord(record: JournalRecord): Uint8Array {
  const text = JSON.stringify(record);
  return Buffer.from(`${crc32(text).toString(16).padStart(8, "0")} ${text}\n`);
}

function decodeRecord(line: string): JournalRecord | undefined {
  const text = line.slice(9);
  if (text === "" || line.slice(0, 9) !== `${crc32(text).toString(16).padStart(8, "0")} `) return undefined;
  return JSON.parse(text) as JournalRecord;
}
