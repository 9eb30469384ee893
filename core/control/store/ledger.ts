import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { failure } from "../../../sdk/errors.ts";
import type { Disk, OpenFile } from "../../../sdk/io.ts";
import { realDisk } from "../../runtime/disk.ts";

/** What JSON can hold. */
export type LedgerRecord = Readonly<Record<string, unknown>>;

export interface LedgerHead {
  readonly records: number;
  /** Covers every record; noted elsewhere, it shows later whether the end was cut off. */
  readonly hash: string;
}

const recordBytes = 64 * 2 ** 10;
const recordsPerLine = 256;
const longestLine = 2 * recordBytes * recordsPerLine;
const chunkBytes = 64 * 2 ** 10;
const newline = 10;
/** Ends a line that a crash cut off, so that it stays known as such. */
const cutOff = "\0\n";
const beginning = "0".repeat(64);

interface Waiting {
  readonly json: string;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * A file to which records are only ever added, so that it tells the truth whatever happens to the database.
 *
 * A line is `<hash> <JSON array of records>`, its hash the SHA-256 of the hash before and the array: nothing can be
 * changed, removed or put in between without all that follows. A line that a crash cut off was never confirmed; it
 * stays in the file, is skipped, and the line after it continues from the one before it.
 */
export class Ledger implements AsyncDisposable {
  readonly #path: string;
  readonly #disk: Disk;
  readonly #file: OpenFile;
  readonly #waiting: Waiting[] = [];
  #head: LedgerHead = { records: 0, hash: beginning };
  #unfinishedLine: boolean;
  #flush: Promise<void> | undefined;
  #failure: Error | undefined;

  /** Reads it all; throws DIST_ERR_STORE_LEDGER if it was changed. The caller has the directory to itself. */
  constructor(path: string, disk: Disk = realDisk) {
    this.#path = path;
    this.#disk = disk;
    if (disk.stat(path) !== undefined) for (const { head } of this.#lines()) this.#head = head;
    this.#file = disk.open(path, "append");
    this.#unfinishedLine = lastByte(disk, path) !== newline;
    // What was read may not have been durable yet.
    this.#file.sync();
    disk.sync(dirname(path));
  }

  get head(): LedgerHead {
    return this.#head;
  }

  /** Resolves when `record`, at most 64 KiB of JSON, is durable; those added at the same time share one sync. */
  append(record: LedgerRecord): Promise<void> {
    const json = JSON.stringify(record);
    return new Promise((resolve, reject) => {
      if (Buffer.byteLength(json) > recordBytes) throw new RangeError(`a record of more than ${recordBytes} bytes`);
      this.#waiting.push({ json, resolve, reject });
      this.#flush ??= this.#writeSoon();
    });
  }

  /** Every confirmed record, in the order they were added. */
  *read(): Generator<LedgerRecord> {
    for (const { records } of this.#lines()) yield* records;
  }

  /** Waits for what is being added. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#flush !== undefined) await this.#flush;
    this.#file.close();
  }

  async #writeSoon(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#write();
    this.#flush = this.#waiting.length > 0 ? this.#writeSoon() : undefined;
  }

  #write(): void {
    const round = this.#waiting.splice(0, recordsPerLine);
    try {
      if (this.#failure !== undefined) throw this.#failure;
      const json = `[${round.map((it) => it.json).join(",")}]`;
      const hash = chain(this.#head.hash, Buffer.from(json));
      this.#file.write(Buffer.from(`${this.#unfinishedLine ? cutOff : ""}${hash} ${json}\n`));
      this.#file.sync();
      this.#unfinishedLine = false;
      this.#head = { records: this.#head.records + round.length, hash };
    } catch (cause) {
      // What is in the file now is known only when it has been read again.
      const reason = cause instanceof Error ? cause.message : String(cause);
      const problem = `'${this.#path}' could not be written (${reason})`;
      this.#failure ??= failure("DIST_ERR_STORE_STOPPED", { problem }, { cause });
      for (const { reject } of round) reject(this.#failure);
      return;
    }
    for (const { resolve } of round) resolve();
  }

  /** The lines that count, each with the head after it. */
  *#lines(): Generator<{ readonly records: readonly LedgerRecord[]; readonly head: LedgerHead }> {
    let head: LedgerHead = { records: 0, hash: beginning };
    for (const { bytes, ended } of readLines(this.#disk, this.#path)) {
      const records = readRecords(bytes);
      // What a crash cut off has no end, or, if its end was written before its middle, zeros.
      if (!ended || (records === undefined && bytes.includes(0))) continue;
      const hash = bytes.toString("latin1", 0, 64);
      if (records === undefined || chain(head.hash, bytes.subarray(65)) !== hash) {
        const problem = "it does not follow from the one before";
        throw failure("DIST_ERR_STORE_LEDGER", { path: this.#path, record: head.records + 1, problem });
      }
      head = { records: head.records + records.length, hash };
      yield { records, head };
    }
  }
}

function chain(before: string, json: Uint8Array): string {
  return createHash("sha256").update(before).update(json).digest("hex");
}

/** Undefined if the line is not a whole one. */
function readRecords(line: Buffer): readonly LedgerRecord[] | undefined {
  if (!/^[0-9a-f]{64} $/.test(line.toString("latin1", 0, 65))) return undefined;
  try {
    const records: unknown = JSON.parse(line.toString("utf8", 65));
    const isRecord = (record: unknown) => typeof record === "object" && record !== null;
    return Array.isArray(records) && records.every(isRecord) ? (records as LedgerRecord[]) : undefined;
  } catch {
    return undefined;
  }
}

/** Without their ends. Of a line that is too long, only what comes last is given. */
function* readLines(disk: Disk, path: string): Generator<{ readonly bytes: Buffer; readonly ended: boolean }> {
  const file = disk.open(path, "read");
  try {
    let parts: Buffer[] = [];
    const chunk = new Uint8Array(chunkBytes);
    for (let position = 0, count; (count = file.read(chunk, position)) > 0; position += count) {
      let start = 0;
      for (let end; (end = chunk.subarray(0, count).indexOf(newline, start)) >= 0; start = end + 1) {
        yield { bytes: Buffer.concat([...parts, chunk.subarray(start, end)]), ended: true };
        parts = [];
      }
      if (parts.length * chunkBytes > longestLine) parts = [];
      if (start < count) parts.push(Buffer.from(chunk.subarray(start, count)));
    }
    if (parts.length > 0) yield { bytes: Buffer.concat(parts), ended: false };
  } finally {
    file.close();
  }
}

function lastByte(disk: Disk, path: string): number {
  const file = disk.open(path, "read");
  try {
    const { sizeBytes } = file.stat();
    const last = new Uint8Array(1);
    return sizeBytes > 0 && file.read(last, sizeBytes - 1) === 1 ? Number(last[0]) : newline;
  } finally {
    file.close();
  }
}
