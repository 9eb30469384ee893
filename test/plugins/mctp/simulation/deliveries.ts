import { Geometry, cutFor } from "../../../../plugins/mctp/geometry.ts";
import { silenceMs } from "../../../../plugins/mctp/receive/silence.ts";
import type { Millis } from "../../../../sdk/machine.ts";
import type { WorldEvent } from "../../../../sdk/testkit/sim/world/machine-in-world.ts";
import type { Checker } from "../../../../sdk/testkit/sim/world/simulate.ts";
import { Violation } from "../../../../sdk/testkit/sim/world/violation.ts";
import type { Delivered } from "../../../../sdk/transport.ts";
import { hasAll } from "./pieces.ts";
import type { Deliver, Fact, MctpEffect, MctpEvent, MctpRun, MctpWorld, Pieces } from "./world.ts";

/** What a member is given to notice that a session is over, besides the silence. */
const noticeMs = 1_000;
const lookMs = 500;

interface Session {
  readonly node: number;
  readonly deliver: Deliver;
  readonly beganAt: Millis;
  /** When its sender ended it, or died. */
  overAt: Millis;
}

/** So long after everything was healed nothing is left of what was wrong, such as a slow write. */
export const peaceMs = 15_000;
/** Of more than so many of 1,000 even ten answers in a row may be lost. */
const mostPeacefulLoss = 100;

/** In peace a session ends within this time, by the most it may send and the slowest it may do so. */
export function endsWithinMs({ extent, mostFrameBytes, limits, fillMs }: Deliver): Millis {
  const { frameCount, cut } = new Geometry(extent, cutFor(extent, mostFrameBytes));
  const mostMs = ((20 * frameCount + 2_048) * (cut.frameBytes + 60) * 1_000) / limits.leastBytesPerSecond;
  return 30_000 + (extent.range.to - extent.range.from) * fillMs + mostMs;
}

/**
 * M1: who is said to have everything has it, and everybody else is named with a reason. M3: in peace every session ends
 * in time, for its sender and for whoever takes part; and if nothing was wrong from its begin on, everybody has it.
 */
export class DeliveryChecker implements Checker<MctpEvent, MctpEffect> {
  readonly #world: MctpWorld;
  readonly #run: MctpRun;
  readonly #sessions = new Map<number, Session>();
  /** Sessions that each node takes part in. */
  readonly #taken = new Map<number, Set<number>>();
  readonly #heardAt: Float64Array;
  lookAt: Millis;

  constructor(world: MctpWorld, run: MctpRun) {
    this.#world = world;
    this.#run = run;
    this.#heardAt = new Float64Array(run.world.nodes.length);
    this.lookAt = run.bounds.settleAt;
  }

  event(node: number, { type }: MctpEvent | WorldEvent, now: Millis): void {
    if (type === "message") this.#heardAt[node] = now;
  }

  effect(node: number, effect: MctpEffect, now: Millis): void {
    if (effect.type === "tell") this.#told(node, effect.fact, now);
  }

  process(node: number, does: "start" | "end", now: Millis): void {
    if (does === "start") return;
    this.#taken.delete(node);
    for (const session of this.#sessions.values())
      if (session.node === node) session.overAt = Math.min(session.overAt, now);
  }

  look(now: Millis): void {
    this.lookAt = now + lookMs;
    const { settleAt } = this.#run.bounds;
    for (const { node, deliver, beganAt, overAt } of this.#sessions.values()) {
      const limit = Math.max(beganAt, settleAt) + endsWithinMs(deliver);
      if (overAt === Infinity && now > limit && this.#world.isRunning(node))
        throw new Violation("M3", now, `what n${node} began to send at ${beganAt} ms goes on`);
    }
    for (const [node, taken] of this.#taken) for (const number of taken) this.#hasEnded(node, number, now);
  }

  finish(now: Millis): void {
    this.look(now);
  }

  #hasEnded(node: number, number: number, now: Millis): void {
    const { overAt = 0 } = this.#sessions.get(number) ?? {};
    const since = Math.max(overAt, this.#run.bounds.settleAt, this.#heardAt[node] as number);
    if (now > since + silenceMs + noticeMs && this.#world.isRunning(node))
      throw new Violation("M3", now, `n${node} still takes part in what was over at ${overAt} ms`);
  }

  #told(node: number, fact: Fact, now: Millis): void {
    switch (fact.what) {
      case "delivers":
        this.#sessions.set(fact.session, { node, deliver: fact.deliver, beganAt: now, overAt: Infinity });
        break;
      case "delivered": {
        const session = this.#sessions.get(fact.session);
        if (session === undefined) throw new Violation("M1", now, "what never began has ended");
        session.overAt = now;
        this.#check(session, fact.delivered, now);
        break;
      }
      case "takes":
        this.#taken.set(node, (this.#taken.get(node) ?? new Set()).add(fact.session));
        break;
      case "complete":
        this.#has(node, fact.assignment, fact.extent.range, now);
        break;
      case "ended":
        this.#taken.get(node)?.delete(fact.session);
    }
  }

  #check({ deliver, beganAt }: Session, { complete, left }: Delivered, now: Millis): void {
    const { members, assignment, extent } = deliver;
    const named = [...complete, ...left.map(({ member }) => member)].sort();
    const meant = [...new Set(members)].map((node) => `n${node}`).sort();
    if (named.join() !== meant.join()) throw new Violation("M1", now, `of ${meant} there are named ${named}`);
    const silent = left.find(({ reason }) => reason === "");
    if (silent !== undefined) throw new Violation("M1", now, `${silent.member} was left for no reason`);
    for (const member of complete) this.#has(Number(member.slice(1)), assignment, extent.range, now);
    if (this.#isPeaceful(deliver, beganAt) && left.length > 0)
      throw new Violation("M1 in peace", now, `${left[0]?.member} was left, because ${left[0]?.reason}`);
  }

  #has(node: number, assignment: number, range: { from: number; to: number }, now: Millis): void {
    const pieces = this.#world.memoryOf(node) as Pieces | undefined;
    if (!hasAll(pieces, assignment, range)) throw new Violation("M1", now, `n${node} has not everything`);
  }

  /** Whether nobody has a reason to be left: nothing is wrong any more, none lies, all are waited for and have room. */
  #isPeaceful({ quorum, members, extent }: Deliver, beganAt: Millis): boolean {
    const { bounds, world, faults } = this.#run;
    const isAll = members.length <= (quorum ?? members.length);
    const pieces = extent.range.to - extent.range.from;
    const isRoomy = world.nodes.every(
      (settings) => Math.min(settings?.mostOpen ?? 0, settings?.mostPartial ?? 0) > 2 * pieces,
    );
    const isHonest = world.nodes.every((settings) => (settings?.forgesPermille ?? 0) === 0);
    const isThere = members.every((node) => this.#world.isRunning(node));
    const isOver = beganAt >= bounds.settleAt + peaceMs && world.lossPermille <= mostPeacefulLoss;
    return (isOver || faults.length === 0) && bounds.core === undefined && isAll && isRoomy && isHonest && isThere;
  }
}
