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
  #records: readonly JournalRecord[] = [];

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /** As they were last read or written. */
  get records(): readonly JournalRecord[] {
    return this.#records;
  }

  /** Whether it is time to put fewer records in their place that amount to the same. */
  get isLong(): boolean {
    return this.#records.length >= 100;
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
    this.#records = [...this.#records, record];
  }

  /**
   * Throws DIST_ERR_JOURNAL_DAMAGED if a record is not whole that was followed by others, or whole and none: no crash
   * does that.
   */
  read(): readonly JournalRecord[] {
    const damagedAt = (index: number) => failure("DIST_ERR_JOURNAL_DAMAGED", { path: this.#path, line: index + 1 });
    const texts = Buffer.from(readFile(this.#disk, this.#path) ?? [])
      .toString("utf8")
      .split("\n")
      .map(wholeText);
    const end = texts.indexOf(undefined);
    const isTorn = texts.slice(end + 1).every((text) => text === undefined);
    if (end !== -1 && !isTorn) throw damagedAt(end);
    this.#records = texts.slice(0, end === -1 ? texts.length : end).map((text = "", index) => {
      const record = decodeRecord(text);
      if (record === undefined) throw damagedAt(index);
      return record;
    });
    return this.#records;
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
    this.#records = records;
  }
}

function encodeRecord(record: JournalRecord): Uint8Array {
  const text = JSON.stringify(record);
  return Buffer.from(`${crc32(text).toString(16).padStart(8, "0")} ${text}\n`);
}

/** What stands in a line behind its CRC; undefined if the line is not whole. */
function wholeText(line: string): string | undefined {
  const text = line.slice(9);
  return text !== "" && line.slice(0, 9) === `${crc32(text).toString(16).padStart(8, "0")} ` ? text : undefined;
}

function decodeRecord(text: string): JournalRecord | undefined {
  try {
    const record: unknown = JSON.parse(text);
    return isRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is JournalRecord {
  const { type, release, serial, from, to, backup } = fieldsOf(value);
  if (type === "prepared") return isRelease(release);
  if (type === "switched" || type === "served") return isCount(serial);
  const isReleaseOrAbsent = (each: unknown) => each === undefined || isRelease(each);
  return type === "switching" && isCount(serial) && [from, to, backup].every(isReleaseOrAbsent);
}

function isRelease(value: unknown): value is ReleaseState {
  const { serial, version, tree } = fieldsOf(value);
  return isCount(serial) && isCount(version) && typeof tree === "string" && /^[0-9a-f]{64}$/.test(tree);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
