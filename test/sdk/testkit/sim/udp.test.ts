import { describe, expect, it } from "vitest";
import type { Datagram, Udp, UdpSocket } from "../../../../sdk/index.ts";
import { SimClock } from "../../../../sdk/testkit/sim/clock.ts";
import { LanFaults } from "../../../../sdk/testkit/sim/lan-faults.ts";
import { SimLan } from "../../../../sdk/testkit/sim/udp.ts";
import type { SimLanOptions } from "../../../../sdk/testkit/sim/udp.ts";

const [a, b, c] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
const [group, otherGroup] = ["239.1.1.1", "239.1.1.2"];
const port = 700;

type BindOptions = Omit<Parameters<Udp["bind"]>[0], "receive">;

class LanTrial {
  readonly clock = new SimClock();
  readonly faults: LanFaults;
  readonly lan: SimLan;

  constructor({ seed = 1, ...options }: Partial<SimLanOptions> & { seed?: number } = {}) {
    this.faults = new LanFaults(seed);
    this.lan = new SimLan({ clock: this.clock, faults: this.faults, ...options });
  }

  async bind(host: string, options: BindOptions): Promise<UdpSocket & { got: Datagram[] }> {
    const got: Datagram[] = [];
    const receive = (datagram: Datagram) => void got.push(datagram);
    return Object.assign(await this.lan.host(host).bind({ ...options, receive }), { got });
  }

  /** What a member of the group gets of so many datagrams, by the number each begins with. */
  async numbersOf(count: number): Promise<number[]> {
    const member = await this.bind(b, { port, groups: [group] });
    const sender = await this.bind(a, { port: 0 });
    for (let number = 0; number < count; number += 1) sender.send(numbered(number), group, port);
    await this.clock.advance(100);
    return member.got.map(({ bytes }) => Buffer.from(bytes).readUInt16BE());
  }
}

function numbered(number: number): Uint8Array {
  const bytes = Buffer.alloc(20);
  bytes.writeUInt16BE(number);
  return bytes;
}

const lengths = (got: readonly Datagram[]) => got.map(({ bytes }) => bytes.length);

describe("a simulated LAN", () => {
  it("brings a datagram to the one it is for, after its latency, and says from where", async () => {
    const trial = new LanTrial({ latencyMs: 3 });
    const [one, other] = [await trial.bind(a, { port: 0 }), await trial.bind(b, { port, address: b })];
    const elsewhere = await trial.bind(c, { port });
    one.send(Uint8Array.of(1, 2), b, port);
    await trial.clock.advance(2.9);
    expect(other.got).toEqual([]);
    await trial.clock.advance(0.2);
    expect(other.got).toEqual([{ bytes: Uint8Array.of(1, 2), address: a, port: one.port }]);
    expect(elsewhere.got).toEqual([]);
  });

  it("brings multicast to all who joined that group at that port, also on the same host", async () => {
    const trial = new LanTrial();
    const members = [
      await trial.bind(a, { port, groups: [group] }),
      await trial.bind(b, { port, groups: [group], address: group }),
      await trial.bind(b, { port, groups: [group, otherGroup] }),
    ];
    const others = [
      await trial.bind(c, { port, groups: [otherGroup], address: otherGroup }),
      await trial.bind(c, { port: port + 1, groups: [group] }),
      await trial.bind(c, { port }),
    ];
    const sender = await trial.bind(a, { port: 0, address: a });
    sender.send(Uint8Array.of(1), group, port);
    await trial.clock.advance(1);
    expect(members.map(({ got }) => got.length)).toEqual([1, 1, 1]);
    expect(others.map(({ got }) => got.length)).toEqual([0, 0, 0]);
  });

  it("brings a socket that is bound to an address nothing that is for another", async () => {
    const trial = new LanTrial();
    const toGroup = await trial.bind(b, { port, groups: [group], address: group });
    const toHost = await trial.bind(c, { port, groups: [group], address: c });
    const sender = await trial.bind(a, { port: 0 });
    for (const [number, to] of [b, c, group].entries()) sender.send(Uint8Array.of(number), to, port);
    await trial.clock.advance(1);
    expect([toGroup, toHost].map(({ got }) => got.map(({ bytes }) => bytes[0]))).toEqual([[2], [1]]);
  });

  it("gives each receiver bytes of its own", async () => {
    const trial = new LanTrial();
    const members = await Promise.all([b, c].map((host) => trial.bind(host, { port, groups: [group] })));
    const sender = await trial.bind(a, { port: 0 });
    sender.send(Uint8Array.of(7), group, port);
    await trial.clock.advance(1);
    members[0]?.got[0]?.bytes.fill(0);
    expect(members[1]?.got[0]?.bytes).toEqual(Uint8Array.of(7));
  });

  it("gives a port of a host to one only, unless it is that of a group", async () => {
    const trial = new LanTrial();
    const first = await trial.bind(a, { port });
    await expect(trial.bind(a, { port })).rejects.toMatchObject({ code: "DIST_ERR_LINK_PORT" });
    await trial.bind(b, { port });
    await first[Symbol.asyncDispose]();
    await trial.bind(a, { port });
    const free = [await trial.bind(a, { port: 0 }), await trial.bind(a, { port: 0 })];
    expect(free[0]?.port).not.toBe(free[1]?.port);
  });

  it("brings nothing to a socket that was closed, and nothing that one sends", async () => {
    const trial = new LanTrial();
    const [one, other] = [await trial.bind(a, { port: 0 }), await trial.bind(b, { port })];
    one.send(Uint8Array.of(1), b, port);
    await other[Symbol.asyncDispose]();
    const again = await trial.bind(b, { port });
    await one[Symbol.asyncDispose]();
    one.send(Uint8Array.of(2), b, port);
    await trial.clock.advance(1);
    expect([other.got, again.got]).toEqual([[], []]);
  });

  it("loses what is too long", async () => {
    const trial = new LanTrial();
    const [one, other] = [await trial.bind(a, { port: 0 }), await trial.bind(b, { port })];
    one.send(new Uint8Array(65_508), b, port);
    one.send(new Uint8Array(65_507), b, port);
    await trial.clock.advance(1);
    expect(lengths(other.got)).toEqual([65_507]);
  });

  it("joins what was sent at once for those who ask for it, and what is left of it after losses", async () => {
    const trial = new LanTrial();
    const [plain, asks] = [
      await trial.bind(b, { port, groups: [group] }),
      await trial.bind(c, { port, groups: [group], joined: true }),
    ];
    const sender = await trial.bind(a, { port: 0 });
    sender.sendMany(new Uint8Array(4_500), 1_000, group, port);
    sender.sendMany(new Uint8Array(50_000), 1_000, group, port);
    await trial.clock.advance(1);
    expect(lengths(plain.got)).toEqual([...Array<number>(4).fill(1_000), 500, ...Array<number>(50).fill(1_000)]);
    expect(lengths(asks.got)).toEqual([4_500, 44_000, 6_000]);
    trial.faults.lose(c, 0.5);
    sender.sendMany(new Uint8Array(44_000), 1_000, group, port);
    await trial.clock.advance(1);
    const [rest = 0] = lengths(asks.got.slice(3));
    expect(asks.got.length).toBe(4);
    expect([rest > 0, rest < 44_000, rest % 1_000]).toEqual([true, true, 0]);
  });

  it("carries no more of a host than its link does, and says what waits", async () => {
    const trial = new LanTrial({ bytesPerSecond: 1_000_000, latencyMs: 0 });
    const [one, other] = [await trial.bind(a, { port: 0 }), await trial.bind(b, { port })];
    // 958 bytes and 42 of headers are a millisecond.
    for (let count = 0; count < 300; count += 1) one.send(new Uint8Array(958), b, port);
    expect(one.waitingBytes).toBe(300_000 - 212_992);
    await trial.clock.advance(100);
    expect([other.got.length, one.waitingBytes]).toEqual([100, 0]);
    await trial.clock.advance(200);
    expect(other.got.length).toBe(300);
  });

  it("counts what a host sends, whether it arrives or not", async () => {
    const trial = new LanTrial();
    const one = await trial.bind(a, { port: 0 });
    one.send(new Uint8Array(100), b, port);
    trial.faults.mute(a);
    one.sendMany(new Uint8Array(250), 100, b, port);
    expect([trial.faults.sentBytes(a), trial.faults.sentBytes(b)]).toEqual([350, 0]);
  });
});

describe("the faults of a LAN", () => {
  it("lose the share that is said, independently at each host, and the same for the same seed", async () => {
    const numbers = async (seed: number) => {
      const trial = new LanTrial({ seed });
      trial.faults.loss = 0.3;
      return trial.numbersOf(1_000);
    };
    const [first, again, other] = [await numbers(1), await numbers(1), await numbers(2)];
    expect(first).toEqual(again);
    expect(first).not.toEqual(other);
    expect(first.length).toBeGreaterThan(650);
    expect(first.length).toBeLessThan(750);
    const faults = new LanFaults(1, 0.5);
    const luck = (host: string) => Array.from({ length: 64 }, () => faults.loses(host));
    expect(luck(a)).not.toEqual(luck(b));
  });

  it("bring some twice, and some behind others", async () => {
    const trial = new LanTrial();
    Object.assign(trial.faults, { duplication: 0.1, delay: 0.1 });
    const numbers = await trial.numbersOf(1_000);
    expect(new Set(numbers).size).toBe(1_000);
    expect(numbers.length).toBeGreaterThan(1_050);
    expect(numbers.length).toBeLessThan(1_150);
    expect(numbers).not.toEqual([...numbers].sort((one, other) => one - other));
  });

  it("damage a few bits of the share that is said, and no bytes of the sender's", async () => {
    const trial = new LanTrial();
    trial.faults.corruption = 0.2;
    const [one, other] = [await trial.bind(a, { port: 0 }), await trial.bind(b, { port })];
    const bytes = new Uint8Array(50);
    for (let count = 0; count < 500; count += 1) one.send(bytes, b, port);
    await trial.clock.advance(1);
    const wrongBits = other.got.map((datagram) =>
      datagram.bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0),
    );
    const damaged = wrongBits.filter((count) => count > 0);
    expect(damaged.length).toBeGreaterThan(70);
    expect(damaged.length).toBeLessThan(130);
    expect(Math.max(...wrongBits)).toBeLessThanOrEqual(3);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  it("keep a host that is cut off from everybody, one that is mute from being heard, until they are healed", async () => {
    const trial = new LanTrial();
    const [one, other] = [await trial.bind(a, { port }), await trial.bind(b, { port })];
    const exchange = async () => {
      one.send(Uint8Array.of(1), b, port);
      other.send(Uint8Array.of(2), a, port);
      await trial.clock.advance(1);
      return [one.got.splice(0).length, other.got.splice(0).length];
    };
    expect(await exchange()).toEqual([1, 1]);
    trial.faults.mute(a);
    expect(await exchange()).toEqual([1, 0]);
    trial.faults.cut(a);
    expect(await exchange()).toEqual([0, 0]);
    trial.faults.heal(a);
    expect(await exchange()).toEqual([1, 1]);
  });
});
