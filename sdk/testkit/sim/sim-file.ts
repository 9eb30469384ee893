import type { FileStat, OpenFile } from "../../io.ts";
import type { FileTable } from "./file-table.ts";
import { statOf } from "./inode.ts";
import type { Inode } from "./inode.ts";
import { systemError } from "./locate.ts";

/** What an open file does through its disk. */
interface DiskSide {
  checkAlive(): void;
  write(position: number, bytes: Uint8Array): void;
  sync(): void;
}

/** A file open on a simulated disk. */
export class SimFile implements OpenFile {
  readonly #path: string;
  readonly #how: "read" | "create" | "append";
  readonly #inode: Inode;
  readonly #table: FileTable;
  readonly #disk: DiskSide;
  #isOpen = true;
  #written = 0;

  constructor(path: string, how: "read" | "create" | "append", inode: Inode, table: FileTable, disk: DiskSide) {
    this.#path = path;
    this.#how = how;
    this.#inode = inode;
    this.#table = table;
    this.#disk = disk;
    table.hold(inode.number);
  }

  stat(): FileStat {
    this.#check("fstat");
    return statOf(this.#inode);
  }

  read(into: Uint8Array, position: number): number {
    this.#check("read", this.#how === "read");
    const { type, bytes, sizeBytes } = this.#inode;
    if (type === "directory") throw systemError("EISDIR", "read", this.#path);
    const found = bytes.subarray(Math.min(position, sizeBytes), Math.min(position + into.length, sizeBytes));
    into.set(found);
    return found.length;
  }

  write(bytes: Uint8Array): void {
    this.#check("write", this.#how !== "read");
    if (bytes.length === 0) return;
    this.#disk.write(this.#how === "append" ? this.#inode.sizeBytes : this.#written, bytes);
    this.#written += bytes.length;
  }

  sync(): void {
    this.#check("fdatasync");
    this.#disk.sync();
  }

  close(): void {
    this.#check("close");
    this.#isOpen = false;
    this.#table.release(this.#inode.number);
  }

  #check(call: string, isAllowed = true): void {
    this.#disk.checkAlive();
    if (!this.#isOpen || !isAllowed) throw systemError("EBADF", call, this.#path);
  }
}
