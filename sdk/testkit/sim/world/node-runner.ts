import type { Millis } from "../../../machine.ts";
import { mix } from "../random.ts";
import type { EventQueue } from "./event-queue.ts";
import { arrival } from "./lan.ts";
import type { Lan } from "./lan.ts";
import type { StartMachine, WorldEffect, WorldEvent } from "./machine-in-world.ts";
import { RunHash } from "./run-hash.ts";
import { SimProcess } from "./sim-process.ts";
import type { Turn } from "./turns.ts";
import { Violation } from "./violation.ts";

/** Sees what happens, and throws a `Violation` at what must not. Moments are the world's, nodes are indexes. */
export interface Watcher<Event, Effect> {
  /** Before the machine handles it. */
  event?(node: number, event: Event | WorldEvent, now: Millis): void;
  /** Before the world performs it. */
  effect?(node: number, effect: Effect, now: Millis): void;
  /** A process begins or ends. */
  process?(node: number, does: "start" | "end", now: Millis): void;
  /** What the run has written down for this moment has been done. */
  turn?(turn: Turn<Event>, now: Millis): void;
}

const [lateArrival, ring, stored, boot, powerBack, back] = [1, 2, 3, 4, 5, 6] as const;
/** So often may a machine be woken at one moment. */
const mostWakes = 1_000;

/** Runs machines on nodes: hands events to them, performs their effects, starts and ends them. */
export class NodeRunner<Settings, Event, Effect extends { readonly type: string }> {
  readonly #seed: number;
  readonly #queue: EventQueue;
  readonly #lan: Lan;
  readonly #start: StartMachine<Settings, Event | WorldEvent, Effect>;
  readonly #watchers: readonly Watcher<Event, Effect>[];
  readonly #timerSlackMs: Millis;
  readonly hash = new RunHash();
  readonly processes: readonly (SimProcess<Settings, Event | WorldEvent, Effect> | undefined)[];
  steps = 0;
  /** Datagrams that came to a node that was down or had no room. */
  dropped = 0;

  constructor(
    run: { readonly seed: number; readonly world: { readonly nodes: readonly (Settings | null)[] } & Starting },
    queue: EventQueue,
    lan: Lan,
    start: StartMachine<Settings, Event | WorldEvent, Effect>,
    watchers: readonly Watcher<Event, Effect>[],
  ) {
    this.#seed = run.seed;
    this.#queue = queue;
    this.#lan = lan;
    this.#start = start;
    this.#watchers = watchers;
    this.#timerSlackMs = run.world.timerSlackMs;
    this.processes = run.world.nodes.map((settings, index) => {
      return settings === null ? undefined : new SimProcess(index, settings);
    });
    for (const node of this.processes.keys())
      queue.push(mix(run.seed, 0x73746172, node) % (run.world.startWithinMs + 1), boot, node);
  }

  /** Does what the queue has found. */
  happen(): void {
    const { kind, node, payload, now } = this.#queue;
    const process = this.processes[node];
    if (process === undefined) return;
    switch (kind) {
      case arrival:
        if (process.slowMs > 0) this.#queue.push(now + process.slowMs, lateArrival, node, payload);
        else this.give(process, payload as WorldEvent);
        return;
      case lateArrival:
        return this.give(process, payload as WorldEvent);
      case ring:
        return this.#ring(process);
      case stored:
        if (process.storing !== undefined && process.storing === payload) this.#goOnAfterStore(process);
        return;
      case back:
        process.hasLeft = false;
        break;
      case powerBack:
        if (payload === process.cut) this.restorePower(process);
        return;
    }
    this.boot(process);
  }

  /** Power does not fail any more, or is back. */
  restorePower(process: SimProcess<Settings, Event | WorldEvent, Effect>): void {
    if (process.cut?.isOut === true) process.downs -= 1;
    process.cut = undefined;
    this.boot(process);
  }

  /** An event comes to a node: it is handled, waits, or is lost. */
  give(process: SimProcess<Settings, Event | WorldEvent, Effect>, event: Event | WorldEvent): void {
    if (process.machine !== undefined && !process.isStill) this.#hand(process, event);
    else if (process.machine === undefined || !process.keep(event)) this.dropped += 1;
  }

  /** Starts a process, if none runs and nothing keeps the node down. */
  boot(process: SimProcess<Settings, Event | WorldEvent, Effect>): void {
    if (process.machine !== undefined || process.downs > 0 || process.hasLeft) return;
    const { node, memory } = process;
    process.boots += 1;
    const seed = mix(this.#seed, 0x70726f63 + node.index, process.boots);
    process.begin(this.#start(node, memory, seed), seed % 1_000_000_000, this.#queue.now);
    for (const watcher of this.#watchers) watcher.process?.(node.index, "start", this.#queue.now);
    this.give(process, { type: "start" });
  }

  /** Ends the process, if one runs; a store under way is done or lost. */
  end(process: SimProcess<Settings, Event | WorldEvent, Effect>, isStored: boolean): void {
    if (process.machine === undefined) return;
    process.end(isStored);
    this.#lan.listen(process.node.index, []);
    for (const watcher of this.#watchers) watcher.process?.(process.node.index, "end", this.#queue.now);
  }

  /** Who has left starts again at this moment. */
  comeBack(process: SimProcess<Settings, Event | WorldEvent, Effect>, at: Millis): void {
    if (at < Infinity) this.#queue.push(at, back, process.node.index);
  }

  /** A node that stood still, or whose clock was changed, does what has come up. */
  goOn(process: SimProcess<Settings, Event | WorldEvent, Effect>): void {
    process.dueAt = Infinity;
    const isTimerFirst = mix(this.#seed ^ process.node.index, 0x676f6f6e, process.rings) % 2 === 0;
    const isLate = process.machine !== undefined && process.momentOf(process.machine.wakeAt) <= this.#queue.now;
    if (isLate && isTimerFirst && !process.isStill) this.#hand(process, { type: "wake" });
    else this.#setTimer(process);
    while (!process.isStill && process.machine !== undefined) {
      const event = process.inbox.shift();
      if (event === undefined) return;
      this.#hand(process, event);
    }
  }

  #hand(process: SimProcess<Settings, Event | WorldEvent, Effect>, event: Event | WorldEvent): void {
    const { machine, node } = process;
    if (machine === undefined) return;
    const { now } = this.#queue;
    for (const watcher of this.#watchers) watcher.event?.(node.index, event, now);
    const effects = machine.handle(event, process.clock(now));
    this.steps += 1;
    this.hash.add(now);
    this.hash.add((node.index << 8) ^ effects.length);
    this.hash.add(machine.wakeAt);
    this.#perform(process, effects, 0);
    if (process.machine === machine) this.#setTimer(process);
  }

  #perform(process: SimProcess<Settings, Event | WorldEvent, Effect>, effects: readonly Effect[], first: number): void {
    const { machine, node } = process;
    for (let next = first; next < effects.length; next += 1) {
      const effect = effects[next] as Effect;
      for (const watcher of this.#watchers) watcher.effect?.(node.index, effect, this.#queue.now);
      const known = effect as unknown as WorldEffect;
      switch (known.type) {
        case "send":
          this.#lan.send(node.index, node.name, known.to, known.message);
          break;
        case "multicast":
          for (const channel of known.channels) this.#lan.multicast(node.index, node.name, channel, known.message);
          break;
        case "listen":
          this.#lan.listen(node.index, known.channels);
          break;
        case "store":
          process.storing = { memory: known.memory, effects, next: next + 1 };
          if (process.slowDiskMs > 0)
            return this.#queue.push(this.#queue.now + process.slowDiskMs, stored, node.index, process.storing);
          this.#finishStore(process);
          if (process.machine !== machine) return;
      }
    }
  }

  /** The store under way becomes durable; or the power fails right before or after that. */
  #finishStore(process: SimProcess<Settings, Event | WorldEvent, Effect>): void {
    const { cut } = process;
    if (cut === undefined || cut.isOut) {
      process.memory = process.storing?.memory;
      process.storing = undefined;
      return;
    }
    cut.isOut = true;
    process.downs += 1;
    this.end(process, cut.store === "after");
    this.#queue.push(this.#queue.now + cut.forMs, powerBack, process.node.index, cut);
  }

  #goOnAfterStore(process: SimProcess<Settings, Event | WorldEvent, Effect>): void {
    const { machine, storing } = process;
    this.#finishStore(process);
    if (storing === undefined || process.machine !== machine) return;
    this.#perform(process, storing.effects, storing.next);
    this.goOn(process);
  }

  #ring(process: SimProcess<Settings, Event | WorldEvent, Effect>): void {
    const { machine } = process;
    const { now } = this.#queue;
    if (machine === undefined || process.ringsAt !== now) return;
    process.dueAt = Infinity;
    process.ringsAt = Infinity;
    // Who stands still looks at its timer when it goes on.
    if (process.isStill) return;
    if (process.momentOf(machine.wakeAt) > now) return this.#setTimer(process);
    this.#hand(process, { type: "wake" });
    if (process.countWake(now) > mostWakes)
      throw new Violation("rest", now, `${process.node.name} wants to be woken again and again`);
  }

  #setTimer(process: SimProcess<Settings, Event | WorldEvent, Effect>): void {
    const { machine, node } = process;
    if (machine === undefined || process.isStill) return;
    const dueAt = process.momentOf(machine.wakeAt);
    if (!(dueAt < process.dueAt)) return;
    process.dueAt = dueAt;
    process.rings += 1;
    const slack = mix(this.#seed ^ node.index, 0x72696e67, process.rings) % (this.#timerSlackMs + 1);
    process.ringsAt = Math.max(this.#queue.now, dueAt) + slack + process.slowMs;
    this.#queue.push(process.ringsAt, ring, node.index);
  }
}

/** What of a run says how nodes start and wake. */
interface Starting {
  readonly timerSlackMs: Millis;
  readonly startWithinMs: Millis;
}
