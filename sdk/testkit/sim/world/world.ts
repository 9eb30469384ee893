import type { Millis } from "../../../machine.ts";
import { mix } from "../random.ts";
import { EventQueue } from "./event-queue.ts";
import type { Fault, NodeFault } from "./faults.ts";
import { isBlocking, isLinkFault } from "./faults.ts";
import { Lan } from "./lan.ts";
import { Links } from "./links.ts";
import type { Way } from "./links.ts";
import type { SimNode, StartMachine, WorldEvent } from "./machine-in-world.ts";
import { NodeRunner } from "./node-runner.ts";
import type { Watcher } from "./node-runner.ts";
import type { Operation, RunFile } from "./run-file.ts";
import type { SimProcess } from "./sim-process.ts";
import { turnsOf } from "./turns.ts";
import type { Turn } from "./turns.ts";

/**
 * Machines that talk in datagrams, on the nodes of one LAN, with a virtual clock and everything that goes wrong there.
 * All of it follows from the run.
 */
export class World<Settings, Event, Effect extends { readonly type: string }> {
  readonly #run: RunFile<Settings, Event>;
  readonly #watchers: Watcher<Event, Effect>[] = [];
  readonly #queue = new EventQueue();
  readonly #links: Links;
  readonly #lan: Lan;
  readonly #runner: NodeRunner<Settings, Event, Effect>;
  readonly #turns: readonly Turn<Event>[];
  readonly #active = new Set<Fault>();
  #nextTurn = 0;

  constructor(run: RunFile<Settings, Event>, start: StartMachine<Settings, Event | WorldEvent, Effect>) {
    this.#run = run;
    this.#links = new Links(run.seed, run.world);
    this.#lan = new Lan(this.#queue, this.#links, run.world.nodes.length);
    this.#runner = new NodeRunner(run, this.#queue, this.#lan, start, this.#watchers);
    this.#turns = turnsOf(run);
  }

  /** From now on it sees what happens. */
  watch(watcher: Watcher<Event, Effect>): void {
    this.#watchers.push(watcher);
  }

  get now(): Millis {
    return this.#queue.now;
  }

  /** Of everything that happened up to now. */
  get hash(): string {
    return this.#runner.hash.toString();
  }

  /** Events that machines handled; datagrams sent, lost on the way, wrong, doubled, and dropped where they came to. */
  get counts(): Readonly<Record<"steps" | "sent" | "lost" | "corrupted" | "duplicated" | "dropped", number>> {
    const { lost, corrupted, duplicated } = this.#links;
    const { steps, dropped } = this.#runner;
    return { steps, sent: this.#lan.sent, lost, corrupted, duplicated, dropped };
  }

  /** All nodes, but for those taken out of the run. */
  get nodes(): readonly SimNode<Settings>[] {
    return this.#runner.processes.flatMap((process) => process?.node ?? []);
  }

  /** Whether a process runs there and is not paused. */
  isRunning(node: number): boolean {
    const process = this.#runner.processes[node];
    return process?.machine !== undefined && process.pauses === 0;
  }

  /** What the node stored last. */
  memoryOf(node: number): unknown {
    return this.#runner.processes[node]?.memory;
  }

  /** Whether anything can get from one node to the other. */
  reaches(from: number, to: number, way: Way): boolean {
    return this.#links.reaches(from, to, way);
  }

  /** Goes on to this moment, with it. */
  runUntil(limit: Millis): void {
    for (;;) {
      const turn = this.#turns[this.#nextTurn];
      if (turn === undefined || turn.at > limit) break;
      while (this.#queue.next(turn.at - 1)) this.#runner.happen();
      this.#queue.now = turn.at;
      this.#nextTurn += 1;
      this.#take(turn);
      for (const watcher of this.#watchers) watcher.turn?.(turn, turn.at);
    }
    while (this.#queue.next(limit)) this.#runner.happen();
  }

  #take(turn: Turn<Event>): void {
    if (turn.does === "settle") return this.#settle();
    if (turn.does === "operate") return this.#operate(turn.operation);
    const { fault, does } = turn;
    if (does === "begin") this.#active.add(fault);
    else this.#active.delete(fault);
    if (isLinkFault(fault)) this.#links.change([...this.#active].filter(isLinkFault));
    else this.#befall(fault, does === "begin" ? 1 : -1);
  }

  #operate({ node, event, ends, againMs = Infinity }: Operation<Event>): void {
    const process = this.#runner.processes[node];
    if (process?.machine === undefined) return;
    this.#runner.give(process, event);
    if (ends !== true) return;
    process.hasLeft = true;
    this.#runner.end(process, true);
    this.#runner.comeBack(process, this.now + againMs);
  }

  #befall(fault: NodeFault, sign: 1 | -1): void {
    const process = this.#runner.processes[fault.node];
    if (process === undefined) return;
    switch (fault.kind) {
      case "kill":
      case "join":
        process.downs += sign;
        if (sign === 1) return this.#runner.end(process, mix(this.#run.seed, fault.at, fault.node) % 2 === 0);
        return this.#runner.boot(process);
      case "power cut":
        process.cut ??= { store: fault.store, forMs: fault.forMs ?? Infinity, isOut: false };
        return;
      case "pause":
        process.pauses += sign;
        return this.#runner.goOn(process);
      case "slow":
        process.slowMs += sign * fault.ms;
        return;
      case "slow disk":
        process.slowDiskMs += sign * fault.ms;
        return;
      case "drift":
        process.drift(sign * fault.ppm, this.now);
        this.#runner.goOn(process);
    }
  }

  /** All episodes end. Without a core everything else is healed too; with one, only the core and the ways within it. */
  #settle(): void {
    const { core } = this.#run.bounds;
    for (const fault of this.#active) {
      if (fault.forMs === undefined) continue;
      this.#active.delete(fault);
      if (!isLinkFault(fault) && fault.kind !== "power cut") this.#befall(fault, -1);
    }
    this.#links.change(core === undefined ? [] : [...this.#active].filter(isLinkFault).filter(isBlocking), core);
    for (const process of this.#runner.processes) {
      if (process === undefined) continue;
      if (process.cut !== undefined && process.cut.forMs < Infinity) this.#runner.restorePower(process);
      if (core?.includes(process.node.index) ?? true) this.#heal(process);
    }
  }

  #heal(process: SimProcess<Settings, Event | WorldEvent, Effect>): void {
    process.heal(this.now);
    this.#runner.boot(process);
    this.#runner.goOn(process);
  }
}
