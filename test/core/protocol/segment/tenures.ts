import type { SegmentEffect, SegmentEvent, SegmentMemory } from "../../../../core/protocol/segment/events.ts";
import type { Checker } from "../../../../sdk/testkit/sim/world/simulate.ts";
import { Violation } from "../../../../sdk/testkit/sim/world/violation.ts";
import { SegmentView } from "./view.ts";
import type { SegmentWorld } from "./world.ts";

/**
 * At every moment: a tenure is begun once (E7), no member goes back to an older epoch, not even after a restart,
 * nothing is said of an epoch that is not stored, and who may not lead does not (E9).
 */
export function tenureChecker(world: SegmentWorld): Checker<SegmentEvent, SegmentEffect> {
  const view = new SegmentView(world);
  const begun = new Set<string>();
  const acted = new Map<number, number>();

  function tell(node: number, effect: SegmentEffect, now: number): void {
    const before = view.get(node).state;
    view.effect(node, effect);
    const { state, tenure, eligible } = view.get(node);
    if (state === "leader is me" && !eligible) throw new Violation("E9", now, `n${node} may not lead and does`);
    if (tenure === undefined) return;
    const { epoch, leader } = tenure;
    const known = acted.get(node) ?? 0;
    if (epoch < known)
      throw new Violation("E7", now, `n${node} goes back from epoch ${known} to ${epoch} of ${leader}`);
    if (state === "leader is me" && (before !== state || epoch !== known)) {
      if (begun.has(`${leader} ${epoch}`)) throw new Violation("E7", now, `${leader} begins epoch ${epoch} again`);
      if (epoch <= known) throw new Violation("E7", now, `${leader} leads in epoch ${epoch} and knew ${known}`);
      begun.add(`${leader} ${epoch}`);
    }
    acted.set(node, epoch);
  }

  return {
    process: (node, does) => view.process(node, does),
    event(node, event, now) {
      const { state, eligible } = view.get(node);
      if (state === "leader is me" && !eligible) throw new Violation("E9", now, `n${node} may not lead and goes on`);
      view.event(node, event);
    },
    effect(node, effect, now) {
      if (effect.type === "tell") return effect.fact.what === "state" ? tell(node, effect, now) : undefined;
      if (effect.type !== "multicast" && effect.type !== "send") return;
      const { message } = effect;
      const isAboutOwn = message.type === "alive" || (message.type === "claim" && message.leading);
      if (!isAboutOwn) return;
      const stored = (world.memoryOf(node) as SegmentMemory | undefined)?.epoch ?? 0;
      if (message.epoch > stored)
        throw new Violation("E7", now, `n${node} says ${message.type} of epoch ${message.epoch} and stored ${stored}`);
    },
  };
}
