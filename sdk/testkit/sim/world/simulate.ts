import type { Millis } from "../../../machine.ts";
import type { StartMachine, WorldEvent } from "./machine-in-world.ts";
import type { Watcher } from "./node-runner.ts";
import { RunHash } from "./run-hash.ts";
import type { RunFile } from "./run-file.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

/** Holds a run against what should be true, from what is seen from outside; throws a `Violation`. */
export interface Checker<Event, Effect> extends Watcher<Event, Effect> {
  /** When it next wants to look, whatever happens; read after each look. */
  readonly lookAt?: Millis;
  look?(now: Millis): void;
  /** The run is over. */
  finish?(now: Millis): void;
}

/** A protocol and what should be true of it. */
export interface Protocol<Settings, Event, Effect extends { readonly type: string }> {
  readonly start: StartMachine<Settings, Event | WorldEvent, Effect>;
  checkers(world: World<Settings, Event, Effect>, run: RunFile<Settings, Event>): readonly Checker<Event, Effect>[];
}

/** How a run went. */
export interface Outcome {
  readonly hash: string;
  readonly counts: World<unknown, unknown, { readonly type: string }>["counts"];
  /** The first thing that must not be; a run ends with it. */
  readonly violation?: Violation;
}

/** Runs a run to its end, or to the first violation. Whoever else watches sees it too. */
export function simulate<Settings, Event, Effect extends { readonly type: string }>(
  run: RunFile<Settings, Event>,
  protocol: Protocol<Settings, Event, Effect>,
  ...watchers: readonly Watcher<Event, Effect>[]
): Outcome {
  const world = new World(run, protocol.start);
  for (const watcher of watchers) world.watch(watcher);
  const checkers = protocol.checkers(world, run);
  for (const checker of checkers) world.watch(checker);
  try {
    runChecked(world, checkers, run.bounds.endAt);
    return { hash: world.hash, counts: world.counts };
  } catch (error) {
    const violation =
      error instanceof Violation ? error : new Violation("throws", world.now, String((error as Error).stack));
    return { hash: world.hash, counts: world.counts, violation };
  }
}

/** Whether a run goes the same way twice, to the last bit of what is sent. */
export function isDeterministic<Settings, Event, Effect extends { readonly type: string }>(
  run: RunFile<Settings, Event>,
  protocol: Protocol<Settings, Event, Effect>,
): boolean {
  const [first, second] = [1, 2].map(() => {
    const contents = new RunHash();
    const outcome = simulate(run, protocol, { effect: (_node, effect) => contents.addValue(effect) });
    return `${outcome.hash} ${contents.toString()} ${outcome.violation?.message}`;
  });
  return first === second;
}

function runChecked<Settings, Event, Effect extends { readonly type: string }>(
  world: World<Settings, Event, Effect>,
  checkers: readonly Checker<Event, Effect>[],
  endAt: Millis,
): void {
  for (;;) {
    const next = checkers.reduce((soonest, { lookAt = Infinity }) => Math.min(soonest, lookAt), endAt);
    world.runUntil(next);
    if (next >= endAt) break;
    for (const checker of checkers) if ((checker.lookAt ?? Infinity) <= next) checker.look?.(next);
  }
  for (const checker of checkers) checker.finish?.(endAt);
}
