import assert from "node:assert/strict";
import type { RolloutEffect, RolloutEvent, RolloutPhase, RolloutPolicy } from "../../../core/protocol/rollout.ts";
import type { Rollout } from "../../../core/protocol/rollout.ts";
import { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import type { CreateRollout } from "./rollout-script.ts";
import { createRollout, describeEffect } from "./rollout-script.ts";

type Event = RolloutEvent | { readonly type: "wake" };

const phases: readonly RolloutPhase[] = ["gathering", "preparing", "holding", "ordering", "switching", "ended"];
/** How late a timer may ring. */
const slackMs = 50;
const longestOrderMs = 300;

/** What a node did, whatever the machine believes. */
interface SimNode {
  connected: boolean;
  able: boolean;
  prepared: boolean;
  told: boolean;
  switched: boolean;
  failed: boolean;
}

/** One job with nodes that are slow, fail, come and go, and answer twice or never; all of it follows from the seed. */
export class RolloutSimulation {
  readonly #random: SimRandom;
  readonly #machine: Rollout;
  readonly #policy: RolloutPolicy;
  readonly #needsPreparing: boolean;
  readonly #nodes: ReadonlyMap<string, SimNode>;
  readonly #planned: { readonly at: number; readonly event: Event }[] = [];
  readonly #trace: string[] = [];
  readonly #latestEnd: number;
  #now = 0;
  #phase = 0;
  readonly #switched = new Set<string>();
  #ordered: readonly string[] | undefined;
  #isOrdered = false;
  #isApproved = false;
  #endedAt: number | undefined;

  constructor(seed: number, create: CreateRollout = createRollout) {
    this.#random = new SimRandom(seed);
    const below = (limit: number) => this.#random.below(limit);
    const names = Array.from({ length: 1 + below(6) }, (_, index) => `n${index}`);
    this.#policy = {
      quorum: 1 + below(names.length),
      belowQuorum: below(2) === 0 ? "defer" : "cancel",
      commit: below(3) === 0 ? "manual" : "auto",
      gatherMs: 100 + below(900),
      prepareMs: 100 + below(3_000),
      holdMs: 100 + below(3_000),
      switchMs: 100 + below(1_500),
    };
    this.#needsPreparing = below(5) > 0;
    const { gatherMs, prepareMs, holdMs, switchMs } = this.#policy;
    this.#latestEnd = gatherMs + prepareMs + holdMs + longestOrderMs + switchMs + 4 * slackMs;
    this.#isApproved = this.#policy.commit === "auto" || !this.#needsPreparing;
    this.#nodes = new Map(
      names.map((name) => {
        const nothing = { able: false, prepared: false, told: false, switched: false, failed: false };
        return [name, { ...nothing, connected: below(4) > 0 }];
      }),
    );
    this.#machine = create(names, this.#policy, this.#needsPreparing);
    this.#planTroubles();
  }

  /** What was said so far, a line each. */
  get trace(): string {
    return this.#trace.join("\n");
  }

  /** Runs the job to its end. Throws at the first thing that must not be. */
  run(): void {
    const { quorum, commit } = this.#policy;
    const kind = this.#needsPreparing ? "publish" : "switch";
    this.#trace.push(
      `${kind}: ${this.#nodes.size} nodes, quorum ${quorum}, ${commit}, ${JSON.stringify(this.#policy)}`,
    );
    const connected = [...this.#nodes].filter(([, node]) => node.connected).map(([name]) => name);
    this.#hand({ type: "start", connected });
    for (let step = 0; this.#planned.length > 0 || this.#machine.wakeAt < Infinity; step += 1) {
      assert.ok(step < 2_000, "it never comes to an end");
      this.#step();
    }
    assert.notEqual(this.#endedAt, undefined, "it did not end");
    this.#checkEnd();
  }

  #step(): void {
    this.#planned.sort((a, b) => a.at - b.at);
    const next = this.#planned[0];
    const { wakeAt } = this.#machine;
    if (next === undefined || wakeAt <= next.at) {
      this.#now = Math.max(this.#now, wakeAt) + this.#random.below(slackMs);
      this.#hand({ type: "wake" });
      assert.ok(
        this.#machine.wakeAt > this.#now,
        `it was woken at ${this.#now} and wants to be woken at ${wakeAt} again`,
      );
      return;
    }
    this.#planned.shift();
    this.#now = Math.max(this.#now, next.at);
    this.#hand(next.event);
  }

  #hand(event: Event): void {
    this.#trace.push(`${this.#now} ${JSON.stringify(event)}`);
    this.#live(event);
    const effects = this.#machine.handle(event, this.#now);
    for (const [index, effect] of effects.entries()) {
      this.#trace.push(`    ${describeEffect(effect)}`);
      assert.equal(this.#endedAt, undefined, "it does something after its end");
      this.#perform(effect, index === effects.length - 1);
    }
    this.#checkStep(event);
  }

  /** What an event says about the world; it may say it to a machine that does not care any more. */
  #live(event: Event): void {
    if (event.type === "approved") this.#isApproved = true;
    if (event.type === "ordered") this.#isOrdered = true;
    if (!("node" in event)) return;
    const node = this.#node(event.node);
    if (event.type === "connected" || event.type === "disconnected") node.connected = event.type === "connected";
    // It counts while the connection stands on which it was asked.
    if (event.type === "able" && node.connected) node.able = true;
    if (event.type === "prepared") node.prepared = true;
    if (event.type === "switched") node.switched = true;
    if (event.type === "failed" && !node.switched) node.failed = true;
  }

  #perform(effect: RolloutEffect, isLast: boolean): void {
    switch (effect.type) {
      case "record": {
        const phase = phases.indexOf(effect.phase);
        assert.ok(phase >= this.#phase, `it goes back from ${phases[this.#phase]} to ${effect.phase}`);
        this.#phase = phase;
        return;
      }
      case "ask":
      case "prepare":
      case "switch":
        assert.ok(this.#node(effect.node).connected, `${effect.node} is told to ${effect.type} and is away`);
        if (effect.type === "switch") this.#checkSwitch(effect.node);
        return this.#planAnswers(effect.node, effect.type);
      case "order":
        return this.#checkOrder(effect.nodes);
      case "end":
        assert.ok(isLast, "there is something behind its end");
        this.#endedAt = this.#now;
    }
  }

  /** A commit may be ordered once, after somebody approved, when enough nodes hold and verified everything. */
  #checkOrder(nodes: readonly string[]): void {
    assert.equal(this.#ordered, undefined, "it orders a second commit");
    assert.ok(this.#isApproved, "nobody said commit");
    const ready = [...this.#nodes].filter(([, node]) => this.#isReady(node) && !node.failed).map(([name]) => name);
    assert.ok(ready.length >= this.#policy.quorum, `${ready.length} are ready, ${this.#policy.quorum} are needed`);
    const given = this.#machine.stages();
    for (const name of ready) {
      const isGivenUp = given.get(name)?.stage === "failed";
      assert.ok(isGivenUp || nodes.includes(name), `${name} is ready and not among those of the commit`);
    }
    this.#ordered = nodes;
    const type = this.#chance(90) ? "ordered" : "refused";
    this.#plan(this.#random.below(longestOrderMs), type === "ordered" ? { type } : { type, reason: "no" });
  }

  #checkSwitch(name: string): void {
    const node = this.#node(name);
    assert.ok(this.#isOrdered, `${name} is told to switch before the commit is ordered`);
    assert.ok(this.#ordered?.includes(name), `${name} is told to switch by a commit that is not for it`);
    assert.ok(this.#isReady(node), `${name} is told to switch to what it has not got`);
    node.told = true;
  }

  #isReady({ able, prepared }: SimNode): boolean {
    return this.#needsPreparing ? prepared : able;
  }

  #checkStep(event: Event): void {
    const { phase } = this.#machine;
    assert.equal(phase, phases[this.#phase], "its phase is not the one it recorded");
    assert.ok(
      this.#machine.wakeAt < Infinity || ["ordering", "ended"].includes(phase),
      `nothing wakes it while ${phase}`,
    );
    assert.ok(this.#now <= this.#latestEnd || phase === "ended", `it is ${phase} after all deadlines`);
    if (event.type === "aborted" && this.#ordered === undefined)
      assert.equal(phase, "ended", "it was aborted and goes on");
    const stages = this.#machine.stages();
    for (const name of this.#switched) assert.equal(stages.get(name)?.stage, "switched", `${name} had switched`);
    for (const [name, { stage }] of stages) if (stage === "switched") this.#switched.add(name);
    if (phase !== "switching") return;
    for (const [name, node] of this.#nodes) {
      const waits =
        node.connected && this.#isReady(node) && !node.failed && !node.told && this.#ordered?.includes(name);
      assert.ok(!waits, `${name} is ready and connected, and not told to switch`);
    }
  }

  #checkEnd(): void {
    const stages = this.#machine.stages();
    assert.deepEqual([...stages.keys()], [...this.#nodes.keys()], "it does not account for every node");
    const end = /end (\w+):/.exec(this.#trace.findLast((line) => line.startsWith("    end")) ?? "")?.[1];
    const switched = [...stages].filter(([, { stage }]) => stage === "switched").map(([name]) => name);
    for (const name of switched) assert.ok(this.#node(name).switched, `${name} is said to have switched and did not`);
    for (const [name, { stage, reason }] of stages) {
      if (stage === "failed") assert.ok(reason, `${name} failed and nobody knows why`);
      const isOver = stage === "switched" || stage === "failed";
      if (this.#isOrdered) assert.ok(isOver, `${name} is still ${stage} at the end`);
    }
    if (end === "done") assert.ok(switched.length >= this.#policy.quorum, "done, with too few");
    else assert.ok(switched.length < this.#policy.quorum, `${end}, with enough`);
    if (end === "cancelled" || end === "deferred") assert.equal(this.#ordered, undefined, `${end} after a commit`);
  }

  #planTroubles(): void {
    const { gatherMs, prepareMs, holdMs } = this.#policy;
    const moment = () => this.#random.below(gatherMs + prepareMs + holdMs);
    for (const name of this.#nodes.keys()) {
      for (let count = this.#random.below(4); count > 0; count -= 1) {
        this.#plan(moment(), { type: this.#chance(50) ? "connected" : "disconnected", node: name });
      }
      if (this.#chance(5)) this.#plan(moment(), { type: "failed", node: name, reason: "out of the blue" });
    }
    if (this.#chance(70)) this.#plan(moment(), { type: "approved" });
    if (this.#chance(8)) this.#plan(moment(), { type: "aborted", reason: "by ada" });
  }

  /**
   * Nodes answer what they were told, once, twice or never, soon or late, or fail. A message may outlive its
   * connection.
   */
  #planAnswers(node: string, order: "ask" | "prepare" | "switch"): void {
    const answer = { ask: "able", prepare: "prepared", switch: "switched" } as const;
    const limit = { ask: this.#policy.gatherMs, prepare: this.#policy.prepareMs, switch: this.#policy.switchMs }[order];
    if (this.#chance(8)) return;
    const delay = this.#chance(15) ? this.#random.below(limit * 2) : this.#random.below(Math.min(limit, 100));
    if (this.#chance(8)) return this.#plan(delay, { type: "failed", node, reason: `cannot ${order}` });
    this.#plan(delay, { type: answer[order], node });
    if (this.#chance(10)) this.#plan(delay + this.#random.below(100), { type: answer[order], node });
    if (this.#chance(4))
      this.#plan(delay + this.#random.below(500), { type: "failed", node, reason: "the second time" });
  }

  #plan(delay: number, event: Event): void {
    this.#planned.push({ at: this.#now + delay, event });
  }

  #chance(percent: number): boolean {
    return this.#random.below(100) < percent;
  }

  #node(name: string): SimNode {
    const node = this.#nodes.get(name);
    assert.ok(node !== undefined, `there is no ${name}`);
    return node;
  }
}

/** The first seed whose job does what must not be, with what it did; undefined if there is none. */
export function findViolation(seeds: Iterable<number>, create?: CreateRollout): string | undefined {
  for (const seed of seeds) {
    const simulation = new RolloutSimulation(seed, create);
    try {
      simulation.run();
    } catch (error) {
      const replay = `ROLLOUT_SEED=${seed} npx vitest run test/core/protocol/rollout.test.ts`;
      return `seed ${seed}: ${(error as Error).message}\n${simulation.trace}\nreplay: ${replay}`;
    }
  }
  return undefined;
}
