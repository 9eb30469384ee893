import { expect } from "vitest";
import type { SegmentView } from "../../core/control/segments/view.ts";
import { Deployment } from "./deployment.ts";
import type { Declared } from "./deployment.ts";
import { Lan } from "./lan/lan.ts";
import type { Program } from "./program.ts";

/** What the nodes of a LAN are put in that say nothing else. */
export const segment = "net-10-77-0-0-24";
export const all = Array.from({ length: 9 }, (_, host) => `n${host}`);
export const deadline = { timeout: 30_000, interval: 200 };
export const hostOf = (node: string) => Number(node.slice(1));
export const without = (...names: string[]) => all.filter((name) => !names.includes(name));

export interface HallOptions extends Omit<Declared, "lan" | "segments"> {
  readonly multicast?: boolean;
}

/** Nine agents and control, each on a host of a LAN of its own. */
export class Hall implements AsyncDisposable {
  readonly lan: Lan;
  readonly deployment: Deployment;

  private constructor(lan: Lan, deployment: Deployment) {
    this.lan = lan;
    this.deployment = deployment;
  }

  static async open({ multicast = true, ...declared }: HallOptions = {}): Promise<Hall> {
    const lan = Lan.up({ hosts: all.length, multicast });
    const deployment = await Deployment.create({ lan, segments: { [segment]: { timings: "fast" } }, ...declared });
    await deployment.startAll(...all);
    return new Hall(lan, deployment);
  }

  view(): Promise<SegmentView> {
    return this.deployment.json<SegmentView>("segments", segment);
  }

  /** The nodes, by a report that was asked for just now. */
  async reported(): Promise<SegmentView["nodes"]> {
    await this.deployment.run("segments", segment, "--report");
    return (await this.view()).nodes;
  }

  /** How many nodes multicast does not reach, by what is shown. */
  async cutOffCount(): Promise<number> {
    return (await this.view()).nodes.filter(({ byUnicast }) => byUnicast === true).length;
  }

  /** Waits until control shows one leader whom exactly these nodes follow, and the nodes see it so too. */
  async settles(nodes: readonly string[] = all): Promise<SegmentView> {
    const shown = async () => {
      const view = await this.view();
      const missing = view.nodes.filter(({ is }) => is === "missing").map(({ name }) => name);
      const followed = new Set(view.nodes.filter(({ is }) => is !== "missing").map(({ leader }) => leader));
      return { state: view.state, parts: view.parts.length, members: view.members, missing, leaders: followed.size };
    };
    await expect
      .poll(shown, deadline)
      .toEqual({ state: "led", parts: 1, members: nodes.length, missing: without(...nodes), leaders: 1 });
    const view = await this.view();
    const leaderId = view.nodes.find(({ is }) => is === "leader")?.id;
    const followed = () => nodes.map((node) => ({ node, ...this.tenure(node) }));
    const expected = nodes.map((node) => ({ node, leader: leaderId, epoch: view.epoch }));
    await expect.poll(followed, deadline).toEqual(expected);
    return view;
  }

  /** Whom a node follows, by what it says itself. */
  tenure(node: string): { leader: unknown; epoch: unknown } {
    const said = this.agent(node).log.findLast(({ msg }) => msg === "election");
    return { leader: said?.["leader"], epoch: said?.["epoch"] };
  }

  /** The name of the leader. */
  async leader(): Promise<string> {
    const { leader } = await this.settles();
    if (leader === undefined) throw new Error("no leader");
    return leader;
  }

  agent(node: string): Program {
    return this.deployment.agent(node);
  }

  signal(node: string, signal: NodeJS.Signals): void {
    this.lan.signal(hostOf(node), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.lan.hosts) this.lan.signal(host, "SIGCONT");
    await this.deployment[Symbol.asyncDispose]();
    await this.lan[Symbol.asyncDispose]();
  }
}
