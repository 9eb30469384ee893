import { once } from "node:events";
import { request as startRequest } from "node:https";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { MemoryPieces, recordingHost, simIo } from "distributary/testkit";
import { serveApi } from "../../core/control/api/server.ts";
import { realClock } from "../../core/runtime/clock.ts";
import { linkLimits, receiveBytes, timeFor } from "../../core/runtime/link-limits.ts";
import http from "../../plugins/http/index.ts";
import type { PeerTransport } from "../../sdk/index.ts";
import { Trial } from "../core/control/trial.ts";
import { createAuthority, host, nodeIdentity, startPeer } from "../core/runtime/trusted-peers.ts";

const patienceMs = 400;
const never = new AbortController().signal;
const tooSlow = expect.objectContaining({
  code: "DIST_ERR_TRANSFER_BROKEN",
  message: expect.stringContaining(`less than ${linkLimits.paceBytes}`) as string,
}) as Error;

/** Control and a node, both of little patience. */
async function setUp() {
  const authority = await createAuthority();
  const control = await startPeer(await authority.controlIdentity(), { patienceMs });
  const identity = await nodeIdentity(authority, "node-1");
  return { control, identity, node: await startPeer(identity, { patienceMs }) };
}

/** Chunks of this size, one after each pause, for so long. */
async function* drip(sizeBytes: number, pauseMs: number, forMs = Infinity): AsyncGenerator<Uint8Array> {
  const end = realClock.now() + forMs;
  while (realClock.now() < end) {
    yield new Uint8Array(sizeBytes);
    await realClock.until(realClock.now() + pauseMs);
  }
}

/** How long it took, once it ended. */
async function timed(work: Promise<unknown>): Promise<number> {
  const begun = realClock.now();
  await work;
  return realClock.now() - begun;
}

describe("SEC-23: an answer that comes a byte at a time", () => {
  it("ends when a minute's worth is not there in a minute, and says so", async () => {
    const { control, node } = await setUp();
    control.link.serve("/slow", async () => ({ status: 200, body: drip(1, 10) }));
    const { body } = await node.link.request(control, "/slow");
    const tookMs = await timed(expect(receiveBytes(body, 1 << 20)).rejects.toThrow(tooSlow));
    expect(tookMs).toBeGreaterThanOrEqual(patienceMs);
  });

  it("ends too if it began well: what was fast before does not count for later", async () => {
    const { control, node } = await setUp();
    async function* body() {
      yield new Uint8Array(10 * linkLimits.paceBytes);
      yield* drip(1, 10);
    }
    control.link.serve("/slow", async () => ({ status: 200, body: body() }));
    const answer = await node.link.request(control, "/slow");
    await expect(receiveBytes(answer.body, 1 << 30)).rejects.toThrow(tooSlow);
  });

  it("goes on for as long as it likes if it is fast enough", async () => {
    const { control, node } = await setUp();
    const body = () => drip(linkLimits.paceBytes / 4, patienceMs / 20, 3 * patienceMs);
    control.link.serve("/good", async () => ({ status: 200, body: body() }));
    const answer = await node.link.request(control, "/good");
    expect((await receiveBytes(answer.body, 1 << 30)).length).toBeGreaterThan(4 * linkLimits.paceBytes);
  });

  it("is what a stream of events is made of, which may, until nothing at all comes", async () => {
    const { control, node } = await setUp();
    async function* events() {
      yield* drip(1, 20, 3 * patienceMs);
      await new Promise(() => undefined);
    }
    control.link.serve("/events", async () => ({ status: 200, body: events() }));
    const { body } = await node.link.request(control, "/events", { endless: true });
    const tookMs = await timed(expect(receiveBytes(body, 1 << 20)).rejects.toThrow(tooSlow));
    expect(tookMs).toBeGreaterThanOrEqual(3 * patienceMs);
  });

  it("is not what refuses a node either: the reason is not waited for", async () => {
    const { control, node } = await setUp();
    control.link.serve("/refuses", async () => ({ status: 401, body: drip(1, 10) }));
    await expect(node.link.request(control, "/refuses")).rejects.toThrow(tooSlow);
  });

  it("as pieces is left, with those that arrived", async () => {
    const { control, node } = await setUp();
    const { fetch } = recordingHost(http).transports.get("http") as PeerTransport;
    const pieces = Array.from({ length: 4 }, (_, index) => Buffer.alloc(1_024, index));
    async function* body() {
      yield Buffer.concat(pieces.slice(0, 2));
      yield* drip(1, 10);
    }
    const headers = { "distributary-pieces": "4" };
    control.link.serve("/pieces/", async () => ({ status: 200, headers, body: body() }));
    const into = new MemoryPieces(Buffer.concat(pieces), 1_024, () => false);
    const fetching = fetch(simIo({ http: node.link }), control, { from: 0, to: 4 }, into, never);
    await expect(fetching).rejects.toThrow(tooSlow);
    expect([0, 1, 2, 3].filter((index) => into.has(index))).toEqual([0, 1]);
  });
});

it("SEC-23: an answer that its reader takes a byte at a time is not kept for that one", async () => {
  const { control, identity } = await setUp();
  const left = Promise.withResolvers<void>();
  async function* large() {
    try {
      for (;;) yield new Uint8Array(1 << 20);
    } finally {
      left.resolve();
    }
  }
  control.link.serve("/large", async () => ({ status: 200, body: large() }));
  const tls = { ca: identity.authority, key: identity.key, cert: identity.certificate, servername: "" };
  const options = { host, port: control.port, path: "/large", agent: false, checkServerIdentity: () => undefined };
  const call = startRequest({ ...options, ...tls }).end();
  const [response] = await once(call, "response");
  response.on("error", () => undefined);
  const reading = setInterval(() => response.read(1), 10);
  onTestFinished(() => clearInterval(reading));
  await left.promise;
  expect(timeFor(4 * linkLimits.paceBytes, patienceMs)).toBe(4 * patienceMs);
});

it("SEC-23: a request that comes a byte at a time is ended, also by one who may speak", async () => {
  const { control, identity } = await setUp();
  let got = 0;
  control.link.serve("/report", async ({ body }) => {
    for await (const chunk of body) got += chunk.length;
    return { status: 204, body: [] };
  });
  const tls = { ca: identity.authority, key: identity.key, cert: identity.certificate, servername: "" };
  const options = { host, port: control.port, path: "/report", method: "POST", agent: false };
  const call = startRequest({ ...options, ...tls, checkServerIdentity: () => undefined });
  call.on("error", () => undefined);
  const writing = setInterval(() => call.write("x"), 10);
  onTestFinished(() => clearInterval(writing));
  await Promise.race([once(call, "response"), once(call, "close")]);
  expect(got).toBeGreaterThan(0);
});

describe("SEC-23: the API", () => {
  let trial: Trial;
  let api: Awaited<ReturnType<typeof serveApi>>;
  beforeAll(async () => {
    trial = await Trial.start("embedded");
    api = await serveApi(trial.control, host, 0, patienceMs);
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    await trial[Symbol.asyncDispose]();
  });

  async function connected(): Promise<Socket> {
    const socket = connect(api.port, host).on("error", () => undefined);
    await once(socket, "connect");
    return socket;
  }

  /** What comes until the connection ends, in whatever way. */
  async function rest(socket: Socket): Promise<Buffer> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of socket) chunks.push(chunk as Buffer);
    } catch {
      // It was reset.
    }
    return Buffer.concat(chunks);
  }

  it.each([
    ["its headers", "POST /v1/jobs HTTP/1.1\r\nhost: x\r\nx-more: "],
    [
      "its body",
      "POST /v1/jobs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n{",
    ],
  ])("ends a request that sends %s a byte at a time", async (_, start) => {
    const socket = await connected();
    socket.write(start);
    const writing = setInterval(() => socket.write(" "), 10);
    expect((await rest(socket)).toString()).toMatch(/^HTTP\/1\.1 408 /);
    clearInterval(writing);
  });

  it("does not keep an answer that its reader takes a byte at a time", async () => {
    const job = {
      ...{
        kind: "publish",
        site: "x",
        params_json: "{}",
        state: "done",
        phase: "ended",
        version: null,
        stats_json: "{}",
      },
      ...{ reason: "x".repeat(1 << 20), asked_by: "x", asked_at: 1, started_at: 1, ended_at: 1, retry_at: null },
    };
    for (let id = 0; id < 32; id += 1)
      await trial.control.db
        .insertInto("job")
        .values({ ...job, id: `${id}` })
        .execute();
    const token = await trial.token("viewer");
    const socket = await connected();
    socket.write(`GET /v1/jobs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`);
    const reading = setInterval(() => socket.read(1), 10);
    await realClock.until(realClock.now() + 5 * patienceMs);
    clearInterval(reading);
    // Only one who reads on hears of the end.
    const heard = (await rest(socket)).length;
    expect([heard > 0, heard < 32 << 20]).toEqual([true, true]);
  });
});
