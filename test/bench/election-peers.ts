import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lan } from "../system/lan/lan.ts";
import type { Program } from "../system/program.ts";
import { until } from "./measuring.ts";

/** Nine hosts of a LAN that elect a leader, or at least notice that one of them is gone. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  /** Kills the leader. Resolves when the dead one is back as one of the others. */
  reelect(): Promise<Reelection>;
  /** How often a host was made leader, or held for dead, by the logs of those that run. */
  changeCount(): number;
}

/** From the death of a leader on: until another leads, and until all others know, where their logs tell. */
export interface Reelection {
  readonly firstMs: number;
  readonly allMs?: number;
}

export const hostCount = 9;
export const deadlineMs = 120_000;

/** Whether Debian's package is there. */
export function isInstalled(tool: string): boolean {
  return spawnSync(tool, ["--version"]).error === undefined;
}

/** keepalived (VRRP), without preemption, so that a death is one election. Its default is an advert each second. */
export class Keepalived implements Contender {
  readonly name: string;
  readonly #advertSeconds: number;
  readonly #lan = Lan.up({ hosts: hostCount });
  readonly #directory = mkdtempSync(join(tmpdir(), "distributary-keepalived-"));
  readonly #programs: Program[] = [];

  private constructor(advertSeconds: number) {
    this.name = `keepalived, adverts each ${advertSeconds} s`;
    this.#advertSeconds = advertSeconds;
  }

  static async start(advertSeconds: number): Promise<Keepalived> {
    const contender = new Keepalived(advertSeconds);
    for (const host of contender.#lan.hosts) await contender.#start(host);
    await until(() => contender.#masters().length > 0, deadlineMs);
    return contender;
  }

  async reelect(): Promise<Reelection> {
    const [master] = this.#masters();
    if (master === undefined) throw new Error("no host is master");
    const startedAt = performance.now();
    this.#lan.signal(master, "SIGKILL");
    await until(() => this.#masters().some((host) => host !== master), deadlineMs);
    const firstMs = performance.now() - startedAt;
    // Else the address of the dead master stays on its host.
    await this.#lan.run(master, ["ip", "address", "flush", "to", "10.77.0.200", "dev", "eth0"]).ended;
    await this.#start(master);
    return { firstMs };
  }

  changeCount(): number {
    return countInLogs(this.#programs, "Entering MASTER STATE");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lan[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #start(host: number): Promise<void> {
    const file = join(this.#directory, `${host}`);
    const instance = {
      state: "BACKUP",
      nopreempt: "",
      interface: "eth0",
      virtual_router_id: 51,
      priority: 100 + host,
      // Fractions of a second came with version 3.
      version: 3,
      advert_int: this.#advertSeconds,
      virtual_ipaddress: "{ 10.77.0.200/24 }",
    };
    const lines = Object.entries(instance).map(([name, value]) => `  ${name} ${value}`);
    writeFileSync(file, `vrrp_instance segment {\n${lines.join("\n")}\n}\n`);
    const [pid, vrrpPid] = [`${file}.pid`, `${file}.vrrp.pid`];
    // One that was killed leaves them; by now their numbers may be other processes'.
    for (const left of [pid, vrrpPid]) rmSync(left, { force: true });
    const files = ["--use-file", file, "--pid", pid, "--vrrp_pid", vrrpPid];
    this.#programs[host] = this.#lan.run(host, ["keepalived", "--vrrp", "--dont-fork", "--log-console", ...files]);
    await this.#programs[host].says("Startup complete");
  }

  #masters(): number[] {
    const isMaster = (program: Program | undefined) =>
      program?.log.findLast(({ msg }) => /Entering \w+ STATE/.test(msg))?.msg.includes("MASTER") === true;
    return this.#lan.hosts.filter((host) => isMaster(this.#programs[host]));
  }
}

/** Serf, which is memberlist with events, with its defaults for a LAN. It has no leader: any member is killed. */
export class Serf implements Contender {
  readonly name = "serf (memberlist), LAN profile";
  readonly #lan = Lan.up({ hosts: hostCount });
  readonly #programs: Program[] = [];
  #next = 0;

  static async start(): Promise<Serf> {
    const contender = new Serf();
    for (const host of contender.#lan.hosts) await contender.#start(host);
    return contender;
  }

  async reelect(): Promise<Reelection> {
    const victim = (this.#next += 1) % hostCount;
    const failed = `EventMemberFailed: h${victim} `;
    const before = countInLogs(this.#programs, failed, victim);
    const isKnownBy = (count: number) =>
      until(() => countInLogs(this.#programs, failed, victim) >= before + count, deadlineMs);
    const startedAt = performance.now();
    this.#lan.signal(victim, "SIGKILL");
    await isKnownBy(1);
    const firstMs = performance.now() - startedAt;
    await isKnownBy(hostCount - 1);
    const allMs = performance.now() - startedAt;
    await this.#start(victim);
    return { firstMs, allMs };
  }

  changeCount(): number {
    return countInLogs(this.#programs, "EventMemberFailed");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lan[Symbol.asyncDispose]();
  }

  async #start(host: number): Promise<void> {
    const others = this.#lan.hosts.filter((other) => other !== host && this.#programs[other] !== undefined);
    const joins = others.map((other) => `-join=${this.#lan.address(other)}`);
    const command = ["serf", "agent", `-node=h${host}`, `-bind=${this.#lan.address(host)}:7946`, ...joins];
    const joined = `EventMemberJoin: h${host} `;
    const before = countInLogs(this.#programs, joined, host);
    this.#programs[host] = this.#lan.run(host, ["sh", "-c", `exec ${command.join(" ")} >&2`]);
    await this.#programs[host].says(joined);
    await until(() => countInLogs(this.#programs, joined, host) >= before + others.length, deadlineMs);
  }
}

/** How many lines of logs have this text, without those of one host. */
function countInLogs(programs: readonly Program[], text: string, without?: number): number {
  const others = programs.filter((_, host) => host !== without);
  return others.reduce((sum, { log }) => sum + log.filter(({ msg }) => msg.includes(text)).length, 0);
}
