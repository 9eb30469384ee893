import type { Disk, FileStat, OpenFile, Random } from "../../io.ts";
import { nameBytes } from "../../path.ts";
import { Faults } from "./disk-faults.ts";
import { Journal } from "./disk-journal.ts";
import type { PowerProfile } from "./disk-journal.ts";
import { FileTable, rootNumber } from "./file-table.ts";
import type { Attributes, Inode, Operation } from "./file-table.ts";
import { locate, systemError } from "./locate.ts";
import type { Place } from "./locate.ts";

export interface SimDiskOptions {
  readonly capacityBytes?: number;
  /** Whether modes hold nobody back, as with root. */
  readonly privileged?: boolean;
  /** Names that give the same result are the same name. */
  readonly fold?: (name: string) => string;
  /** Directories that, when made, are file systems of their own. */
  readonly devices?: readonly string[];
  /** How many names a file can have. */
  readonly mostLinks?: number;
  /** For times of files. Without it they count up by a millisecond. */
  readonly wallTime?: () => number;
}

const unlimited = 2 ** 50;
const umask = 0o022;
const types = { read: 0o400, write: 0o200 };

/**
 * A file system in memory that behaves as Linux's, and can lose what was not synced. It begins with an empty root.
 * Every call that changes or syncs something is one operation; `operations` counts them and `failAt` makes one fail.
 */
export class SimDisk implements Disk {
  readonly #options: SimDiskOptions;
  readonly #table: FileTable;
  readonly #journal: Journal;
  readonly #faults = new Faults();
  #timeMs: number;
  #lastNumber: number;

  constructor(options: SimDiskOptions = {}) {
    this.#options = options;
  }
}
