import type { SegmentEffect, SegmentEvent } from "../../../../core/protocol/segment/events.ts";
import type { SegmentMessage } from "../../../../core/protocol/segment/messages.ts";
import type { Fault } from "../../../../sdk/testkit/sim/world/faults.ts";
import type { Operation } from "../../../../sdk/testkit/sim/world/run-file.ts";
import { World } from "../../../../sdk/testkit/sim/world/world.ts";
import { segmentProtocol } from "./protocol.ts";
import { channelOf } from "./world.ts";
import type { MemberSettings, SegmentRun } from "./world.ts";

interface Conversation {
  readonly priorities?: readonly number[];
  readonly ineligible?: readonly number[];
  readonly faults?: readonly Fault[];
  readonly workload?: readonly Operation<SegmentEvent>[];
  /** From when it is written down, and to when. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** What three members say to each other when nothing gets lost: the third ranks highest, `fast` timings. */
export const conversations: Readonly<Record<string, Conversation>> = {
  "elects-and-registers": { fromMs: 0, toMs: 2_600 },
  "leader-dies": { faults: [{ kind: "kill", node: 2, at: 4_000 }], fromMs: 4_000, toMs: 7_500 },
  "leader-leaves": {
    workload: [{ at: 4_000, node: 2, event: { type: "leave" }, ends: true }],
    fromMs: 4_000,
    toMs: 5_500,
  },
  "two-leaders-meet": {
    faults: [{ kind: "partition", nodes: [2], at: 3_000, forMs: 4_000 }],
    fromMs: 7_000,
    toMs: 8_500,
  },
  "deaf-to-multicast": {
    faults: [{ kind: "deaf", node: 0, to: "multicast", at: 3_000, forMs: 6_000 }],
    fromMs: 4_000,
    toMs: 6_500,
  },
  "deaf-and-best": {
    faults: [{ kind: "deaf", node: 2, to: "everything", at: 0, forMs: 20_000 }],
    fromMs: 0,
    toMs: 6_000,
  },
  "moves-to-another-channel": {
    workload: [{ at: 4_000, node: 2, event: { type: "move", channel: channelOf(2) } }],
    fromMs: 4_000,
    toMs: 5_100,
  },
  "newcomer-ranks-higher": {
    priorities: [10, 20, 5],
    faults: [{ kind: "join", node: 2, at: 4_000 }],
    fromMs: 4_000,
    toMs: 5_600,
  },
  "nobody-may-lead": { ineligible: [0, 1, 2], fromMs: 0, toMs: 4_000 },
};

/** The conversation as text: who said what to whom, what was stored, told and reported, in order. */
export function converse({
  priorities = [10, 20, 30],
  ineligible = [],
  faults = [],
  workload = [],
  fromMs,
  toMs,
}: Conversation): string {
  const nodes = priorities.map((priority, node): MemberSettings => {
    return { priority, eligible: !ineligible.includes(node), timings: "fast", knows: [0, 1, 2] };
  });
  const run: SegmentRun = {
    ...{ v: 1, seed: 1, faults, workload, bounds: { settleAt: toMs + 60_000, endAt: toMs + 60_000 } },
    world: { nodes, latencyMs: [1, 1], lossPermille: 0, timerSlackMs: 0, startWithinMs: 50 },
  };
  const world = new World(run, segmentProtocol().start);
  const lines: string[] = [];
  world.watch({
    effect(node, effect, now) {
      if (now >= fromMs) lines.push(`${(now / 1_000).toFixed(3).padStart(7)} n${node} ${describe(effect)}`);
    },
    turn(turn, now) {
      const { does } = turn;
      if (now < fromMs || does === "settle") return;
      const what = does === "operate" ? turn.operation : turn.fault;
      lines.push(`${(now / 1_000).toFixed(3).padStart(7)} -- ${does} ${compact(what)}`);
    },
  });
  world.runUntil(toMs);
  return `${lines.join("\n")}\n`;
}

function describe(effect: SegmentEffect): string {
  switch (effect.type) {
    case "send":
      return `→ n${effect.to.address.split(".").at(-1)} ${say(effect.message)}`;
    case "multicast":
      return `→ ${effect.channels.map(({ number }) => `channel ${number}`).join(", ")}: ${say(effect.message)}`;
    case "tell":
      return `: ${compact(effect.fact)}`;
    default:
      return `${effect.type} ${compact(effect)}`;
  }
}

/** Nonces are random, and where somebody is stands in the world. */
function say(message: SegmentMessage): string {
  return `${message.type} ${compact(message, ["type", "at", "nonce", "channel"])}`.trimEnd();
}

function compact(value: object, without: readonly string[] = ["type"]): string {
  const kept = JSON.stringify(value, (key, each: unknown) => (without.includes(key) && key !== "" ? undefined : each));
  return kept.replaceAll(/"(\w+)":/g, "$1:");
}
