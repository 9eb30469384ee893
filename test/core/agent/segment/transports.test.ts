import { expect, it } from "vitest";
import { joinTransports } from "../../../../core/agent/segment/transports.ts";
import { Kernel } from "../../../../core/kernel/kernel.ts";
import type { Channel, Intake, Log } from "../../../../sdk/index.ts";
import { simIo } from "../../../../sdk/testkit/sim/io.ts";

const channel: Channel = {
  ...{ self: "me", interfaceAddress: "192.0.2.1", ttl: 1, datagramBytes: 1_472 },
  ...{ announce: () => {}, listen: () => ({ [Symbol.dispose]: () => {} }) },
};

/** A node whose segment transport does this when it joins, with what it was told and what it said. */
async function node(join: (intake: Intake) => Promise<AsyncDisposable>) {
  const [told, warned] = [[] as string[], [] as string[]];
  const log: Log = { debug() {}, info() {}, warn: (_, text) => void warned.push(String(text)), error() {} };
  const kernel = await Kernel.load({ directory: import.meta.dirname, log });
  const transport = kernel.registries.transports.get("mctp");
  Object.defineProperty(transport, "join", {
    value: (_io: unknown, _channel: unknown, intake: Intake) => join(intake),
  });
  const intake: Intake = {
    find: () => undefined,
    began: (assignment) => void told.push(`${assignment} began`),
    ended: (assignment, reason) => void told.push(`${assignment} ended: ${reason}`),
  };
  return { joined: await joinTransports(simIo(), { kernel, intake, log }, channel), told, warned };
}

const gone = (told: () => void = () => {}) => ({ [Symbol.asyncDispose]: async () => told() });

it("a node that leaves its segment has nothing left that has begun and does not end", async () => {
  let taking: Intake | undefined;
  const { joined, told } = await node(async (intake) => {
    taking = intake;
    return gone(() => void intake.ended("b", "the transport ends it itself"));
  });
  for (const assignment of ["a", "b", "c"]) taking?.began(assignment);
  taking?.ended("a", undefined);
  expect(told).toEqual(["a began", "b began", "c began", "a ended: undefined"]);
  await joined[Symbol.asyncDispose]();
  expect(told.slice(4)).toEqual(["b ended: the transport ends it itself", "c ended: this node has left its segment"]);
});

it("a transport that cannot be used here is said, and keeps nobody from taking part", async () => {
  const { joined, warned } = await node(() => Promise.reject(new Error("no multicast here")));
  expect(warned).toEqual(["a transport of the segment cannot be used here"]);
  await joined[Symbol.asyncDispose]();
});
