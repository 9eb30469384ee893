import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublicKey } from "node:crypto";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { SegmentMembership } from "../../../../core/agent/segment/membership.ts";
import type { MembershipOptions } from "../../../../core/agent/segment/membership.ts";
import { Kernel } from "../../../../core/kernel/kernel.ts";
import type { SegmentGrant } from "../../../../core/protocol/messages.ts";
import { segmentTimings } from "../../../../core/protocol/segment/timings.ts";
import { realIo } from "../../../../core/runtime/io.ts";
import type { Http, Log } from "../../../../sdk/index.ts";
import { recordingHost } from "../../../../sdk/testkit/recording-host.ts";
import { controlKey, ed25519, idOf, recordOf } from "../../runtime/channel/segment-trial.ts";

const retryMs = 5_000;

let directory: string;
let resources: AsyncDisposableStack;
/** What rings for those who wait to try again. */
let retries: (() => void)[];
let entered: string[];
let warnings: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "distributary-membership-"));
  mkdirSync(join(directory, "segment"));
  keep("key.pem", ed25519(1).export({ type: "pkcs8", format: "pem" }));
  resources = new AsyncDisposableStack();
  resources.defer(() => rmSync(directory, { recursive: true }));
  [retries, entered, warnings] = [[], [], []];
});
afterEach(() => resources.disposeAsync());

function keep(name: string, content: string | object): void {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  writeFileSync(join(directory, "segment", name), text);
}

function grantOf(segment: string): SegmentGrant {
  return {
    ...{ segment, channel: { number: 1, group: "239.192.0.1", port: 7_402 }, ttl: 1, reach: "unicast" },
    ...{ timings: segmentTimings.fast, keys: [{ epoch: 1, key: Buffer.alloc(32, 1).toString("base64") }] },
    ...{ sealWith: 1, record: Buffer.from(recordOf(1, { segment })).toString("base64") },
    ...{ priority: "default", rank: 0, eligible: true, peers: [] },
  };
}

/** A node that control answers so, and whose waits to try again end when they are told to. */
async function takePart(
  request: Http["request"],
  differing: Omit<Partial<MembershipOptions>, "intake"> = {},
): Promise<SegmentMembership> {
  const { log: quiet } = recordingHost({ name: "test", api: 1, setup: () => undefined });
  const log: Log = {
    ...quiet,
    info: (fields, text) => void (text.startsWith("takes part") && entered.push(textIn(fields, "segment"))),
    warn: (fields) => void warnings.push(textIn(fields, "error")),
  };
  const clock: typeof realIo.clock = {
    ...realIo.clock,
    until(moment, signal) {
      if (moment - realIo.clock.now() < retryMs / 2) return realIo.clock.until(moment, signal);
      return new Promise((resolve, reject) => {
        retries.push(resolve);
        signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
    },
  };
  const http = { serve: () => ({ [Symbol.dispose]: () => undefined }), request };
  const kernel = await Kernel.load({ plugins: [], directory, role: "agent", log });
  const membership = new SegmentMembership(
    { ...realIo, clock, http },
    {
      ...{
        node: idOf(1),
        name: "web-1",
        control: { id: "control", host: "127.0.0.1", port: 1 },
        directory,
        kernel,
        log,
      },
      signingKey: createPublicKey(controlKey).export({ type: "spki", format: "pem" }) as string,
      ...{ intake: { find: () => undefined, began: () => undefined, ended: () => undefined } },
      ...{ sites: () => [], report: () => undefined, ...differing },
    },
  );
  const stop = new AbortController();
  const running = membership.run(stop.signal);
  resources.defer(async () => {
    stop.abort();
    await running;
    await kernel[Symbol.asyncDispose]();
  });
  return membership;
}

function textIn(fields: object, key: string): string {
  return String((fields as Record<string, unknown>)[key]);
}

const deadline = { timeout: 10_000 };

it("asks control once however often it is told to, and tries again once if that fails", async () => {
  let asked = 0;
  const membership = await takePart(async () => {
    asked += 1;
    return { status: 409, headers: {}, body: [Buffer.from("there are two")] };
  });
  for (let round = 1; round <= 20; round += 1) {
    membership.connected();
    membership.take({ type: "segment" });
    await vi.waitFor(() => expect(asked).toBe(round), deadline);
  }
  await vi.waitFor(() => expect(warnings).toHaveLength(20), deadline);
  expect(warnings[0]).toContain("there are two");
  expect(retries).toHaveLength(1);
  retries[0]?.();
  await vi.waitFor(() => expect(retries).toHaveLength(2), deadline);
  expect(asked).toBe(21);
});

it("never goes back to an older grant", async () => {
  keep("grant.json", grantOf("hall-1"));
  const taken = await realIo.udp.bind({ port: 0, address: "127.0.0.1", receive: () => undefined });
  const listen = { address: "127.0.0.1", port: taken.port };
  let asked = 0;
  const answer = async () => {
    asked += 1;
    return { status: 200, headers: {}, body: [Buffer.from(JSON.stringify(grantOf("hall-2")))] };
  };
  const membership = await takePart(answer, { listen });
  await vi.waitFor(() => expect(retries).toHaveLength(1), deadline);
  await taken[Symbol.asyncDispose]();
  membership.connected();
  await vi.waitFor(() => expect(entered).toEqual(["hall-2"]), deadline);
  retries[0]?.();
  membership.connected();
  await vi.waitFor(() => expect(asked).toBe(2), deadline);
  expect(entered).toEqual(["hall-2"]);
  expect(warnings).toHaveLength(1);
});

it("begins with a newer tenure than control knows of if it has forgotten its own", async () => {
  keep("grant.json", grantOf("hall-1"));
  const epochs: number[] = [];
  const grant = { ...grantOf("hall-1"), epoch: 9 };
  const answer = async () => ({ status: 200, headers: {}, body: [Buffer.from(JSON.stringify(grant))] });
  const report: MembershipOptions["report"] = (word) =>
    void (word.type === "segment" && epochs.push(word.report.epoch));
  const membership = await takePart(answer, { report });
  await vi.waitFor(() => expect(epochs).toContain(1), deadline);
  membership.connected();
  await vi.waitFor(() => expect(epochs.at(-1)).toBe(10), deadline);
  membership.connected();
  membership.take({ type: "segment-report" });
  expect(entered).toEqual(["hall-1", "hall-1"]);
});

it("asks for the other members of its segment once a start, and keeps them for the next one", async () => {
  keep("grant.json", grantOf("hall-1"));
  const asked: unknown[] = [];
  const peers = [{ id: idOf(2), address: "127.0.0.1", port: 9 }];
  const membership = await takePart(async (_peer, _path, call) => {
    asked.push(JSON.parse(Buffer.from(call?.body as Uint8Array).toString()));
    const grant = { ...grantOf("hall-1"), peers: asked.length === 1 ? peers : [] };
    return { status: 200, headers: {}, body: [Buffer.from(JSON.stringify(grant))] };
  });
  await vi.waitFor(() => expect(entered).toEqual(["hall-1"]), deadline);
  membership.connected();
  await vi.waitFor(() => expect(asked).toHaveLength(1), deadline);
  membership.connected();
  await vi.waitFor(() => expect(asked).toHaveLength(2), deadline);
  membership.connected();
  await vi.waitFor(() => expect(asked).toHaveLength(3), deadline);
  expect(asked[0]).not.toHaveProperty("knows");
  expect(asked[2]).toMatchObject({ knows: "hall-1", issuedAfter: 1_000 });
  const kept = JSON.parse(readFileSync(join(directory, "segment", "grant.json"), "utf8")) as SegmentGrant;
  expect(kept.peers).toEqual(peers);
});

it("takes part in its segment while not even the name of control is known", async () => {
  keep("grant.json", grantOf("hall-1"));
  keep("address.json", { address: "127.0.0.1" });
  await takePart(() => Promise.reject(new Error("control is away")), {
    control: { id: "control", host: "control.invalid", port: 1 },
  });
  await vi.waitFor(() => expect(entered).toEqual(["hall-1"]), { timeout: 50_000 });
}, 60_000);
