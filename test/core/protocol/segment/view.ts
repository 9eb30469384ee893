import type { ElectionState, SegmentEffect, SegmentEvent } from "../../../../core/protocol/segment/events.ts";
import type { Tenure } from "../../../../core/protocol/segment/messages.ts";
import type { WorldEvent } from "../../../../sdk/testkit/sim/world/machine-in-world.ts";
import type { Watcher } from "../../../../sdk/testkit/sim/world/node-runner.ts";
import type { SegmentRun, SegmentWorld } from "./world.ts";

/** What a member said of itself last; `state` is undefined while no process runs. */
export interface SeenMember {
  state: ElectionState | undefined;
  tenure: Tenure | undefined;
  eligible: boolean;
  priority: number;
}

/** A segment as its members say it is: kept from the facts they tell. */
export class SegmentView implements Watcher<SegmentEvent, SegmentEffect> {
  readonly #world: SegmentWorld;
  readonly members = new Map<number, SeenMember>();

  constructor(world: SegmentWorld) {
    this.#world = world;
    for (const { index, settings } of world.nodes) {
      const { eligible, priority } = settings;
      this.members.set(index, { state: undefined, tenure: undefined, eligible, priority });
    }
  }

  get(node: number): SeenMember {
    const member = this.members.get(node);
    if (member === undefined) throw new Error(`there is no n${node}`);
    return member;
  }

  process(node: number, does: "start" | "end"): void {
    const settings = this.#world.nodes.find(({ index }) => index === node)?.settings;
    const state = does === "start" ? "leader unknown" : undefined;
    Object.assign(this.get(node), settings, { state, tenure: undefined });
  }

  event(node: number, event: SegmentEvent | WorldEvent): void {
    if (event.type !== "rank") return;
    this.get(node).eligible = event.eligible;
    this.get(node).priority = event.priority;
  }

  effect(node: number, effect: SegmentEffect): void {
    if (effect.type !== "tell" || effect.fact.what !== "state") return;
    this.get(node).state = effect.fact.state;
    this.get(node).tenure = effect.fact.tenure;
  }
}

/** The nodes that run and reach each other in every way, once the world has settled. */
export function mutuallyReaching(world: SegmentWorld, run: SegmentRun): readonly number[] {
  const running = world.nodes.map(({ index }) => index).filter((node) => world.isRunning(node));
  const core = (run.bounds.core ?? running).filter((node) => running.includes(node));
  const reach = (one: number, other: number) =>
    (["multicast", "unicast"] as const).every(
      (way) => world.reaches(one, other, way) && world.reaches(other, one, way),
    );
  return running.filter((node) => core.every((other) => other === node || reach(node, other)));
}
