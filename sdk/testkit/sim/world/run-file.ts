import type { Millis } from "../../../machine.ts";
import type { Fault } from "./faults.ts";

/** A world as it is without faults. */
export interface WorldSpec<Settings> {
  /** What each node is started with; null for one that was taken out, so that the others keep their numbers. */
  readonly nodes: readonly (Settings | null)[];
  /** How long a datagram takes. */
  readonly latencyMs: readonly [least: Millis, most: Millis];
  /** How many of 1,000 datagrams each receiver loses at all times. */
  readonly lossPermille: number;
  /** How late a timer may ring. */
  readonly timerSlackMs: Millis;
  /** Within this time from the start all nodes start. */
  readonly startWithinMs: Millis;
}

/** Something that is done to a node, besides what befalls it. */
export interface Operation<Event> {
  readonly at: Millis;
  readonly node: number;
  readonly event: Event;
  /** Its process ends with this, and does not start again unless `againMs` later. */
  readonly ends?: true;
  readonly againMs?: Millis;
}

/** How long a run goes on. */
export interface Bounds {
  /** Faults end: from here on what must come about in the end is looked for. */
  readonly settleAt: Millis;
  /** If given, only these nodes are healed; what befalls the others without an end stays. */
  readonly core?: readonly number[];
  readonly endAt: Millis;
}

/** All there is to know to have the same run again. Made from a seed before the run, or by hand, or by `shrink`. */
export interface RunFile<Settings = unknown, Event = unknown> {
  readonly v: 1;
  readonly seed: number;
  readonly world: WorldSpec<Settings>;
  readonly faults: readonly Fault[];
  readonly workload: readonly Operation<Event>[];
  readonly bounds: Bounds;
}

/** A run as text: a line a fault and a line a node. */
export function writeRun(run: RunFile): string {
  const lines = (items: readonly unknown[]) => items.map((item) => `\n    ${JSON.stringify(item)}`).join(",");
  const { nodes, ...world } = run.world;
  return [
    "{",
    `  "v": 1, "seed": ${run.seed}, "bounds": ${JSON.stringify(run.bounds)},`,
    `  "world": { ${JSON.stringify(world).slice(1, -1)}, "nodes": [${lines(nodes)}\n  ] },`,
    `  "faults": [${lines(run.faults)}\n  ],`,
    `  "workload": [${lines(run.workload)}\n  ]`,
    "}\n",
  ].join("\n");
}

/** The run that stands in a text. Throws if it is of another form. */
export function readRun<Settings, Event>(text: string): RunFile<Settings, Event> {
  const run = JSON.parse(text) as RunFile<Settings, Event>;
  if (run.v !== 1) throw new Error(`a run file of form ${String(run.v)}; this is for form 1`);
  return run;
}
