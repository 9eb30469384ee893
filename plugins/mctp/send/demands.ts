import { mostFrames } from "../geometry.ts";
import type { Repair } from "../wire/messages.ts";

/** How many runs of frames are remembered of a block; who reports on older ones gets a few frames too many. */
const mostRuns = 48;

/** Frames of one block that were sent, `first` and `last` being the first and last of them among all of the session. */
interface Run {
  readonly first: number;
  last: number;
  count: number;
}

/** When each source frame was sent again last; and which are wanted now, by one member alone or by several. */
interface SingleFrames {
  readonly sentAt: Float64Array;
  readonly wanted: Map<number, number>;
}

const several = -1;

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
  /** What was sent for the one who lacks most alone, and to whom that is charged. */
  alone = 0;
  chargedTo = -1;
  /** Of the next frame. */
  next: number;
  isQueued = false;
  /** Source frames asked for one by one. */
  singles: SingleFrames | undefined;
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
    return this.sent < this.planned ? 0 : Math.max(0, this.most - this.sent);
  }

  /**
   * Which frame comes next. After the last parity frame parity begins again, since who lacks little has lost some of it
   * and has most source frames; but who lacks nearly everything needs those as well.
   */
  after(end: number): number {
    if (end < mostFrames) return end;
    return this.owed > mostFrames - this.sources ? 0 : this.sources;
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
 * as the one lacks who lacks most; what is sent of that beyond the next one's need is charged to it.
 */
export class Demands {
  readonly #sourcesOf: (block: number) => number;
  readonly #repair: Repair;
  readonly #blocks = new Map<number, BlockDemand>();
  readonly #queue: BlockDemand[] = [];
  readonly #charges: Float64Array;
  #chargeSum = 0;

  constructor(memberCount: number, sourcesOf: (block: number) => number, repair: Repair) {
    this.#sourcesOf = sourcesOf;
    this.#repair = repair;
    this.#charges = new Float64Array(memberCount);
  }

  /** Whether something is to be sent. */
  get isPending(): boolean {
    return this.#queue.length > 0;
  }

  /** Frames that were sent for this member alone, beyond what that is for the others on average. */
  chargeOf(member: number): number {
    const own = this.#charges[member] ?? 0;
    return own - (this.#chargeSum - own) / Math.max(1, this.#charges.length - 1);
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
    const demand = this.#blocks.get(block);
    // What is still to come for the first time is on nobody's account.
    if (demand === undefined) return;
    if (this.#repair === "plain") return this.#wantEach(demand, member, seen, () => true);
    const total = demand.sent - demand.sentAfter(seen) + Math.min(frames, demand.sources);
    if (total > demand.most) {
      if (member !== demand.worst) [demand.worst, demand.second] = [member, demand.most];
      demand.most = total;
    } else if (total > demand.second && member !== demand.worst) demand.second = total;
    this.#settle(demand);
    this.#enqueue(demand);
  }

  /** A member lacks these source frames of a block, a bit each. */
  wants(member: number, block: number, which: Uint8Array, seen: number): void {
    const isMissing = (index: number) => (((which[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
    const demand = this.#blocks.get(block);
    if (demand !== undefined) this.#wantEach(demand, member, seen, isMissing);
  }

  /** Nothing is sent for this member's sake any more. */
  drop(member: number): void {
    for (const demand of this.#blocks.values()) {
      for (const [index, by] of demand.singles?.wanted ?? []) if (by === member) demand.singles?.wanted.delete(index);
      if (demand.worst !== member) continue;
      demand.worst = -1;
      demand.most = demand.second;
    }
  }

  /** At most so many frames of one block, oldest demand first. */
  next(most: number): Repairs | undefined {
    for (let demand = this.#queue[0]; demand !== undefined; demand = this.#queue[0]) {
      const run = this.#nextWanted(demand, most) ?? this.#nextRun(demand, most);
      if (run !== undefined) return run;
      demand.isQueued = false;
      this.#queue.shift();
    }
    return undefined;
  }

  /** This was sent, its first frame being the `emission`-th of all. Gives the member it is charged to, if any. */
  sent({ block, index, count }: Repairs, emission: number): number | undefined {
    const demand = this.#open(block);
    const { singles } = demand;
    demand.note(emission, count);
    const by = singles?.wanted.get(index);
    if (by === undefined) {
      demand.next = demand.after(index + count);
      this.#settle(demand);
    } else if (by !== several) this.#charge(by, count);
    for (let at = 0; singles !== undefined && at < count && index + at < demand.sources; at += 1) {
      singles.sentAt[index + at] = emission + at;
      singles.wanted.delete(index + at);
    }
    const charged = by ?? demand.chargedTo;
    return charged < 0 ? undefined : charged;
  }

  #nextRun({ block, next, owed, sources }: BlockDemand, most: number): Repairs | undefined {
    if (owed === 0) return undefined;
    const end = next < sources ? sources : mostFrames;
    return { block, index: next, count: Math.min(owed, most, end - next) };
  }

  #nextWanted({ block, singles }: BlockDemand, most: number): Repairs | undefined {
    const [index] = singles?.wanted.keys() ?? [];
    if (index === undefined) return undefined;
    let count = 1;
    while (count < most && singles?.wanted.get(index + count) === singles?.wanted.get(index)) count += 1;
    return { block, index, count };
  }

  #wantEach(demand: BlockDemand, member: number, seen: number, isMissing: (index: number) => boolean): void {
    if (demand.sent < demand.planned) return;
    demand.singles ??= { sentAt: new Float64Array(demand.sources), wanted: new Map() };
    const { sentAt, wanted } = demand.singles;
    for (let index = 0; index < demand.sources; index += 1) {
      if (!isMissing(index) || (sentAt[index] as number) > seen) continue;
      const by = wanted.get(index);
      if (by === member || by === several) continue;
      wanted.set(index, by === undefined ? member : several);
    }
    this.#enqueue(demand);
  }

  /** Charges what was sent of a block to the one it was sent for alone, as far as is known now. */
  #settle(demand: BlockDemand): void {
    const { worst, most, second, sent, alone, chargedTo } = demand;
    if (chargedTo >= 0) this.#charge(chargedTo, -alone);
    demand.chargedTo = worst;
    demand.alone = worst < 0 ? 0 : Math.max(0, Math.min(sent, most) - second);
    if (worst >= 0) this.#charge(worst, demand.alone);
  }

  #charge(member: number, frames: number): void {
    this.#charges[member] = (this.#charges[member] ?? 0) + frames;
    this.#chargeSum += frames;
  }

  #enqueue(demand: BlockDemand): void {
    const isOpen = demand.owed > 0 || (demand.singles?.wanted.size ?? 0) > 0;
    if (demand.isQueued || !isOpen) return;
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
