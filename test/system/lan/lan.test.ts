import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Program } from "../program.ts";
import { group } from "./datagrams.ts";
import { Lan } from "./lan.ts";
import type { Host } from "./lan.ts";

const datagrams = [process.execPath, join(import.meta.dirname, "datagrams.ts")];
const deadline = { timeout: 20_000 };

/** Who hears what: a listener on every host. */
class Ears {
  readonly #lan: Lan;
  readonly #programs = new Map<Host, Program>();
  #marks = 0;

  private constructor(lan: Lan) {
    this.#lan = lan;
  }

  static async on(lan: Lan): Promise<Ears> {
    const ears = new Ears(lan);
    for (const host of [...lan.hosts, "control" as const])
      ears.#programs.set(host, lan.run(host, [...datagrams, "hear"]));
    await Promise.all([...ears.#programs.values()].map((program) => program.says("hearing")));
    return ears;
  }

  async say(from: Host, to: string, text: string, count: number): Promise<void> {
    const program = this.#lan.run(from, [...datagrams, "say", to, text, `${count}`]);
    expect({ code: await program.ended, errors: program.errors }).toEqual({ code: 0, errors: "" });
  }

  count(host: Host, text: string): number {
    return this.#programs.get(host)?.log.filter(({ msg }) => msg.startsWith(`${text} `)).length ?? 0;
  }

  /** How many of `text` each of these hosts has heard, after something else that was sent later has arrived there. */
  async counts(text: string, from: Host, hosts: readonly Host[]): Promise<Record<string, number>> {
    const mark = `mark-${(this.#marks += 1)}`;
    for (const host of hosts) {
      await expect
        .poll(async () => {
          await this.say(from, this.#lan.address(host), mark, 1);
          return this.count(host, mark);
        }, deadline)
        .toBeGreaterThan(0);
    }
    return Object.fromEntries(hosts.map((host) => [host, this.count(host, text)]));
  }
}

const namespaces = () => readdirSync("/run/netns").filter((name) => name.startsWith(`distributary-${process.pid}-`));

describe("a LAN", () => {
  it("brings multicast and unicast to every host, and control's", async () => {
    await using lan = Lan.up({ hosts: 3 });
    const ears = await Ears.on(lan);
    await ears.say(0, group, "hello", 10);
    expect(await ears.counts("hello", 0, [1, 2, "control"])).toEqual({ 1: 10, 2: 10, control: 10 });
    await ears.say("control", lan.address(2), "you", 3);
    expect(await ears.counts("you", "control", [0, 1, 2])).toEqual({ 0: 0, 1: 0, 2: 3 });
  });

  it("loses the share it is told to, of what goes to each host by itself", async () => {
    await using lan = Lan.up({ hosts: 3, loss: 0.3 });
    const ears = await Ears.on(lan);
    // So many fit into a socket's buffer, however slowly they are read.
    await ears.say("control", group, "lossy", 200);
    const { 0: first = 0, 1: second = 0, 2: third = 0 } = await ears.counts("lossy", "control", [0, 1, 2]);
    for (const count of [first, second, third]) {
      expect(count).toBeGreaterThan(100);
      expect(count).toBeLessThan(180);
    }
    expect(new Set([first, second, third]).size).toBeGreaterThan(1);

    lan.loss(0);
    lan.loss(1, 2);
    await ears.say(0, group, "one is deaf", 100);
    await ears.say(2, group, "it speaks", 100);
    lan.loss(0);
    expect(await ears.counts("one is deaf", 0, [1, 2])).toEqual({ 1: 100, 2: 0 });
    expect(await ears.counts("it speaks", 2, [0, 1])).toEqual({ 0: 100, 1: 100 });
  });

  it("parts its hosts and heals; who is on no side hears all", async () => {
    await using lan = Lan.up({ hosts: 4 });
    const ears = await Ears.on(lan);
    lan.partition([0, 1], [2, 3]);
    await ears.say(0, group, "left", 5);
    await ears.say(3, group, "right", 5);
    await ears.say("control", group, "all", 5);
    expect(await ears.counts("left", 0, [1, "control"])).toEqual({ 1: 5, control: 5 });
    expect(await ears.counts("right", 3, [2, "control"])).toEqual({ 2: 5, control: 5 });
    expect(await ears.counts("all", "control", [0, 1, 2, 3])).toEqual({ 0: 5, 1: 5, 2: 5, 3: 5 });
    lan.heal();
    await ears.say(0, group, "again", 5);
    expect(await ears.counts("again", 0, [1, 2, 3])).toEqual({ 1: 5, 2: 5, 3: 5 });
    expect([ears.count(2, "left"), ears.count(3, "left"), ears.count(0, "right"), ears.count(1, "right")]).toEqual([
      0, 0, 0, 0,
    ]);
  });

  it("pulls cables and puts them back", async () => {
    await using lan = Lan.up({ hosts: 2 });
    const ears = await Ears.on(lan);
    const carrier = async () => {
      const program = lan.run(1, ["cat", "/sys/class/net/eth0/carrier"]);
      await program.ended;
      return program.output.trim();
    };
    expect(await carrier()).toBe("1");
    lan.unplug(1);
    expect(await carrier()).toBe("0");
    await ears.say(0, group, "nobody hears", 5);
    lan.plug(1);
    expect(await ears.counts("nobody hears", 0, [1])).toEqual({ 1: 0 });
    expect(await carrier()).toBe("1");
    await ears.say(0, group, "back", 5);
    expect(await ears.counts("back", 0, [1])).toEqual({ 1: 5 });
  });

  it("stops passing multicast, to all or some, and unicast goes on", async () => {
    await using lan = Lan.up({ hosts: 3, multicast: false });
    const ears = await Ears.on(lan);
    await ears.say(0, group, "nowhere", 5);
    expect(await ears.counts("nowhere", 0, [1, 2, "control"])).toEqual({ 1: 0, 2: 0, control: 0 });
    lan.multicast(true);
    lan.multicast(false, 2);
    await ears.say(0, group, "somewhere", 5);
    expect(await ears.counts("somewhere", 0, [1, 2, "control"])).toEqual({ 1: 5, 2: 0, control: 5 });
  });

  it("carries no more than its links do: a sender waits, a port of the switch drops", async () => {
    await using lan = Lan.up({ hosts: 3, megabits: 4 });
    const ears = await Ears.on(lan);
    const [count, text, headerBytes] = [500, "x".repeat(996), 14 + 20 + 8];
    const before = lan.sentBytes(0);
    const startedAt = performance.now();
    await ears.say(0, group, text, count);
    expect(await ears.counts(text, 0, [1, 2])).toEqual({ 1: count, 2: count });
    const bits = (lan.sentBytes(0) - before) * 8;
    expect(bits).toBeGreaterThan(count * (text.length + headerBytes) * 8);
    // Besides the numbers behind the text there are only the marks, ARP, IGMP and IPv6 looking for neighbours.
    expect(bits).toBeLessThan(count * (text.length + headerBytes + 8) * 8 + 20_000);
    // What may go at once is less than a tenth.
    expect(performance.now() - startedAt).toBeGreaterThan((0.9 * bits) / 4_000);

    await Promise.all([0, 1].map((host) => ears.say(host, lan.address(2), `${text}${host}`, count)));
    const heard = await Promise.all([0, 1].map((host) => ears.counts(`${text}${host}`, host, [2])));
    const sum = heard.reduce((total, { 2: part = 0 }) => total + part, 0);
    expect(sum).toBeGreaterThan(count * 0.9);
    expect(sum).toBeLessThan(count * 1.4);
  });

  it("can be up twice at once, each with nothing of the other", async () => {
    await using one = Lan.up({ hosts: 2 });
    await using other = Lan.up({ hosts: 2 });
    const [ears, others] = await Promise.all([Ears.on(one), Ears.on(other)]);
    await ears.say(0, group, "one", 5);
    expect(await ears.counts("one", 0, [1])).toEqual({ 1: 5 });
    expect(await others.counts("one", 0, [1])).toEqual({ 1: 0 });
  });

  it("is gone when it is over, with what ran on it, and leaves the machine's own network as it was", async () => {
    const own = () => execFileSync("ip", ["-brief", "link"], { encoding: "utf8" });
    const before = own();
    let pid: number;
    {
      await using lan = Lan.up({ hosts: 2 });
      // A process that was stopped, and a child that nobody waits for.
      const program = lan.run(0, ["sh", "-c", "sleep 1000 & echo started >&2; kill -STOP $$"]);
      await program.says("started");
      ({ pid } = program);
      expect(namespaces()).toHaveLength(4);
      expect(own()).toBe(before);
    }
    expect(namespaces()).toEqual([]);
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    expect(own()).toBe(before);
  });

  it("takes down what a killed process left", async () => {
    const left = `distributary-${spawnSync("true").pid}-1-switch`;
    execFileSync("ip", ["netns", "add", left]);
    await using lan = Lan.up({ hosts: 1 });
    expect(lan.hosts).toEqual([0]);
    expect(readdirSync("/run/netns")).not.toContain(left);
  });

  it("says what is missing", () => {
    const { PATH } = process.env;
    try {
      process.env["PATH"] = "/nowhere";
      expect(() => Lan.up({ hosts: 1 })).toThrow("a LAN needs 'ip' (Debian: iproute2)");
      const { getuid } = process;
      process.getuid = () => 1_000;
      expect(() => Lan.up({ hosts: 1 })).toThrow("only root may make");
      process.getuid = getuid as () => number;
    } finally {
      process.env["PATH"] = PATH;
    }
    expect(namespaces()).toEqual([]);
  });
});
