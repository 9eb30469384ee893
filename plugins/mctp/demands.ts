import { mostFrames } from "./geometry.ts";

/** How many runs of frames are remembered of a block; who reports on older ones gets a few frames too many. */
const mostRuns = 48;

/** Frames of one block that were sent, `first` and `last` being the first and last of them among all of the session. */
interface Run {
  readonly first: number;
  last: number;
  count: number;
}

/** What is lacking of one block, and what was sent to mend it. */
class BlockDemand {
  readonly block: number;
  readonly sources: number;
  sent = 0;
  /** Frames of it that are sent in any case: its source frames, unless nobody lacked it at the start. */
  planned: number;
  /** How many must be sent for who lacks most, and for the next. */
  most: number;
  second: number;
  worst = -1;
  /** Of the next frame; after the last parity frame come the source frames, and so on. */
  next: number;
  isQueued = false;
  /** Source frames asked for one by one: when each was sent last, and which are wanted now. */
  plain: { readonly sentAt: Float64Array; readonly wanted: Set<number> } | undefined;
  readonly #runs: Run[] = [];

  constructor(block: number, sources: number) {
    this.block = block;
    this.sources = sources;
    this.next = sources;
    this.planned = sources;
    this.most = sources;
    this.second = sources;
  }

  /** Nothing before the first pass is over. */
  get owed(): number {
    if (this.sent < this.planned) return 0;
    return this.plain === undefined ? Math.max(0, this.most - this.sent) : this.plain.wanted.size;
  }

  note(emission: number, count: number): void {
    this.sent += count;
    const before = this.#runs.at(-1);
    if (before !== undefined && before.last + 1 === emission) {
      before.last += count;
      before.count += count;
      return;
    }
    this.#runs.push({ first: emission, last: emission + count - 1, count });
    if (this.#runs.length <= mostRuns) return;
    const [oldest, next] = this.#runs.splice(0, 2) as [Run, Run];
    this.#runs.unshift({ first: oldest.first, last: next.last, count: oldest.count + next.count });
  }

  /** How many of its frames came after this one of the session. */
  sentAfter(emission: number): number {
    let count = 0;
    for (let at = this.#runs.length - 1; at >= 0; at -= 1) {
      const run = this.#runs[at] as Run;
      if (run.last <= emission) break;
      count += run.first > emission ? run.count : Math.min(run.count, run.last - emission);
    }
    return count;
  }
}

/** What to send next of a block. */
export interface Repairs {
  readonly block: number;
  readonly index: number;
  readonly count: number;
}

/**
 * What members lack of blocks that were sent. One repair frame mends another loss at each member, so as many are sent
 * as the one lacks who lacks most; what that is more than the next one's is charged to it.
 */
export class Demands {
  readonly #sourcesOf: (block: number) => number;
  readonly #blocks = new Map<number, BlockDemand>();
  readonly #queue: BlockDemand[] = [];
  readonly #charges: Float64Array;

  constructor(memberCount: number, sourcesOf: (block: number) => number) {
    this.#sourcesOf = sourcesOf;
    this.#charges = new Float64Array(memberCount);
  }

  /** Whether something is to be sent. */
  get isPending(): boolean {
    return this.#queue.length > 0;
  }

  /** Frames that were sent, or are to be, for this member alone. */
  chargeOf(member: number): number {
    return this.#charges[member] ?? 0;
  }

  /** Frames of the first pass were sent. */
  begun(block: number, emission: number, count: number): void {
    const demand = this.#open(block);
    demand.note(emission, count);
    if (demand.sent >= demand.planned) this.#enqueue(demand);
  }

  /** Nobody lacks a block that was to be sent; who comes later may. */
  skip(block: number): void {
    const demand = this.#open(block);
    demand.planned = 0;
    [demand.most, demand.second] = [0, 0];
  }

  /** A member lacks `frames` of a block, having seen everything up to `seen`. */
  lacks(member: number, block: number, frames: number, seen: number): void {
    const demand = this.#open(block);
    if (demand.plain !== undefined) return;
    const total = demand.sent - demand.sentAfter(seen) + Math.min(frames, demand.sources);
    if (member === demand.worst) {
      if (total > demand.most) this.#raise(demand, total, member);
    } else if (total > demand.most) {
      if (demand.worst >= 0) this.#charge(demand.worst, demand.second - demand.most);
      demand.second = demand.most;
      demand.worst = member;
      demand.most = total;
      this.#charge(member, total - demand.second);
    } else if (total > demand.second) {
      if (demand.worst >= 0) this.#charge(demand.worst, demand.second - total);
      demand.second = total;
    }
    this.#enqueue(demand);
  }

  /** A member lacks these source frames of a block, a bit each. */
  wants(block: number, which: Uint8Array, seen: number): void {
    const demand = this.#open(block);
    if (demand.sent < demand.planned) return;
    demand.plain ??= { sentAt: new Float64Array(demand.sources), wanted: new Set() };
    for (let index = 0; index < demand.sources; index += 1) {
      const isMissing = (((which[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
      if (isMissing && (demand.plain.sentAt[index] as number) <= seen) demand.plain.wanted.add(index);
    }
    this.#enqueue(demand);
  }

  /** Nothing is sent for this member's sake any more. */
  drop(member: number): void {
    for (const demand of this.#blocks.values()) {
      if (demand.worst !== member) continue;
      demand.worst = -1;
      demand.most = demand.second;
    }
  }

  /** At most so many frames of one block, oldest demand first. */
  next(most: number): Repairs | undefined {
    for (let demand = this.#queue[0]; demand !== undefined; demand = this.#queue[0]) {
      const run = demand.plain === undefined ? this.#nextRun(demand, most) : this.#nextWanted(demand, most);
      if (run !== undefined) return run;
      demand.isQueued = false;
      this.#queue.shift();
    }
    return undefined;
  }

  /** This was sent, its first frame being the `emission`-th of the session. */
  sent({ block, index, count }: Repairs, emission: number): void {
    const demand = this.#open(block);
    demand.note(emission, count);
    demand.next = index + count < mostFrames ? index + count : 0;
    if (demand.plain === undefined) return;
    for (let at = 0; at < count; at += 1) {
      demand.plain.sentAt[index + at] = emission + at;
      demand.plain.wanted.delete(index + at);
    }
  }

  #nextRun({ block, next, owed, sources }: BlockDemand, most: number): Repairs | undefined {
    if (owed === 0) return undefined;
    const end = next < sources ? sources : mostFrames;
    return { block, index: next, count: Math.min(owed, most, end - next) };
  }

  #nextWanted({ block, plain }: BlockDemand, most: number): Repairs | undefined {
    const wanted = plain?.wanted ?? new Set<number>();
    const [index] = wanted;
    if (index === undefined) return undefined;
    let count = 1;
    while (count < most && wanted.has(index + count)) count += 1;
    return { block, index, count };
  }

  #raise(demand: BlockDemand, total: number, member: number): void {
    this.#charge(member, total - demand.most);
    demand.most = total;
  }

  #charge(member: number, frames: number): void {
    this.#charges[member] = (this.#charges[member] ?? 0) + frames;
  }

  #enqueue(demand: BlockDemand): void {
    if (demand.isQueued || demand.owed === 0) return;
    demand.isQueued = true;
    this.#queue.push(demand);
  }

  #open(block: number): BlockDemand {
    let demand = this.#blocks.get(block);
    if (demand === undefined) {
      demand = new BlockDemand(block, this.#sourcesOf(block));
      this.#blocks.set(block, demand);
    }
    return demand;
  }
}
