import type { Millis } from "../../../machine.ts";
import type { SimRandom } from "../random.ts";
import type { Fault } from "./faults.ts";

/** What faults are drawn for. */
export interface FaultSpan {
  readonly nodeCount: number;
  readonly count: number;
  /** They begin before this. */
  readonly untilMs: Millis;
  /** About how long the protocol takes to notice something: episodes last from a tenth of it to ten times it. */
  readonly scaleMs: Millis;
}

type Draw = (random: SimRandom, span: FaultSpan) => DistributiveOmit<Fault, "at" | "forMs">;
type DistributiveOmit<Union, Key extends string> = Union extends unknown ? Omit<Union, Key> : never;

const kinds: Readonly<Record<Fault["kind"], Draw>> = {
  loss: (random, span) => ({ kind: "loss", permille: 10 + random.below(600), ...someOrAll(random, span) }),
  burst: (random, span) => ({
    kind: "burst",
    permille: 500 + random.below(501),
    goodMs: 1 + random.below(2 * span.scaleMs),
    badMs: 1 + random.below(span.scaleMs),
    ...someOrAll(random, span),
  }),
  delay: (random, span) => {
    const leastMs = random.below(Math.ceil(span.scaleMs / 20));
    return { kind: "delay", leastMs, mostMs: leastMs + random.below(span.scaleMs), ...someOrAll(random, span) };
  },
  duplicate: (random, span) => ({ kind: "duplicate", ...someOf(random, span) }),
  reorder: (random, span) => ({ kind: "reorder", ...someOf(random, span) }),
  corrupt: (random, span) => ({ kind: "corrupt", permille: 10 + random.below(500), ...someOrAll(random, span) }),
  partition: (random, span) => ({ kind: "partition", nodes: some(random, span) }),
  "one way cut": (random, span) => ({ kind: "one way cut", from: some(random, span), to: some(random, span) }),
  "multicast off": () => ({ kind: "multicast off" }),
  deaf: (random, span) => ({ kind: "deaf", node: one(random, span), to: oneOf(random, ["multicast", "everything"]) }),
  mute: (random, span) => ({ kind: "mute", node: one(random, span), to: oneOf(random, ["multicast", "everything"]) }),
  kill: (random, span) => ({ kind: "kill", node: one(random, span) }),
  "power cut": (random, span) => ({
    kind: "power cut",
    node: one(random, span),
    store: oneOf(random, ["before", "after"]),
  }),
  pause: (random, span) => ({ kind: "pause", node: one(random, span) }),
  slow: (random, span) => ({ kind: "slow", node: one(random, span), ms: 1 + random.below(span.scaleMs) }),
  "slow disk": (random, span) => ({ kind: "slow disk", node: one(random, span), ms: 1 + random.below(span.scaleMs) }),
  drift: (random, span) => {
    // Usual quartz, or a clock that is plainly broken.
    const most = random.below(4) === 0 ? 50_000 : 200;
    return { kind: "drift", node: one(random, span), ppm: random.below(2 * most + 1) - most };
  },
  join: (random, span) => ({ kind: "join", node: one(random, span) }),
};

/** All kinds of faults. */
export const faultKinds = Object.keys(kinds) as readonly Fault["kind"][];

/** Faults in the order in which they begin, each of a stream of its own; of all kinds alike, if none are named. */
export function drawFaults(random: SimRandom, span: FaultSpan, among = faultKinds): readonly Fault[] {
  const faults = Array.from({ length: span.count }, (_, index): Fault => {
    const own = random.fork(index);
    const drawn = kinds[oneOf(own, among)](own, span);
    const least = Math.ceil(span.scaleMs / 10);
    const forMs = least + own.below(oneOf(own, [least, span.scaleMs, 10 * span.scaleMs]));
    return { at: own.below(span.untilMs), forMs, ...drawn } as Fault;
  });
  return faults.sort((a, b) => a.at - b.at);
}

function one(random: SimRandom, { nodeCount }: FaultSpan): number {
  return random.below(nodeCount);
}

function oneOf<Item>(random: SimRandom, items: readonly Item[]): Item {
  return items[random.below(items.length)] as Item;
}

/** Each node with one chance for all: often few, often nearly all. */
function some(random: SimRandom, { nodeCount }: FaultSpan): number[] {
  const percent = 10 + random.below(81);
  const nodes = Array.from({ length: nodeCount }, (_, node) => node).filter(() => random.below(100) < percent);
  return nodes.length === 0 ? [random.below(nodeCount)] : nodes;
}

function someOrAll(random: SimRandom, span: FaultSpan): { readonly nodes?: readonly number[] } {
  return random.below(2) === 0 ? {} : { nodes: some(random, span) };
}

function someOf(random: SimRandom, span: FaultSpan) {
  return { permille: 10 + random.below(500), mostMs: 1 + random.below(span.scaleMs), ...someOrAll(random, span) };
}
