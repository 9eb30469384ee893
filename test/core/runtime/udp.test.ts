import { describe, expect, it } from "vitest";
import { realUdp } from "../../../core/runtime/udp.ts";
import { inbox } from "./inbox.ts";
import { loadedLibraries } from "./loaded-libraries.ts";

const address = "127.0.0.1";
const interfaceAddress = address;

describe("a socket for datagrams", () => {
  it("receives what another sends, and sees from where", async () => {
    const box = inbox();
    await using receiver = await realUdp.bind({ port: 0, address, receive: box.receive });
    await using sender = await realUdp.bind({ port: 0, address, receive: () => undefined });
    sender.send(Uint8Array.of(1, 2, 3), address, receiver.port);
    const datagram = await box.next();
    expect([...datagram.bytes]).toEqual([1, 2, 3]);
    expect([datagram.address, datagram.port]).toEqual([address, sender.port]);
  });

  it("receives what is sent to its group, as do others on the same port", async () => {
    const [first, second] = [inbox(), inbox()];
    const group = "239.255.71.7";
    const common = { groups: [group], interfaceAddress, ttl: 1 };
    await using one = await realUdp.bind({ port: 0, ...common, receive: first.receive });
    await using other = await realUdp.bind({ port: one.port, ...common, receive: second.receive });
    other.send(Uint8Array.of(7), group, one.port);
    expect([...(await first.next()).bytes, ...(await second.next()).bytes]).toEqual([7, 7]);
  });

  it("works with IPv6", async () => {
    const box = inbox();
    await using socket = await realUdp.bind({ port: 0, address: "::1", receive: box.receive });
    socket.send(Uint8Array.of(6), "::1", socket.port);
    expect([...(await box.next()).bytes]).toEqual([6]);
  });

  it("is an error naming address and port if something else has it", async () => {
    await using socket = await realUdp.bind({ port: 0, address, receive: () => undefined });
    const again = realUdp.bind({ port: socket.port, address, receive: () => undefined });
    await expect(again).rejects.toThrow(`cannot listen on ${address}:${socket.port}`);
    await expect(again).rejects.toMatchObject({ code: "DIST_ERR_LINK_PORT" });
  });

  it("is an error for an address that is no group", async () => {
    const binding = realUdp.bind({ port: 0, groups: ["10.0.0.1"], interfaceAddress, receive: () => undefined });
    await expect(binding).rejects.toMatchObject({ code: "DIST_ERR_LINK_PORT" });
  });

  it("loses what cannot be sent, and goes on", async () => {
    const box = inbox();
    await using socket = await realUdp.bind({ port: 0, address, receive: box.receive });
    socket.send(new Uint8Array(70_000), address, socket.port);
    socket.send(Uint8Array.of(1), "a.name", socket.port);
    socket.send(Uint8Array.of(1), "::1", socket.port);
    socket.send(Uint8Array.of(1), address, 0);
    socket.send(Uint8Array.of(2), address, socket.port);
    expect([...(await box.next()).bytes]).toEqual([2]);
  });

  it("sends nothing after it was closed, and closes once", async () => {
    const socket = await realUdp.bind({ port: 0, address, receive: () => undefined });
    await socket[Symbol.asyncDispose]();
    await socket[Symbol.asyncDispose]();
    expect(() => socket.send(Uint8Array.of(1), address, socket.port)).not.toThrow();
  });

  it("loads nothing more where nobody sends many or asks for joined ones", async () => {
    await using _socket = await realUdp.bind({ port: 0, address, receive: () => undefined });
    expect(loadedLibraries().filter((path) => path.includes("koffi"))).toEqual([]);
  });
});
