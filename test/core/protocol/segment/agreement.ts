import type { SegmentEffect, SegmentEvent, SegmentMemory } from "../../../../core/protocol/segment/events.ts";
import { segmentTimings } from "../../../../core/protocol/segment/timings.ts";
import type { TimingsName } from "../../../../core/protocol/segment/timings.ts";
import type { Millis } from "../../../../sdk/machine.ts";
import type { Checker } from "../../../../sdk/testkit/sim/world/simulate.ts";
import { Violation } from "../../../../sdk/testkit/sim/world/violation.ts";
import { SegmentView, mutuallyReaching } from "./view.ts";
import type { SegmentRun, SegmentWorld } from "./world.ts";

/** Without faults, within so long there is one leader (E1). */
export const reelectedMs = { usual: 41_000, fast: 3_000 } as const satisfies Record<TimingsName, Millis>;

/** So long after any faults there is one leader: what members held against each other before has to run out. */
export function agreedWithinMs(timings: TimingsName): Millis {
  return segmentTimings[timings].distrustMs + reelectedMs[timings];
}

/** The timings of a run, which all its members share. */
export function timingsOf(run: SegmentRun): TimingsName {
  return run.world.nodes.find((settings) => settings !== null)?.timings ?? "usual";
}

/** Once the world has settled all follow one leader in time, keep it, and are on its channel (E1, E3 … E6, E10). */
export class Agreement implements Checker<SegmentEvent, SegmentEffect> {
  readonly #world: SegmentWorld;
  readonly #run: SegmentRun;
  readonly #view: SegmentView;
  readonly #latest: Millis;
  lookAt: Millis;
  /** Of the members that count: whom they agree on, and since when. */
  leader: string | undefined;
  agreedAt: Millis = 0;
  #counted: readonly number[] | undefined;
  /** On which each member is, by its number. */
  readonly channels = new Map<number, number>();

  constructor(world: SegmentWorld, run: SegmentRun) {
    this.#world = world;
    this.#run = run;
    this.#view = new SegmentView(world);
    this.lookAt = run.bounds.settleAt;
    this.#latest = run.bounds.settleAt + agreedWithinMs(timingsOf(run));
  }

  process(node: number, does: "start" | "end"): void {
    this.#view.process(node, does);
    this.#counted = undefined;
  }

  turn(): void {
    this.#counted = undefined;
  }

  event(node: number, event: SegmentEvent): void {
    this.#view.event(node, event);
  }

  effect(node: number, effect: SegmentEffect, now: Millis): void {
    if (effect.type === "listen") this.channels.set(node, effect.channels[0]?.number ?? 0);
    if (effect.type !== "tell" || effect.fact.what !== "state") return;
    this.#view.effect(node, effect);
    if (now >= this.#run.bounds.settleAt) this.#compare(now);
  }

  look(now: Millis): void {
    this.lookAt = now < this.#latest ? this.#latest : Infinity;
    this.#compare(now);
    if (now >= this.#latest && this.leader === undefined && this.#isAnybodyEligible()) this.#disagree(now);
  }

  finish(now: Millis): void {
    if (now < this.#latest) return;
    this.#compare(now);
    if (!this.#isAnybodyEligible()) return;
    if (this.leader === undefined) this.#disagree(now);
    this.#checkChannels(now);
  }

  #compare(now: Millis): void {
    const before = this.leader;
    this.leader = this.#agreed(this.#whoCounts());
    if (this.leader === before) return;
    this.agreedAt = now;
    if (now <= this.#latest || before === undefined || !this.#isAnybodyEligible()) return;
    throw new Violation("E3", now, `${before} led, and is given up for ${this.leader ?? "nobody"}\n${this.#states()}`);
  }

  /** Who must agree; after the world has settled it changes only with the nodes that run. */
  #whoCounts(): readonly number[] {
    return (this.#counted ??= mutuallyReaching(this.#world, this.#run));
  }

  /** Whom all of these follow, if it leads. */
  #agreed(counted: readonly number[]): string | undefined {
    let leader: string | undefined;
    for (const node of counted) {
      const { state, tenure } = this.#view.get(node);
      if (tenure === undefined || (state !== "leader known" && state !== "leader is me")) return undefined;
      leader ??= tenure.leader;
      if (leader !== tenure.leader) return undefined;
    }
    if (leader === undefined) return undefined;
    return this.#view.get(Number(leader.slice(1))).state === "leader is me" ? leader : undefined;
  }

  #isAnybodyEligible(): boolean {
    return this.#whoCounts().some((node) => this.#view.get(node).eligible);
  }

  #disagree(now: Millis): never {
    throw new Violation("E1", now, `no leader all agree on\n${this.#states()}`);
  }

  #states(): string {
    const counted = this.#whoCounts();
    return [...this.#view.members]
      .map(([node, { state, tenure, priority, eligible }]) => {
        const follows = tenure === undefined ? "" : ` ${tenure.leader} ${tenure.epoch}`;
        const remarks = [`priority ${priority}`, eligible ? [] : "ineligible", counted.includes(node) ? [] : "sick"];
        return `n${node}: ${state ?? "down"}${follows} (${remarks.flat().join(", ")})`;
      })
      .join("\n");
  }

  #checkChannels(now: Millis): void {
    const leader = Number(this.leader?.slice(1));
    const right = this.channels.get(leader);
    for (const node of this.#whoCounts()) {
      const own = this.channels.get(node);
      const stored = (this.#world.memoryOf(node) as SegmentMemory | undefined)?.channel.number ?? own;
      if (own !== right || stored !== right)
        throw new Violation("E10", now, `n${node} is on channel ${own}, stored ${stored}; n${leader} is on ${right}`);
    }
  }
}
