import { createPublicKey } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { Segment } from "../../../core/agent/segment.ts";
import { SegmentFiles } from "../../../core/agent/segment-files.ts";
import { SegmentSockets } from "../../../core/agent/segment-sockets.ts";
import type { SegmentGrant } from "../../../core/protocol/messages.ts";
import { segmentTimings } from "../../../core/protocol/segment-timings.ts";
import { readHeader } from "../../../core/runtime/channel/header.ts";
import { realIo } from "../../../core/runtime/io.ts";
import { recordingHost } from "../../../sdk/testkit/recording-host.ts";
import { controlKey, ed25519, idOf, recordOf, segment } from "../runtime/channel/segment-trial.ts";

const prefilterBytes = 4;

it("SEC-16: a machine that was put back to an earlier state never uses a nonce twice", async () => {
  const directory = mkdtempSync(join(tmpdir(), "distributary-segment-"));
  let aheadMs = 0;
  const clock = { ...realIo.clock, wallTime: () => Date.now() + aheadMs };
  const heard: { boot: string; bootSequence: number; sequence: number }[] = [];
  const peer = await realIo.udp.bind({
    ...{ port: 0, address: "127.0.0.1" },
    receive({ bytes }) {
      const header = readHeader(Buffer.from(bytes.subarray(prefilterBytes)));
      if (header === undefined) throw new Error("what was sent has no header");
      const { boot, sequence } = header;
      heard.push({ boot: boot.id, bootSequence: boot.sequence, sequence });
    },
  });
  const { log } = recordingHost({ name: "test", api: 1, setup: () => undefined });
  const listen = { address: "127.0.0.1", port: 0 };
  const sockets = await SegmentSockets.open(realIo.udp, { listen, ttl: 1, log, receive: () => undefined });
  const grant: SegmentGrant = {
    ...{ segment, channel: { number: 1, group: "239.192.0.1", port: 7_402 }, ttl: 1, reach: "unicast" },
    timings: { ...segmentTimings.fast, periodMs: 50 },
    ...{ keys: [{ epoch: 1, key: Buffer.alloc(32, 1).toString("base64") }], sealWith: 1 },
    record: Buffer.from(recordOf(1)).toString("base64"),
    ...{ priority: "default", rank: 0, eligible: true },
    peers: [{ id: idOf(2), address: "127.0.0.1", port: peer.port }],
  };
  const stop = new AbortController();
  const io = { ...realIo, clock, http: { serve: nothing, request: nothing } };
  const part = new Segment(io, {
    ...{ node: idOf(1), name: "web-1", grant, sockets, log, key: ed25519(1) },
    ...{ files: new SegmentFiles(realIo.disk, directory, log), controlKey: createPublicKey(controlKey) },
    priority: () => 1,
    report: () => undefined,
  });
  const running = part.run(stop.signal);
  try {
    await vi.waitFor(() => expect(heard.length).toBeGreaterThan(3), { timeout: 20_000 });
    aheadMs = 3_600_000;
    await vi.waitFor(() => expect(new Set(heard.map(({ boot }) => boot)).size).toBe(2), { timeout: 20_000 });
    const [before, after] = [heard[0], heard.at(-1)];
    expect(after?.bootSequence).toBeGreaterThan(before?.bootSequence ?? Infinity);
    const nonces = heard.map(({ boot, sequence }) => `${boot} ${sequence}`);
    expect(new Set(nonces).size).toBe(nonces.length);
  } finally {
    stop.abort();
    await running;
    await sockets[Symbol.asyncDispose]();
    await peer[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  }
});

function nothing(): never {
  throw new Error("there is no HTTP here");
}
