import type { Random } from "../../io.ts";
import { Journal } from "./disk-journal.ts";
import type { PowerProfile } from "./disk-journal.ts";
import { FileTable, rootNumber } from "./file-table.ts";
import type { Attributes, NameOf } from "./file-table.ts";
import { newInode } from "./inode.ts";
import type { Inode } from "./inode.ts";
import type { Place } from "./locate.ts";

interface VolumeTraits {
  readonly fold: (name: string) => string;
  readonly owner: number;
  readonly wallTime: (() => number) | undefined;
}

/** A file system in memory: what is there, and what of it would survive. Checks nothing. */
export class Volume {
  readonly table: FileTable;
  readonly #traits: VolumeTraits;
  readonly #journal: Journal;
  #lastNumber = rootNumber;
  #timeMs = Date.UTC(2026, 0, 1);

  /** With an empty root, or with what is given. */
  constructor(traits: VolumeTraits, table = emptyTable(traits), journal = new Journal(table.clone())) {
    this.#traits = traits;
    this.table = table;
    this.#journal = journal;
  }

  afterKill(): Volume {
    return this.#with(this.table.clone(), this.#journal.clone());
  }

  afterPowerLoss(profile: PowerProfile, random: Random): Volume {
    const table = this.#journal.afterPowerLoss(profile, random);
    return this.#with(table, new Journal(table.clone()));
  }

  /** Makes something new under a free name; on a file system of its own, if it is to be. */
  make(place: Place, traits: Pick<Inode, "type" | "mode"> & { readonly target?: string }, isDevice = false): Inode {
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    const device = isDevice ? number : place.directory.device;
    const { owner } = this.#traits;
    const inode = { ...newInode(number, traits.type, device, this.#time()), uid: owner, gid: owner, ...traits };
    this.table.apply({ kind: "inode", inode });
    this.#journal.add({ kind: "inode", inode }, []);
    this.name({ set: { ...nameOf(place), inode: number } });
    return this.table.get(number) ?? inode;
  }

  /** Takes a name away, gives one, or both at once. */
  name(change: { readonly clear?: NameOf; readonly set?: NameOf & { readonly inode: number } }): void {
    const operation = { kind: "name", ...change, timeMs: this.#time() } as const;
    this.table.apply(operation);
    this.#journal.add(
      operation,
      [change.clear, change.set].flatMap((name) => name?.directory ?? []),
    );
  }

  change({ number }: Inode, attributes: Attributes): void {
    const operation = { kind: "attributes", inode: number, attributes, timeMs: this.#time() } as const;
    this.table.apply(operation);
    this.#journal.add(operation, [number]);
  }

  write({ number }: Inode, position: number, bytes: Uint8Array): void {
    const copy = new Uint8Array(bytes);
    const operation = { kind: "write", inode: number, position, bytes: copy, timeMs: this.#time() } as const;
    this.table.apply(operation);
    this.#journal.add(operation, [number]);
  }

  sync(inodes: readonly Inode[], what: "bytes" | "all"): void {
    for (const { number } of inodes) this.#journal.sync(number, what);
  }

  /** What a failed sync does to bytes that were not durable. */
  lose(inodes: readonly Inode[]): void {
    for (const { number } of inodes) this.#journal.lose(number);
  }

  /** A directory with everything in it. */
  below(top: Inode): Inode[] {
    const inodes = [top];
    for (const { names } of inodes) {
      for (const { inode } of names.values()) inodes.push(...[this.table.get(inode) ?? []].flat());
    }
    return inodes;
  }

  #with(table: FileTable, journal: Journal): Volume {
    const volume = new Volume(this.#traits, table, journal);
    volume.#lastNumber = this.#lastNumber;
    volume.#timeMs = this.#timeMs;
    return volume;
  }

  #time(): number {
    this.#timeMs += 1;
    return this.#traits.wallTime?.() ?? this.#timeMs;
  }
}

/** The same name, with its directory's number. */
export function nameOf({ directory, name }: Place): NameOf {
  return { directory: directory.number, name };
}

function emptyTable({ fold }: VolumeTraits): FileTable {
  const table = new FileTable(fold);
  const root = { ...newInode(rootNumber, "directory", rootNumber, Date.UTC(2026, 0, 1)), mode: 0o755, links: 1 };
  table.apply({ kind: "inode", inode: root });
  return table;
}
