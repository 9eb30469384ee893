import type { Millis } from "../../../machine.ts";
import { placeOf } from "./lan.ts";
import type { SimMachine, SimNode } from "./machine-in-world.ts";

/** Most that waits for a node that stands still. */
const longestInbox = 256;

/** What is being stored, and what is to be done after it. */
export interface Storing<Effect> {
  readonly memory: unknown;
  readonly effects: readonly Effect[];
  readonly next: number;
}

/** Power that fails at the next store, and stays away for so long. */
export interface PowerCut {
  readonly store: "before" | "after";
  readonly forMs: Millis;
  isOut: boolean;
}

/** A node, and the process that runs on it if one does. */
export class SimProcess<Settings, Event, Effect> {
  readonly node: SimNode<Settings>;
  machine: SimMachine<Event, Effect> | undefined;
  /** What was stored last. */
  memory: unknown;
  storing: Storing<Effect> | undefined;
  readonly inbox: Event[] = [];
  /** How many episodes keep it down, and how many keep it still. */
  downs = 0;
  pauses = 0;
  slowMs = 0;
  slowDiskMs = 0;
  cut: PowerCut | undefined;
  hasLeft = false;
  boots = 0;
  /** When its timer is due, and when it rings. */
  dueAt: Millis = Infinity;
  ringsAt: Millis = Infinity;
  rings = 0;
  #wokenAt: Millis = -1;
  #wakes = 0;
  #clockStart: Millis = 0;
  #since: Millis = 0;
  #ppm = 0;

  constructor(index: number, settings: Settings) {
    this.node = { index, name: `n${index}`, at: placeOf(index), settings };
  }

  get isStill(): boolean {
    return this.pauses > 0 || this.storing !== undefined;
  }

  /** A new process, whose clock shows what no other does. */
  begin(machine: SimMachine<Event, Effect>, clockStart: Millis, now: Millis): void {
    this.machine = machine;
    this.#clockStart = clockStart;
    this.#since = now;
    this.dueAt = Infinity;
    this.ringsAt = Infinity;
  }

  /** Nothing of it is left but what was stored; of a store under way, if it came to that. */
  end(isStored: boolean): void {
    if (isStored && this.storing !== undefined) this.memory = this.storing.memory;
    this.storing = undefined;
    this.machine = undefined;
    this.inbox.length = 0;
  }

  /** Whether there was room for it. */
  keep(event: Event): boolean {
    if (this.inbox.length === longestInbox) return false;
    this.inbox.push(event);
    return true;
  }

  /** How often it was woken at this moment, with this time. */
  countWake(now: Millis): number {
    this.#wakes = this.#wokenAt === now ? this.#wakes + 1 : 1;
    this.#wokenAt = now;
    return this.#wakes;
  }

  /** From now on its clock goes so much faster. */
  drift(ppm: number, now: Millis): void {
    this.#clockStart = this.clock(now);
    this.#since = now;
    this.#ppm += ppm;
  }

  /** Nothing is wrong with it any more. */
  heal(now: Millis): void {
    this.downs = 0;
    this.pauses = 0;
    this.slowMs = 0;
    this.slowDiskMs = 0;
    this.cut = undefined;
    this.drift(-this.#ppm, now);
  }

  /** What its clock shows. */
  clock(now: Millis): Millis {
    const passed = now - this.#since;
    return this.#clockStart + (this.#ppm === 0 ? passed : Math.floor(passed * (1 + this.#ppm / 1_000_000)));
  }

  /** When its clock shows this. */
  momentOf(clock: Millis): Millis {
    const passed = clock - this.#clockStart;
    return this.#since + Math.ceil(this.#ppm === 0 ? passed : passed / (1 + this.#ppm / 1_000_000));
  }
}
