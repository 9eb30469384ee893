import type { Fault } from "./faults.ts";
import type { RunFile } from "./run-file.ts";

/**
 * A run that still fails, of which nothing can be left out: fewest faults and operations, then nodes, then time. Draws
 * do not depend on each other, so what stays goes as before.
 */
export function shrink<Settings, Event>(
  run: RunFile<Settings, Event>,
  fails: (run: RunFile<Settings, Event>) => boolean,
): RunFile<Settings, Event> {
  let least = run;
  for (let before = ""; before !== JSON.stringify(least);) {
    before = JSON.stringify(least);
    least = { ...least, faults: minimal(least.faults, (faults) => fails({ ...least, faults })) };
    least = { ...least, workload: minimal(least.workload, (workload) => fails({ ...least, workload })) };
    least = withoutNodes(least, fails);
    least = inLessTime(least, fails);
    least = withShorterFaults(least, fails);
  }
  return least;
}

/** A smallest part of the items that fails, in the sense that it does not without any one of them (ddmin). */
export function minimal<Item>(items: readonly Item[], fails: (part: readonly Item[]) => boolean): readonly Item[] {
  let part = items;
  if (part.length > 0 && fails([])) return [];
  for (let pieces = 2; part.length > 1;) {
    const size = Math.ceil(part.length / pieces);
    const starts = Array.from({ length: Math.ceil(part.length / size) }, (_, piece) => piece * size);
    const rest = starts
      .map((start) => [...part.slice(0, start), ...part.slice(start + size)])
      .find((candidate) => candidate.length > 0 && fails(candidate));
    if (rest !== undefined) {
      part = rest;
      pieces = Math.max(2, pieces - 1);
    } else if (size === 1) break;
    else pieces = Math.min(part.length, pieces * 2);
  }
  return part;
}

function withoutNodes<Settings, Event>(
  run: RunFile<Settings, Event>,
  fails: (run: RunFile<Settings, Event>) => boolean,
): RunFile<Settings, Event> {
  const there = run.world.nodes.flatMap((settings, node) => (settings === null ? [] : [node]));
  const { core } = run.bounds;
  const isSome = (nodes: readonly number[]) => core?.some((node) => nodes.includes(node)) ?? true;
  const kept = minimal(there, (nodes) => isSome(nodes) && fails(onlyWith(run, new Set(nodes))));
  return kept.length === there.length ? run : onlyWith(run, new Set(kept));
}

function onlyWith<Settings, Event>(run: RunFile<Settings, Event>, kept: ReadonlySet<number>): RunFile<Settings, Event> {
  const { core, ...bounds } = run.bounds;
  const among = (nodes: readonly number[]) => nodes.filter((node) => kept.has(node));
  const faults = run.faults.flatMap((fault): Fault[] => {
    if ("node" in fault) return kept.has(fault.node) ? [fault] : [];
    if (fault.kind === "one way cut") return [{ ...fault, from: among(fault.from), to: among(fault.to) }];
    return "nodes" in fault && fault.nodes !== undefined ? [{ ...fault, nodes: among(fault.nodes) }] : [fault];
  });
  return {
    ...run,
    world: { ...run.world, nodes: run.world.nodes.map((settings, node) => (kept.has(node) ? settings : null)) },
    faults,
    workload: run.workload.filter(({ node }) => kept.has(node)),
    bounds: core === undefined ? bounds : { ...bounds, core: among(core) },
  };
}

/** Settles sooner, and goes on no longer after it than it did. */
function inLessTime<Settings, Event>(
  run: RunFile<Settings, Event>,
  fails: (run: RunFile<Settings, Event>) => boolean,
): RunFile<Settings, Event> {
  let least = run;
  for (const share of [2, 4, 10, 100]) {
    for (;;) {
      const { settleAt, endAt } = least.bounds;
      const less = Math.floor(settleAt / share);
      const shorter = { ...least, bounds: { ...least.bounds, settleAt: settleAt - less, endAt: endAt - less } };
      if (less === 0 || !fails(shorter)) break;
      least = shorter;
    }
  }
  return least;
}

function withShorterFaults<Settings, Event>(
  run: RunFile<Settings, Event>,
  fails: (run: RunFile<Settings, Event>) => boolean,
): RunFile<Settings, Event> {
  let least = run;
  for (const index of run.faults.keys()) {
    for (;;) {
      const forMs = Math.floor((least.faults[index]?.forMs ?? 0) / 2);
      const faults = least.faults.map((fault, at) => (at === index ? { ...fault, forMs } : fault));
      if (forMs === 0 || !fails({ ...least, faults })) break;
      least = { ...least, faults };
    }
  }
  return least;
}
