import type { Extent } from "../../../../plugins/mctp/geometry.ts";
import type { Millis } from "../../../../sdk/machine.ts";
import { SimRandom } from "../../../../sdk/testkit/sim/random.ts";
import { drawFaults } from "../../../../sdk/testkit/sim/world/draw-faults.ts";
import type { Fault } from "../../../../sdk/testkit/sim/world/faults.ts";
import type { Operation } from "../../../../sdk/testkit/sim/world/run-file.ts";
import { endsWithinMs, peaceMs } from "./deliveries.ts";
import type { Deliver, MctpEvent, MctpRun, MemberSettings } from "./world.ts";

/** Of Ethernet, IP, UDP and the head of a frame. */
const headBytes = 60;

/** A segment, deliveries, leaders that take over from others, and many faults; then peace. From the seed alone. */
export function drawRun(seed: number): MctpRun {
  const random = new SimRandom(seed, 0x3c7);
  const nodeCount = drawCount(random);
  const count = 10 + random.below(51);
  const scaleMs = oneOf(random, [20, 100, 500, 3_000]);
  const settleAt = 500 + random.below(oneOf(random, [2_000, 15_000]));
  const span = { nodeCount, count, untilMs: settleAt, scaleMs };
  const core = nodeCount > 3 && random.below(4) === 0 ? drawCore(random, nodeCount) : undefined;
  const workload = drawWorkload(random.fork("workload"), nodeCount, settleAt);
  const endMs = workload.map(({ event }) => (event.type === "deliver" ? endsWithinMs(event) : 0));
  return {
    v: 1,
    seed,
    world: {
      nodes: drawMembers(random, nodeCount),
      latencyMs: [0, random.below(3)],
      lossPermille: oneOf(random, [0, 0, 10, 50, 100, 300]),
      timerSlackMs: oneOf(random, [0, 1, 5, 20]),
      startWithinMs: oneOf(random, [0, 0, 100]),
    },
    faults: [...drawFaults(random.fork("faults"), span), ...sick(core, settleAt, random, nodeCount)],
    workload,
    bounds: {
      settleAt,
      endAt: settleAt + peaceMs + Math.max(...endMs) + 10_000,
      ...(core === undefined ? {} : { core }),
    },
  };
}

/** Mostly few. */
function drawCount(random: SimRandom): number {
  return 2 + random.below(oneOf(random, [4, 8, 8, 16, 16, 64]));
}

function drawMembers(random: SimRandom, count: number): MemberSettings[] {
  const encodes = random.below(16) === 0 ? ({ encodes: true } as const) : {};
  const forger = random.below(6) === 0 ? random.below(count) : -1;
  const room = oneOf(random, [2, 4, 1_000, 1_000, 1_000]);
  const [mostOpen, mostPartial] = [room, oneOf(random, [2, room, room])];
  return Array.from({ length: count }, (_, node) => {
    const forges = node === forger ? { forgesPermille: oneOf(random, [5, 50, 300]) } : {};
    return { mostOpen, mostPartial, ...forges, ...encodes };
  });
}

function drawCore(random: SimRandom, count: number): readonly number[] {
  return Array.from({ length: count }, (_, node) => node).filter((node) => node === 0 || random.below(10) < 7);
}

/** What those outside of the core suffer from for ever. */
function sick(core: readonly number[] | undefined, settleAt: Millis, random: SimRandom, count: number): Fault[] {
  const others = Array.from({ length: count }, (_, node) => node).filter((node) => core?.includes(node) === false);
  return others.map((node): Fault => {
    const at = random.below(settleAt);
    const to = oneOf(random, ["multicast", "everything"] as const);
    return oneOf(random, [
      { kind: "kill", node, at },
      { kind: "pause", node, at },
      { kind: "mute", node, to, at },
      { kind: "deaf", node, to, at },
    ]);
  });
}

function drawWorkload(random: SimRandom, nodeCount: number, settleAt: Millis): readonly Operation<MctpEvent>[] {
  const operations: Operation<MctpEvent>[] = [];
  const count = 1 + random.below(4);
  let last: { readonly assignment: number; readonly extent: Extent } | undefined;
  for (let index = 0; index < count; index += 1) {
    const isSame = last !== undefined && random.below(2) === 0;
    const { assignment, extent } =
      isSame && last !== undefined ? last : { assignment: index, extent: drawExtent(random) };
    last = { assignment, extent };
    const isPeace = index === count - 1 && random.below(2) === 0;
    const at = isPeace ? settleAt + peaceMs + random.below(100) : random.below(settleAt);
    const node = random.below(nodeCount);
    const event = drawDeliver(random, nodeCount, assignment, extent);
    // It has everything, or a part, or nothing but what comes by and by.
    const [from, to] = [extent.range.from, extent.range.to];
    const until = from + random.below(oneOf(random, [1, to - from + 1]));
    const most = event.fillMs === 0 ? to : until;
    if (!isSame) operations.push({ at: 150, node, event: { type: "hold", assignment, from, to: most } });
    operations.push({ at: Math.max(200, at), node, event });
    operations.push(...drawHindrance(random, node, at));
  }
  return operations;
}

function drawExtent(random: SimRandom): Extent {
  const pieceBytes = oneOf(random, [64, 300, 1_000, 4_096]);
  const most = oneOf(random, [1, 4, 16, Math.ceil(30_000 / pieceBytes)]);
  const sizeBytes = 1 + random.below(most * pieceBytes);
  const pieces = Math.ceil(sizeBytes / pieceBytes);
  const from = random.below(3) === 0 ? random.below(pieces) : 0;
  return { sizeBytes, pieceBytes, range: { from, to: from + 1 + random.below(pieces - from) } };
}

function drawDeliver(random: SimRandom, nodeCount: number, assignment: number, extent: Extent): Deliver {
  const mostFrameBytes = oneOf(random, [16, 40, 100, 250]);
  const wireBytes = mostFrameBytes + headBytes;
  const start = wireBytes * oneOf(random, [200, 1_000, 8_000]);
  const all = Array.from({ length: nodeCount }, (_, node) => node);
  const members = random.below(3) > 0 ? all : all.filter(() => random.below(2) === 0);
  return {
    ...{ type: "deliver", assignment, extent, mostFrameBytes, members },
    ...(random.below(4) === 0 ? { quorum: 1 + random.below(members.length + 1) } : {}),
    repair: random.below(4) === 0 ? "plain" : "parity",
    limits: {
      startBytesPerSecond: start,
      leastBytesPerSecond: Math.min(start, wireBytes * oneOf(random, [50, 200, 1_000])),
      mostBytesPerSecond: start * oneOf(random, [1, 4, 20]),
    },
    fillMs: oneOf(random, [0, 0, 1, 30]),
    announces: oneOf(random, ["multicast", "multicast", "unicast"]),
  };
}

/** For a while its process sends nothing, or it may not send much. */
function drawHindrance(random: SimRandom, node: number, at: Millis): Operation<MctpEvent>[] {
  const [from, to] = [at + random.below(500), at + 500 + random.below(2_000)];
  switch (random.below(6)) {
    case 0:
      return [
        { at: from, node, event: { type: "backlog", bytes: 1_000_000 } },
        { at: to, node, event: { type: "backlog", bytes: 0 } },
      ];
    case 1:
      return [
        { at: from, node, event: { type: "limit", bytesPerSecond: 1 } },
        { at: to, node, event: { type: "limit", bytesPerSecond: 1_000_000 } },
      ];
    default:
      return [];
  }
}

function oneOf<Item>(random: SimRandom, items: readonly Item[]): Item {
  return items[random.below(items.length)] as Item;
}
