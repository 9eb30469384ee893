import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { realUdp } from "../../../core/runtime/udp.ts";
import type { Datagram, UdpSocket } from "../../../sdk/index.ts";
import { inbox } from "./inbox.ts";
import type { Inbox } from "./inbox.ts";
import { loadedLibraries } from "./loaded-libraries.ts";

const [address, silent] = ["127.0.0.1", () => undefined];
const isLinux = process.platform === "linux";

/** Bytes of which each says where it stands. */
function counted(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => at % 251);
}

/** All that comes until there are so many bytes. */
async function take(box: Inbox, byteCount: number): Promise<{ lengths: number[]; bytes: Uint8Array }> {
  const parts: Datagram[] = [];
  const sum = () => parts.reduce((total, { bytes }) => total + bytes.length, 0);
  while (sum() < byteCount) parts.push(await box.next());
  return { lengths: parts.map(({ bytes }) => bytes.length), bytes: Buffer.concat(parts.map(({ bytes }) => bytes)) };
}

/** The lengths of datagrams that stand behind each other in so many bytes. */
function cut(length: number, each: number): number[] {
  return Array.from({ length: Math.ceil(length / each) }, (_, index) => Math.min(each, length - index * each));
}

/** A socket that has found out whether it can do so. */
async function sender(): Promise<UdpSocket> {
  const box = inbox();
  await using receiver = await realUdp.bind({ port: 0, address, joined: true, receive: box.receive });
  const socket = await realUdp.bind({ port: 0, address, receive: silent });
  for (let tries = 0; tries < 10 && !socket.isFast; tries += 1) {
    socket.sendMany(Uint8Array.of(1, 2, 3), 1, address, receiver.port);
    await take(box, 3);
  }
  return socket;
}

describe("datagrams that are sent at once", () => {
  it("leave in fewer calls on Linux, where the library for it is installed", async () => {
    await using socket = await sender();
    expect(socket.isFast).toBe(isLinux);
    expect(loadedLibraries().some((path) => path.includes("koffi"))).toBe(isLinux);
  });

  it("arrive one by one, also those that are sent before that is found out", async () => {
    const box = inbox();
    await using receiver = await realUdp.bind({ port: 0, address, receive: box.receive });
    await using first = await realUdp.bind({ port: 0, address, receive: silent });
    await using second = await sender();
    const bytes = counted(100 * 1_400 + 17);
    for (const socket of [first, second]) {
      socket.sendMany(bytes, 1_400, address, receiver.port);
      const arrived = await take(box, bytes.length);
      expect(arrived.lengths).toEqual(cut(bytes.length, 1_400));
      expect(Buffer.compare(arrived.bytes, bytes)).toBe(0);
    }
    expect(receiver.isFast).toBe(false);
  });

  it("arrive as they left at a socket that asks for it", async () => {
    const box = inbox();
    await using receiver = await realUdp.bind({ port: 0, address, joined: true, receive: box.receive });
    await using socket = await sender();
    const bytes = counted(50 * 1_400 + 17);
    socket.sendMany(bytes, 1_400, address, receiver.port);
    const arrived = await take(box, bytes.length);
    expect(receiver.isFast).toBe(isLinux);
    expect(arrived.lengths).toEqual(isLinux ? [44 * 1_400, 6 * 1_400 + 17] : cut(bytes.length, 1_400));
    expect(Buffer.compare(arrived.bytes, bytes)).toBe(0);
  });

  it("keep their lengths beside others, shorter and longer", async () => {
    const box = inbox();
    await using receiver = await realUdp.bind({ port: 0, address, receive: box.receive });
    await using socket = await sender();
    const expected: number[] = [];
    for (const [each, count] of [
      [1_400, 20],
      [1_000, 30],
      [1_400, 1],
      [8_972, 9],
      [65_000, 2],
    ] as const) {
      socket.sendMany(counted(each * count - 3), each, address, receiver.port);
      expected.push(...cut(each * count - 3, each));
      for (const length of [each - 1, each, each + 1, 3 * each].filter((one) => one <= 65_507)) {
        socket.send(counted(length), address, receiver.port);
        expected.push(length);
      }
    }
    const { lengths } = await take(
      box,
      expected.reduce((total, length) => total + length, 0),
    );
    expect(lengths).toEqual(expected);
    expect(socket.isFast).toBe(isLinux);
  });

  it("arrive by multicast, and with IPv6", async () => {
    const bytes = counted(20 * 1_200);
    const group = "239.255.71.8";
    const box = inbox();
    const common = { interfaceAddress: address, ttl: 1 };
    await using member = await realUdp.bind({ port: 0, groups: [group], ...common, receive: box.receive });
    await using leader = await realUdp.bind({ port: 0, address, ...common, receive: silent });
    await using six = await realUdp.bind({ port: 0, address: "::1", receive: box.receive });
    // Twice: at the first time it is not found out yet.
    for (const [socket, to, { port }] of [
      [leader, group, member],
      [leader, group, member],
      [six, "::1", six],
      [six, "::1", six],
    ] as const) {
      socket.sendMany(bytes, 1_200, to, port);
      expect((await take(box, bytes.length)).lengths).toEqual(cut(bytes.length, 1_200));
      expect(socket.waitingBytes).toBe(0);
    }
    expect([leader.isFast, six.isFast]).toEqual([isLinux, isLinux]);
  });

  it("are not sent after the socket was closed", async () => {
    const socket = await sender();
    await socket[Symbol.asyncDispose]();
    expect(() => socket.sendMany(counted(5_000), 1_000, address, 9)).not.toThrow();
    expect(socket.waitingBytes).toBe(0);
  });
});

/** Needs root, for a network of its own whose loopback is like a slow cable. */
describe("on a network with packets of 1,500 bytes that carries 400 Mbit a second", () => {
  let outcome: unknown;
  beforeAll(() => {
    const program = join(import.meta.dirname, "udp-on-a-cable.ts");
    const cable = "ip link set lo mtu 1500 up && tc qdisc add dev lo root tbf rate 400mbit burst 64kb limit 64mb";
    const args = ["--net", "sh", "-c", `${cable} && exec "$0" "$1"`, process.execPath, program];
    const { stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8", timeout: 30_000 });
    outcome = stdout === "" ? stderr : JSON.parse(stdout);
  });

  it("datagrams wait in the order they were sent, each in its length", () => {
    expect(outcome).toMatchObject({ inOrder: true, waitingBytes: 0, wasFast: true });
  });

  it("what is too long to be cut is sent one by one, and nothing is lost", () => {
    expect(outcome).toMatchObject({ tooLong: [5, 1_000, 1_400, 1_400, 2_000, 2_000, 2_000], isFast: false });
  });
});
