import type { TimingsName } from "../../core/protocol/segment/timings.ts";
import { Deployment } from "../system/deployment.ts";
import { Lan } from "../system/lan/lan.ts";
import type { Contender, Reelection } from "./election-peers.ts";
import { deadlineMs, hostCount } from "./election-peers.ts";
import { until } from "./measuring.ts";

/** A segment of agents, with control on a host of its own. */
export class AgentSegment implements Contender {
  readonly name: string;
  readonly #lan: Lan;
  readonly #deployment: Deployment;

  private constructor(timings: TimingsName, lan: Lan, deployment: Deployment) {
    this.name = `Distributary, ${timings} timings`;
    this.#lan = lan;
    this.#deployment = deployment;
  }

  static async start(timings: TimingsName): Promise<AgentSegment> {
    await using stack = new AsyncDisposableStack();
    const lan = stack.use(Lan.up({ hosts: hostCount }));
    const segments = { [segmentOf(lan)]: { timings } };
    const deployment = stack.use(await Deployment.create({ lan, segments }));
    await deployment.startAll(...lan.hosts.map(nameOf));
    const contender = new AgentSegment(timings, lan, deployment);
    await contender.#agree(lan.hosts);
    stack.move();
    return contender;
  }

  async reelect(): Promise<Reelection> {
    const leader = this.#leaders().at(-1);
    if (leader === undefined) throw new Error("nobody leads");
    const others = this.#lan.hosts.filter((host) => host !== leader);
    const startedAt = performance.now();
    this.#lan.signal(leader, "SIGKILL");
    await until(() => this.#leaders().some((host) => host !== leader), deadlineMs);
    const firstMs = performance.now() - startedAt;
    await this.#agree(others);
    const allMs = performance.now() - startedAt;
    await this.#deployment.startAgent(nameOf(leader));
    await this.#agree(this.#lan.hosts);
    return { firstMs, allMs };
  }

  changeCount(): number {
    const logs = this.#lan.hosts.flatMap((host) => this.#elections(host));
    return logs.filter(({ state }) => state === "leader is me").length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deployment[Symbol.asyncDispose]();
    await this.#lan[Symbol.asyncDispose]();
  }

  /** Resolves when these hosts follow the one of them that leads. */
  async #agree(hosts: readonly number[]): Promise<void> {
    const isAgreed = () => {
      const tenures = hosts.map((host) => this.#elections(host).at(-1));
      const isLed = tenures.filter((tenure) => tenure?.state === "leader is me").length === 1;
      return isLed && new Set(tenures.map((tenure) => tenure?.leader)).size === 1;
    };
    await until(isAgreed, deadlineMs);
  }

  #leaders(): number[] {
    return this.#lan.hosts.filter((host) => this.#elections(host).at(-1)?.state === "leader is me");
  }

  #elections(host: number): { state: unknown; leader: unknown }[] {
    const entries = this.#deployment.agents.get(nameOf(host))?.log.filter(({ msg }) => msg === "election") ?? [];
    return entries.map(({ state, leader }) => ({ state, leader }));
  }
}

function nameOf(host: number): string {
  return `n${host}`;
}

/** What nodes that say nothing else are put in: named after their network. */
function segmentOf(lan: Lan): string {
  return `net-${lan.address(0).split(".").slice(0, 3).join("-")}-0-24`;
}
