import { createPublicKey } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Segment } from "../../../../core/agent/segment/segment.ts";
import { SegmentFiles } from "../../../../core/agent/segment/files.ts";
import { SegmentSockets } from "../../../../core/agent/segment/sockets.ts";
import type { SegmentGrant } from "../../../../core/protocol/messages.ts";
import { segmentTimings } from "../../../../core/protocol/segment/timings.ts";
import { readHeader } from "../../../../core/runtime/channel/header.ts";
import { realIo } from "../../../../core/runtime/io.ts";
import { recordingHost } from "../../../../sdk/testkit/recording-host.ts";
import {
  TrialMember,
  alive,
  controlKey,
  ed25519,
  idOf,
  recordOf,
  segment,
} from "../../runtime/channel/segment-trial.ts";

const prefilterBytes = 4;

let directory: string;
let resources: AsyncDisposableStack;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "distributary-segment-"));
  resources = new AsyncDisposableStack();
  resources.defer(() => rmSync(directory, { recursive: true }));
});
afterEach(() => resources.disposeAsync());

interface Sent {
  readonly boot: string;
  readonly bootSequence: number;
  readonly sequence: number;
  readonly said: string | undefined;
}

/** A node alone in its segment, and what it sends to the one other member that control knows of. */
async function takePart(wallTime: () => number, change: (files: SegmentFiles) => void = () => undefined) {
  const heard: Sent[] = [];
  const other = new TrialMember(2);
  const peer = await realIo.udp.bind({
    ...{ port: 0, address: "127.0.0.1" },
    receive({ bytes }) {
      const header = readHeader(Buffer.from(bytes.subarray(prefilterBytes)));
      if (header === undefined) throw new Error("what was sent has no header");
      const { boot, sequence } = header;
      const said = other.channel.open(bytes)?.message.type;
      heard.push({ boot: boot.id, bootSequence: boot.sequence, sequence, said });
    },
  });
  resources.use(peer);
  const { log } = recordingHost({ name: "test", api: 1, setup: () => undefined });
  const listen = { address: "127.0.0.1", port: 0 };
  const sockets = await SegmentSockets.open(realIo.udp, { listen, ttl: 1, log, receive: () => undefined });
  resources.use(sockets);
  const grant: SegmentGrant = {
    ...{ segment, channel: { number: 1, group: "239.192.0.1", port: 7_402 }, ttl: 1, reach: "unicast" },
    timings: { ...segmentTimings.fast, periodMs: 50 },
    ...{ keys: [{ epoch: 1, key: Buffer.alloc(32, 1).toString("base64") }], sealWith: 1 },
    record: Buffer.from(recordOf(1)).toString("base64"),
    ...{ priority: "default", rank: 0, eligible: true },
    peers: [{ id: idOf(2), address: "127.0.0.1", port: peer.port }],
  };
  const files = new SegmentFiles(realIo.disk, directory, log);
  change(files);
  const io = { ...realIo, clock: { ...realIo.clock, wallTime }, http: { serve: nothing, request: nothing } };
  const part = new Segment(io, {
    ...{ node: idOf(1), name: "web-1", grant, files, sockets, log, key: ed25519(1) },
    controlKey: createPublicKey(controlKey),
    priority: () => 1,
    report: () => undefined,
  });
  const stop = new AbortController();
  const running = part.run(stop.signal);
  resources.defer(async () => {
    stop.abort();
    await running.catch(() => undefined);
  });
  return { heard, running, part };
}

it("what the leader announces goes to those who listen; what others announce, and what was announced before, does not", async () => {
  const { part } = await takePart(Date.now);
  const taken: string[] = [];
  const listening = part.channel().listen((leader, bytes) => taken.push(`${leader} ${Buffer.from(bytes).toString()}`));
  const [leader, other] = [new TrialMember(2), new TrialMember(3)];
  const say = (who: TrialMember, rides: string | undefined, epoch: number) => {
    const said = rides === undefined ? {} : { rides: Buffer.from(rides) };
    part.receive(who.channel.seal({ ...alive(), epoch, ...said }), "multicast");
  };
  say(leader, "one", 3);
  say(other, "of another", 3);
  say(other, "of another that leads by now, for all this one knows", 2);
  say(leader, undefined, 3);
  say(leader, "of a tenure that is over", 2);
  say(leader, "two", 3);
  expect(taken).toEqual([`${idOf(2)} one`, `${idOf(2)} two`]);
  expect(part.heardLeading(idOf(2))).toBeGreaterThan(0);
  expect(part.heardLeading(idOf(3))).toBe(-Infinity);
  listening[Symbol.dispose]();
  say(leader, "three", 3);
  expect(taken).toHaveLength(2);
});

it("SEC-16: a machine that was put back to an earlier state never uses a nonce twice", async () => {
  let aheadMs = 0;
  const { heard } = await takePart(() => Date.now() + aheadMs);
  await vi.waitFor(() => expect(heard.length).toBeGreaterThan(3), { timeout: 20_000 });
  aheadMs = 3_600_000;
  await vi.waitFor(() => expect(new Set(heard.map(({ boot }) => boot)).size).toBe(2), { timeout: 20_000 });
  expect(heard.at(-1)?.bootSequence).toBeGreaterThan(heard[0]?.bootSequence ?? Infinity);
  const nonces = heard.map(({ boot, sequence }) => `${boot} ${sequence}`);
  expect(new Set(nonces).size).toBe(nonces.length);
});

it("a node that cannot store its epoch does not lead, and its part in the segment breaks off", async () => {
  const { heard, running } = await takePart(Date.now, (files) => {
    files.storeMemory = () => {
      throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
    };
  });
  await expect(running).rejects.toThrow("no space left");
  expect(heard.map(({ said }) => said)).toContain("claim");
  expect(heard.map(({ said }) => said)).not.toContain("alive");
});

function nothing(): never {
  throw new Error("there is no HTTP here");
}
