import type { Random } from "../../io.ts";
import type { FileTable, Operation } from "./file-table.ts";

/**
 * What a loss of power does. `strict`: of everything that was not synced, any subset remains, writes torn anywhere.
 * `ext4`: names and attributes remain in the order in which they were made, up to some point after the last sync;
 * a file whose bytes were not synced has all or none of them.
 */
export type PowerProfile = "strict" | "ext4";

interface Logged {
  readonly operation: Operation;
  readonly sequence: number;
  /** The inodes that must still be synced to make it durable. */
  readonly waitsFor: Set<number>;
  /** A sync that failed has thrown it away; only memory still shows it. */
  lost: boolean;
}

/** What a simulated disk was told and has not made durable yet, over the state that is durable. */
export class Journal {
  readonly #durable: FileTable;
  #logged: Logged[] = [];
  #waiting = new Map<number, Set<Logged>>();
  #sequence = 0;
  /** Up to here ext4 has committed names and attributes. */
  #committed = 0;

  /** `durable` belongs to the journal from now on. */
  constructor(durable: FileTable) {
    this.#durable = durable;
  }

  /** Notes an operation that is durable once all of these inodes were synced. */
  add(operation: Operation, waitsFor: readonly number[]): void {
    this.#sequence += 1;
    this.#log({ operation, sequence: this.#sequence, waitsFor: new Set(waitsFor), lost: false });
  }

  /** Makes durable what was done to an inode: its bytes only, or its names and attributes too. */
  sync(inode: number, what: "bytes" | "all"): void {
    const waiting = this.#waiting.get(inode) ?? new Set();
    for (const logged of waiting) {
      if (what === "bytes" && logged.operation.kind !== "write") continue;
      logged.waitsFor.delete(inode);
      waiting.delete(logged);
    }
    if (waiting.size === 0) this.#waiting.delete(inode);
    this.#committed = this.#sequence;
    this.#fold();
  }

  /** A sync that failed: bytes written to the inode will never be durable, though a later sync succeeds. */
  lose(inode: number): void {
    for (const logged of this.#waiting.get(inode) ?? []) if (logged.operation.kind === "write") logged.lost = true;
  }

  /** The state after a loss of power. */
  afterPowerLoss(profile: PowerProfile, random: Random): FileTable {
    const table = this.#durable.clone();
    const keep = profile === "strict" ? keepAnySubset(random) : this.#keepPrefix(random);
    for (const logged of this.#logged) {
      const operation = logged.waitsFor.size === 0 ? logged.operation : keep(logged);
      if (operation !== undefined && !logged.lost) table.apply(operation);
    }
    table.repair();
    return table;
  }

  clone(): Journal {
    const copy = new Journal(this.#durable.clone());
    for (const logged of this.#logged) copy.#log({ ...logged, waitsFor: new Set(logged.waitsFor) });
    copy.#sequence = this.#sequence;
    copy.#committed = this.#committed;
    return copy;
  }

  #log(logged: Logged): void {
    this.#logged.push(logged);
    for (const inode of logged.waitsFor) {
      const waiting = this.#waiting.get(inode);
      if (waiting === undefined) this.#waiting.set(inode, new Set([logged]));
      else waiting.add(logged);
    }
  }

  /** What is durable with all that came before it needs no journal any more. */
  #fold(): void {
    const first = this.#logged.findIndex(({ waitsFor }) => waitsFor.size > 0);
    const folded = this.#logged.splice(0, first === -1 ? this.#logged.length : first);
    for (const { operation, lost } of folded) if (!lost) this.#durable.apply(operation);
  }

  #keepPrefix(random: Random): (logged: Logged) => Operation | undefined {
    const end = this.#committed + random.below(this.#sequence - this.#committed + 1);
    const files = new Map<number, boolean>();
    return ({ operation, sequence }) => {
      if (operation.kind !== "write") return sequence <= end ? operation : undefined;
      const isKept = files.get(operation.inode) ?? random.below(2) === 0;
      files.set(operation.inode, isKept);
      return isKept ? operation : undefined;
    };
  }
}

/** How many of eight operations remain is drawn once for each loss, so that all but one and none but one come up. */
function keepAnySubset(random: Random): (logged: Logged) => Operation | undefined {
  const eighths = [0, 1, 4, 7, 8][random.below(5)] ?? 4;
  return ({ operation }) => {
    if (operation.kind === "write" && random.below(8) === 0) {
      return { ...operation, bytes: operation.bytes.subarray(0, random.below(operation.bytes.length + 1)) };
    }
    return random.below(8) < eighths ? operation : undefined;
  };
}
