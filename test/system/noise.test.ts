import { readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { SegmentView } from "../../core/control/segments/view.ts";
import { realUdp } from "../../core/runtime/udp.ts";
import { SimRandom } from "../../sdk/testkit/sim/random.ts";
import { Deployment } from "./deployment.ts";

const segment = "default";
const noiseCount = 100_000;
/** So many at once, then others get a turn: what the kernel drops nobody has to survive. */
const burst = 50;
/** What the heap of an agent may differ by from one moment to the next. */
const restlessMiB = 48;

let deployment: Deployment;
beforeAll(async () => {
  deployment = await Deployment.create({ segments: { [segment]: { timings: "fast" } } });
  await deployment.startAll("n1", "n2", "n3");
}, 120_000);
afterAll(() => deployment[Symbol.asyncDispose]());

const view = () => deployment.json<SegmentView>("segments", segment);

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024;
}

it("SEC-1: noise on every UDP port of an agent changes nothing but counters", { timeout: 240_000 }, async () => {
  await expect.poll(async () => (await view()).members, { timeout: 60_000 }).toBe(3);
  const before = await view();
  const { group, port } = before.channel ?? { group: "", port: 0 };
  const members = before.nodes.flatMap((node) => {
    return node.address === undefined || node.port === undefined ? [] : [{ address: node.address, port: node.port }];
  });
  expect(members.length).toBeGreaterThanOrEqual(2);
  const overheard: Uint8Array[] = [];
  await using eavesdropper = await realUdp.bind({
    ...{ port, address: group, groups: [group], interfaceAddress: "127.0.0.1" },
    receive: ({ bytes }) => void (overheard.length < 200 && overheard.push(Uint8Array.from(bytes))),
  });
  await using stranger = await realUdp.bind({
    ...{ port: 0, address: "127.0.0.1", interfaceAddress: "127.0.0.1", ttl: 1 },
    receive: () => undefined,
  });
  expect(eavesdropper.port).toBe(port);
  await expect.poll(() => overheard.length, { timeout: 30_000 }).toBeGreaterThan(10);
  const agents = ["n1", "n2", "n3"].map((name) => deployment.agent(name));
  const random = new SimRandom(1);
  const targets = [...members, { address: group, port }];
  const send = async (count: number) => {
    for (let sent = 0; sent < count; sent += 1) {
      const { address, port: to } = targets[sent % targets.length] ?? { address: group, port };
      stranger.send(noise(random, overheard), address, to);
      if (sent % burst === 0) await turn();
    }
  };
  await send(noiseCount / 10);
  const [lines, memory] = [agents.map(({ log }) => log.length), agents.map(({ pid }) => residentMiB(pid))];
  await send(noiseCount);
  await expect
    .poll(async () => (await view()).parts[0]?.counters["junk"] ?? 0, { timeout: 90_000 })
    .toBeGreaterThan(100);
  const after = await view();
  expect(after).toMatchObject({ state: "led", leader: before.leader, epoch: before.epoch, members: 3 });
  agents.forEach(({ log, pid }, index) => {
    expect(log.length - (lines[index] ?? 0)).toBeLessThan(20);
    expect(residentMiB(pid) - (memory[index] ?? 0)).toBeLessThan(restlessMiB);
  });
});

/** What a stranger may send: anything, what was overheard, and that with a few bits or its end changed. */
function noise(random: SimRandom, overheard: readonly Uint8Array[]): Uint8Array {
  const kind = random.below(4);
  if (kind === 0) return random.bytes(random.below(1_400));
  const bytes = Uint8Array.from(overheard[random.below(overheard.length)] ?? []);
  if (kind === 1) return bytes;
  if (kind === 2) return bytes.subarray(0, random.below(bytes.length));
  for (let flips = 1 + random.below(3); flips > 0; flips -= 1) {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  }
  return bytes;
}
