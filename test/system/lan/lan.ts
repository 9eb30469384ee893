import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { Program } from "../program.ts";
import type { ProgramOptions } from "../program.ts";
import { downlink, uplink } from "./rate.ts";
import { rulesOf } from "./rules.ts";
import type { Faults } from "./rules.ts";

/** A host of a LAN: one of the numbered ones, or the one for control. */
export type Host = number | "control";

export interface LanOptions {
  /** How many numbered hosts there are, besides the one for control. At most 200. */
  readonly hosts: number;
  /** The share of frames to each numbered host that is lost. */
  readonly loss?: number;
  /** Whether the switch passes multicast. */
  readonly multicast?: boolean;
  /** What the link of every host carries in each direction, in Mbit a second. As much as the machine can, if absent. */
  readonly megabits?: number;
}

/** What `ip` says of a device. */
interface Link {
  readonly stats64: { readonly tx: { readonly bytes: number } };
}

const tools = { ip: "iproute2", nft: "nftables" };
const cable = { plugged: "up", unplugged: "down" };
let lanCount = 0;

/**
 * A LAN of network namespaces: hosts on a switch, and what may go wrong there. Each host has the device `eth0` and
 * nothing else; nothing is made in the machine's own namespace. Several can be up at once, also of several processes.
 * Needs root, iproute2 and nftables. Disposing ends what runs on its hosts and takes it down.
 */
export class Lan implements AsyncDisposable {
  readonly hosts: readonly number[];
  readonly #name: string;
  readonly #programs = new Set<Program>();
  #faults: Faults = { sides: [], loss: new Map(), withoutMulticast: new Set() };

  private constructor(name: string, hosts: readonly number[]) {
    this.#name = name;
    this.hosts = hosts;
  }

  static up({ hosts, loss = 0, multicast = true, megabits }: LanOptions): Lan {
    checkTools();
    removeAbandoned();
    const numbers = Array.from({ length: hosts }, (_, index) => index);
    const lan = new Lan(`distributary-${process.pid}-${(lanCount += 1)}`, numbers);
    try {
      lan.#build();
      lan.loss(loss);
      lan.multicast(multicast);
      if (megabits !== undefined) lan.#shape(megabits);
    } catch (error) {
      lan.#remove();
      throw error;
    }
    return lan;
  }

  address(host: Host): string {
    return `10.77.0.${host === "control" ? 254 : host + 1}`;
  }

  /** The command line that runs `command` on a host, in place of itself: with its pid, signals and exit code. */
  on(host: Host, ...command: readonly string[]): [file: string, ...args: string[]] {
    return ["ip", "netns", "exec", this.#namespace(host), ...command];
  }

  /** Starts a program on a host; it is killed with the LAN. */
  run(host: Host, command: readonly string[], options: ProgramOptions = {}): Program {
    const [file, ...args] = this.on(host, ...command);
    const program = new Program(file, args, options);
    this.#programs.add(program);
    const forget = () => this.#programs.delete(program);
    program.ended.then(forget, forget);
    return program;
  }

  /** Sends a signal to all processes on a host. */
  signal(host: Host, signal: NodeJS.Signals): void {
    signalAll(this.#namespace(host), signal);
  }

  /** Of the frames to these hosts (without any: all numbered ones) this share is lost from now on. 1 makes deaf. */
  loss(share: number, ...hosts: readonly Host[]): void {
    const loss = new Map(this.#faults.loss);
    for (const host of hosts.length === 0 ? this.hosts : hosts) loss.set(portOf(host), share);
    this.#spoil({ loss });
  }

  /** Whether multicast reaches these hosts (without any: all) from now on. Turned off it is as with snooping that expired. */
  multicast(passes: boolean, ...hosts: readonly Host[]): void {
    const withoutMulticast = new Set(this.#faults.withoutMulticast);
    for (const host of hosts.length === 0 ? this.#everybody() : hosts) {
      if (passes) withoutMulticast.delete(portOf(host));
      else withoutMulticast.add(portOf(host));
    }
    this.#spoil({ withoutMulticast });
  }

  /** Hosts of different sides hear nothing of each other; all hear who is on no side. Links stay up. */
  partition(...sides: readonly (readonly Host[])[]): void {
    this.#spoil({ sides: sides.map((side) => side.map(portOf)) });
  }

  /** Ends a partition. */
  heal(): void {
    this.#spoil({ sides: [] });
  }

  /** Pulls the cables of these hosts: they lose their carrier. */
  unplug(...hosts: readonly Host[]): void {
    this.#setCables(hosts, cable.unplugged);
  }

  /** Puts the cables of these hosts back. */
  plug(...hosts: readonly Host[]): void {
    this.#setCables(hosts, cable.plugged);
  }

  /** How many bytes a host has put on its cable so far: all its frames, with 14 bytes of Ethernet each. */
  sentBytes(host: Host): number {
    const [link] = JSON.parse(ip(["-n", this.#namespace(host), "-json", "-statistics"], ["link show eth0"])) as [Link];
    return link.stats64.tx.bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const killed = [...this.#programs].map((program) => program.kill("SIGKILL"));
    // Before they are waited for: a child of theirs may hold their output open.
    this.#remove();
    await Promise.all(killed);
  }

  #build(): void {
    const everybody = this.#everybody();
    const namespaces = [this.#switch, ...everybody.map((host) => this.#namespace(host))];
    ip(
      [],
      namespaces.map((name) => `netns add ${name}`),
    );
    ip(
      ["-n", this.#switch],
      [
        "link add br0 type bridge stp_state 0 mcast_snooping 0",
        "link set br0 up",
        ...everybody.flatMap((host) => [
          `link add ${portOf(host)} type veth peer name eth0 netns ${this.#namespace(host)}`,
          `link set ${portOf(host)} master br0 up gso_max_segs 1`,
        ]),
      ],
    );
    for (const host of everybody) {
      ip(
        ["-n", this.#namespace(host)],
        [
          "link set lo up",
          `address add ${this.address(host)}/24 broadcast + dev eth0`,
          // A frame each packet, as on a cable: else up to 64 KiB count, wait and are lost as one.
          "link set eth0 up gso_max_segs 1",
          "route add default dev eth0",
        ],
      );
    }
  }

  #remove(): void {
    removeNamespaces(namespacesNow().filter((name) => name.startsWith(`${this.#name}-`)));
  }

  #spoil(changes: Partial<Faults>): void {
    this.#faults = { ...this.#faults, ...changes };
    const input = rulesOf(this.#faults);
    execFileSync("ip", ["netns", "exec", this.#switch, "nft", "--file", "-"], { input });
  }

  #shape(megabits: number): void {
    for (const host of this.#everybody()) {
      tc(this.#namespace(host), `qdisc replace dev eth0 root ${uplink(megabits)}`);
      tc(this.#switch, `qdisc replace dev ${portOf(host)} root ${downlink(megabits)}`);
    }
  }

  #setCables(hosts: readonly Host[], state: string): void {
    ip(
      ["-n", this.#switch],
      hosts.map((host) => `link set ${portOf(host)} ${state}`),
    );
  }

  #everybody(): readonly Host[] {
    return [...this.hosts, "control"];
  }

  get #switch(): string {
    return `${this.#name}-switch`;
  }

  #namespace(host: Host): string {
    return `${this.#name}-${host}`;
  }
}

/** The switch's port to a host. */
function portOf(host: Host): string {
  return `p-${host}`;
}

function ip(options: readonly string[], commands: readonly string[]): string {
  return execFileSync("ip", [...options, "-batch", "-"], { input: commands.join("\n"), encoding: "utf8" });
}

function tc(namespace: string, command: string): void {
  execFileSync("tc", ["-n", namespace, ...command.split(" ")]);
}

function checkTools(): void {
  if (process.getuid?.() !== 0) throw new Error("a LAN is made of network namespaces, which only root may make");
  for (const [tool, debianPackage] of Object.entries(tools)) {
    const { error } = spawnSync(tool, ["-V"]);
    if (error !== undefined) throw new Error(`a LAN needs '${tool}' (Debian: ${debianPackage}): ${error.message}`);
  }
}

function namespacesNow(): string[] {
  try {
    return readdirSync("/run/netns");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** What processes that were killed left behind. */
function removeAbandoned(): void {
  removeNamespaces(
    namespacesNow().filter((name) => /^distributary-\d+-/.test(name) && !isRunning(Number(name.split("-")[1]))),
  );
}

function removeNamespaces(names: readonly string[]): void {
  for (const name of names) {
    while (signalAll(name, "SIGKILL") > 0);
    execFileSync("ip", ["netns", "delete", name]);
  }
}

/** How many processes it found. */
function signalAll(name: string, signal: NodeJS.Signals): number {
  const lines = execFileSync("ip", ["netns", "pids", name], { encoding: "utf8" }).split("\n");
  const pids = lines.filter((line) => line !== "").map(Number);
  for (const pid of pids.filter(isRunning)) process.kill(pid, signal);
  return pids.length;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
