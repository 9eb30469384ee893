import type { RolloutEffect, RolloutEvent, RolloutPolicy } from "../../../core/protocol/rollout.ts";
import { Rollout } from "../../../core/protocol/rollout.ts";

/** Makes the machine that a script or a simulation drives. */
export type CreateRollout = (nodes: readonly string[], policy: RolloutPolicy, needsPreparing: boolean) => Rollout;

export const createRollout: CreateRollout = (...options) => new Rollout(...options);

export const usualPolicy: RolloutPolicy = {
  quorum: 2,
  belowQuorum: "defer",
  commit: "auto",
  gatherMs: 1_000,
  prepareMs: 10_000,
  holdMs: 100_000,
  switchMs: 2_000,
};

/**
 * Plays a script and gives it back with what the machine answered under each line. A line is a moment and an event:
 *
 *   nodes a b c
 *   policy quorum=2 commit=manual
 *   switch only                     (a job that needs no preparing)
 *   0 start a b
 *   20 able a b                     (one event for each node)
 *   30 failed b: disk full
 *   1000 wake
 *
 * Empty lines, and those that begin with `#`, are only given back.
 */
export function play(script: string, create: CreateRollout = createRollout): string {
  let nodes: string[] = [];
  let policy = usualPolicy;
  let needsPreparing = true;
  let machine: Rollout | undefined;
  const trace: string[] = [];
  for (const line of script.split("\n").map((each) => each.trim())) {
    trace.push(line);
    const [first = "", ...rest] = line.split(/\s+/);
    if (first === "nodes") nodes = rest;
    else if (first === "policy") policy = { ...policy, ...readPolicy(rest) };
    else if (first === "switch") needsPreparing = false;
    if (!/^\d/.test(first)) continue;
    machine ??= create(nodes, policy, needsPreparing);
    const before = machine.wakeAt;
    for (const event of readEvents(line.slice(first.length + 1))) {
      trace.push(...machine.handle(event, Number(first)).map((effect) => `    ${describeEffect(effect)}`));
    }
    if (machine.wakeAt !== before) trace.push(`    (wakes at ${machine.wakeAt})`);
  }
  return `${trace.join("\n").trim()}\n`;
}

export function describeEffect(effect: RolloutEffect): string {
  switch (effect.type) {
    case "record":
      return `record ${effect.phase}`;
    case "note":
      return `note ${effect.node} ${effect.stage}${effect.reason === undefined ? "" : `: ${effect.reason}`}`;
    case "order":
      return `order ${effect.nodes.join(" ")}`;
    case "end":
      return `end ${effect.state}: ${effect.reason}`;
    default:
      return `${effect.type} ${effect.node}`;
  }
}

function readPolicy(words: readonly string[]): Partial<RolloutPolicy> {
  const pairs = words.map((word) => {
    const [key = "", value = ""] = word.split("=");
    return [key, /^\d+$/.test(value) ? Number(value) : value];
  });
  return Object.fromEntries(pairs) as Partial<RolloutPolicy>;
}

function readEvents(text: string): (RolloutEvent | { readonly type: "wake" })[] {
  const [head = "", reason = ""] = text.split(": ");
  const [type = "", ...nodes] = head.split(/\s+/);
  if (type === "start") return [{ type, connected: nodes }];
  if (type === "wake" || type === "approved" || type === "ordered") return [{ type }];
  if (type === "refused" || type === "aborted") return [{ type, reason }];
  return nodes.map((node) => ({ type, node, ...(type === "failed" ? { reason } : {}) }) as RolloutEvent);
}
