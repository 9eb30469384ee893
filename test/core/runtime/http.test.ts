import { createHash } from "node:crypto";
import { once } from "node:events";
import { request as startRequest } from "node:https";
import { connect as connectTcp, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { connect as connectTls } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { realClock } from "../../../core/runtime/clock.ts";
import type { Identity } from "../../../core/runtime/identity.ts";
import { LinkClient } from "../../../core/runtime/link-client.ts";
import type { Credentials } from "../../../core/runtime/link-client.ts";
import { linkLimits, receiveBytes } from "../../../core/runtime/link-limits.ts";
import type { HttpAnswer } from "../../../sdk/index.ts";
import { noiseBytes } from "../../../sdk/testkit/sample-bytes.ts";
import { createAuthority, host, nodeIdentity, startPeer } from "./trusted-peers.ts";
import type { TrustedPeer } from "./trusted-peers.ts";

const refused = { code: "DIST_ERR_AUTH_REFUSED" };
const broken = { code: "DIST_ERR_TRANSFER_BROKEN", retryable: true };
const bytesOf = (text: string) => Buffer.from(text);
const textAnswer = (text: string): HttpAnswer => ({ status: 200, body: [bytesOf(text)] });
const sayingBytes = (count: number) => ({ "content-length": String(count) });
const textOf = async ({ body }: HttpAnswer) => Buffer.from(await receiveBytes(body, 1_000_000)).toString();

/** Control and a node of one authority, control serving `/hello`. */
async function setUp(options: Parameters<typeof startPeer>[1] = {}) {
  const authority = await createAuthority();
  const control = await startPeer(await authority.controlIdentity(), options);
  const node = await startPeer(await nodeIdentity(authority, "node-1"));
  control.link.serve("/hello", ({ peerId }) => Promise.resolve(textAnswer(`hello ${peerId}`)));
  return { authority, control, node };
}

function clientWith(credentials: Credentials): LinkClient {
  const client = new LinkClient(credentials);
  onTestFinished(() => client.close());
  return client;
}

/** A request by hand, for what `Link` never sends. */
function rawRequest(identity: Identity, { port }: TrustedPeer, path: string, headers = {}) {
  const { key, certificate, authority } = identity;
  const tls = { key, cert: certificate, ca: authority, checkServerIdentity: () => undefined, servername: "" };
  return startRequest({ host, port, path, method: "POST", headers, agent: false, ...tls });
}

/** An endless body whose lines come when they are given; `left` resolves when it is left. */
function lines() {
  const waiting: string[] = [];
  const left = Promise.withResolvers<void>();
  let wake = Promise.withResolvers<void>();
  async function* body(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    signal.addEventListener("abort", () => wake.resolve(), { once: true });
    try {
      while (!signal.aborted) {
        for (const line of waiting.splice(0)) yield bytesOf(`${line}\n`);
        await wake.promise;
        wake = Promise.withResolvers();
      }
    } finally {
      left.resolve();
    }
  }
  const give = (line: string) => {
    waiting.push(line);
    wake.resolve();
  };
  return { body, give, left: left.promise };
}

describe("who is let in", () => {
  it("is a peer with a certificate of the authority, known by the name in it", async () => {
    const { control, node } = await setUp();
    expect(await textOf(await node.link.request(control, "/hello"))).toBe("hello node-1");
  });

  it("is nobody without a certificate, except to enrol", async () => {
    const { authority, control } = await setUp();
    control.link.serve("/enrol", ({ peerId }) => Promise.resolve(textAnswer(`enrol '${peerId}'`)));
    const stranger = clientWith({ authority: authority.certificate });
    await expect(stranger.request(control, "/hello")).rejects.toMatchObject(refused);
    await expect(stranger.request(control, "/enrol/more")).rejects.toMatchObject(refused);
    await expect(stranger.request(control, "/enrol?x")).rejects.toMatchObject(refused);
    expect(await textOf(await stranger.request(control, "/enrol"))).toBe("enrol ''");
  });

  it("is nobody with a certificate of another authority, though it has the same name", async () => {
    const { authority, control } = await setUp();
    const impostor = await nodeIdentity(await createAuthority(), "node-1");
    const client = clientWith({ ...impostor, authority: authority.certificate });
    await expect(client.request(control, "/hello")).rejects.toMatchObject(refused);
  });

  it("is nobody whose certificate has expired, and it says so", async () => {
    const { authority, control } = await setUp();
    const client = clientWith(await nodeIdentity(authority, "node-1", -60 / 86_400));
    await expect(client.request(control, "/hello")).rejects.toThrow("CERT_HAS_EXPIRED");
  });

  it("is nobody by TLS 1.2", async () => {
    const { control } = await setUp();
    const socket = connectTls({ host, port: control.port, maxVersion: "TLSv1.2", rejectUnauthorized: false });
    await expect(once(socket, "secureConnect")).rejects.toMatchObject({ code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" });
  });

  it("is nobody who was removed, from the next request on", async () => {
    const denied = new Set<string>();
    const { control, node } = await setUp({ denied: (id) => denied.has(id) });
    expect(await textOf(await node.link.request(control, "/hello"))).toBe("hello node-1");
    denied.add("node-1");
    await expect(node.link.request(control, "/hello")).rejects.toMatchObject(refused);
    await expect(control.link.request(node, "/hello")).rejects.toMatchObject(refused);
  });

  it("gets nothing more of an answer once it was removed", async () => {
    const denied = new Set<string>();
    const { control, node } = await setUp({ denied: (id) => denied.has(id) });
    const events = lines();
    control.link.serve("/events", ({ signal }) => Promise.resolve({ status: 200, body: events.body(signal) }));
    const { body } = await node.link.request(control, "/events");
    denied.add("node-1");
    events.give("secret");
    await expect(receiveBytes(body, 1_000)).rejects.toMatchObject(broken);
  });

  it("keeps few connections of strangers", async () => {
    const { authority, control } = await setUp();
    const ca = authority.certificate;
    const sockets = Array.from({ length: linkLimits.strangers + 10 }, () =>
      connectTls({ host, port: control.port, ca, checkServerIdentity: () => undefined, servername: "" }),
    );
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    for (const socket of sockets) socket.on("error", () => undefined).resume();
    await expect.poll(() => sockets.filter(({ destroyed }) => destroyed).length, { timeout: 5_000 }).toBe(10);
  });
});

describe("who is called", () => {
  it("must have the name that is called, in a certificate of the authority", async () => {
    const { control, node } = await setUp();
    const other = { ...control, id: "node-2" };
    await expect(node.link.request(other, "/hello")).rejects.toThrow("the certificate there is that of 'control'");
    await expect(control.link.request({ ...node, id: "control" }, "/hello")).rejects.toMatchObject(refused);
  });

  it("must have it even if there is a connection to the same address", async () => {
    const { control, node } = await setUp();
    await textOf(await node.link.request(control, "/hello"));
    await expect(node.link.request({ ...control, id: "node-2" }, "/hello")).rejects.toMatchObject(refused);
  });

  it("must not be of another authority", async () => {
    const { node } = await setUp();
    const impostor = await startPeer(await (await createAuthority()).controlIdentity());
    await expect(node.link.request(impostor, "/hello")).rejects.toMatchObject(refused);
  });

  it("may be gone, which is worth another try", async () => {
    const { control, node } = await setUp();
    await control.link.close();
    await expect(node.link.request(control, "/hello")).rejects.toMatchObject(broken);
  });

  it("must answer in time", async () => {
    const { authority, control } = await setUp();
    control.link.serve("/never", () => new Promise(() => undefined));
    const patient = await startPeer(await nodeIdentity(authority, "node-2"), { answerTimeoutMs: 100 });
    await expect(patient.link.request(control, "/never")).rejects.toThrow("no answer within 100 ms");
  });

  it("is called over the same connection again, and over another if it let go of that one", async () => {
    const { control, node } = await setUp();
    let [count, isLettingGo] = [0, false];
    const between = createServer((socket) => {
      count += 1;
      const onwards = connectTcp(control.port, host);
      onwards.on("error", () => undefined).pipe(socket);
      socket
        .on("error", () => undefined)
        .on("data", (bytes: Buffer) => {
          if (isLettingGo) socket.resetAndDestroy();
          else onwards.write(bytes);
          isLettingGo = false;
        });
      socket.once("close", () => onwards.destroy());
    }).listen(0, host);
    onTestFinished(() => void between.close());
    await once(between, "listening");
    const peer = { ...control, port: (between.address() as AddressInfo).port };
    for (let round = 0; round < 5; round += 1) {
      expect(await textOf(await node.link.request(peer, "/hello"))).toBe("hello node-1");
    }
    expect(count).toBe(1);
    isLettingGo = true;
    expect(await textOf(await node.link.request(peer, "/hello"))).toBe("hello node-1");
    expect(count).toBe(2);
    await node.link.close();
  });

  it("is not followed elsewhere", async () => {
    const { control, node } = await setUp();
    const headers = { location: "/hello" };
    control.link.serve("/moved", () => Promise.resolve({ status: 302, headers, body: [] }));
    const { status, headers: got } = await node.link.request(control, "/moved");
    expect([status, got?.["location"]]).toEqual([302, "/hello"]);
  });
});

describe("an answer", () => {
  it("arrives whole, however large", async () => {
    const { control, node } = await setUp();
    const chunk = noiseBytes(1024 * 1024);
    control.link.serve("/large", () => Promise.resolve({ status: 200, body: repeat(chunk, 64) }));
    const [sent, got] = [createHash("sha1"), createHash("sha1")];
    for (const piece of repeat(chunk, 64)) sent.update(piece);
    for await (const piece of (await node.link.request(control, "/large")).body) got.update(piece);
    expect(got.digest("hex")).toBe(sent.digest("hex"));
  });

  it("is made no faster than it is read", async () => {
    const { control, node } = await setUp();
    let made = 0;
    async function* body(): AsyncGenerator<Uint8Array> {
      for (; made < 1_000; made += 1) yield new Uint8Array(1024 * 1024);
    }
    control.link.serve("/large", () => Promise.resolve({ status: 200, body: body() }));
    const answer = await node.link.request(control, "/large");
    const iterator = (answer.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    await iterator.next();
    // Time enough to make more, if nothing held it back.
    for (let round = 0; round < 50; round += 1) await textOf(await node.link.request(control, "/hello"));
    expect(made).toBeLessThan(50);
    await iterator.return?.();
  });

  it("that never ends begins before its first line, and each line comes at once", async () => {
    const { control, node } = await setUp();
    const events = lines();
    control.link.serve("/events", ({ signal }) => Promise.resolve({ status: 200, body: events.body(signal) }));
    const { body } = await node.link.request(control, "/events");
    const iterator = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    for (const line of ["one", "two"]) {
      events.give(line);
      expect(Buffer.from((await iterator.next()).value).toString()).toBe(`${line}\n`);
    }
    await iterator.return?.();
    await events.left;
  });

  it("is left by the one who makes it when the caller goes away before reading any of it", async () => {
    const { control, node } = await setUp();
    const events = lines();
    control.link.serve("/events", ({ signal }) => Promise.resolve({ status: 200, body: events.body(signal) }));
    const { body } = await node.link.request(control, "/events");
    await (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]().return?.();
    await events.left;
  });

  it("ends with the caller's reason when the caller aborts, and the one who makes it hears of it", async () => {
    const { control, node } = await setUp();
    const events = lines();
    control.link.serve("/events", ({ signal }) => Promise.resolve({ status: 200, body: events.body(signal) }));
    const controller = new AbortController();
    const { body } = await node.link.request(control, "/events", { signal: controller.signal });
    const reading = receiveBytes(body, 1_000);
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
    await events.left;
  });

  it("is not waited for after the signal", async () => {
    const { control, node } = await setUp();
    const gone = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    control.link.serve("/never", ({ signal }) => {
      signal.addEventListener("abort", () => gone.resolve());
      arrived.resolve();
      return new Promise(() => undefined);
    });
    const controller = new AbortController();
    const asking = node.link.request(control, "/never", { signal: controller.signal });
    await arrived.promise;
    controller.abort(new Error("enough"));
    await expect(asking).rejects.toThrow("enough");
    await gone.promise;
  });

  it.each<[string, () => HttpAnswer]>([
    ["fails on the way", () => ({ status: 200, body: failing() })],
    ["is shorter than it said", () => ({ status: 200, headers: sayingBytes(10), body: repeat(bytesOf("x"), 5) })],
    ["is longer than it said", () => ({ status: 200, headers: sayingBytes(3), body: repeat(bytesOf("xy"), 2) })],
  ])("that %s is broken for the caller, not merely short", async (_, answer) => {
    const { control, node } = await setUp();
    control.link.serve("/odd", () => Promise.resolve(answer()));
    const reading = node.link.request(control, "/odd").then(({ body }) => receiveBytes(body, 1_000));
    await expect(reading).rejects.toMatchObject(broken);
  });

  it("to a request that fails tells a known error, and of others nothing", async () => {
    const { control, node } = await setUp();
    control.link.serve("/crash", () => Promise.reject(new Error("password is 1234")));
    const answer = await node.link.request(control, "/crash");
    expect([answer.status, await textOf(answer)]).toEqual([500, "'/crash' failed\n"]);
  });

  it("comes from the longest prefix that fits, until it is disposed", async () => {
    const { control, node } = await setUp();
    const longer = control.link.serve("/hello/you", () => Promise.resolve(textAnswer("longer")));
    expect(await textOf(await node.link.request(control, "/hello/you?q"))).toBe("longer");
    expect(() => control.link.serve("/hello", () => Promise.reject(new Error()))).toThrow("served twice");
    longer[Symbol.dispose]();
    expect(await textOf(await node.link.request(control, "/hello/you"))).toBe("hello node-1");
    expect((await node.link.request(control, "/other")).status).toBe(404);
  });
});

describe("a request", () => {
  it("arrives with its method, path and body", async () => {
    const { control, node } = await setUp();
    control.link.serve("/echo", async ({ method, path, body }) => ({
      status: 200,
      body: [bytesOf(`${method} ${path} `), await receiveBytes(body, 1_000)],
    }));
    const answer = await node.link.request(control, "/echo?a=%2F..%2F", { method: "POST", body: bytesOf("body") });
    expect(await textOf(answer)).toBe("POST /echo?a=%2F..%2F body");
  });

  it("without end is cut off at the limit", async () => {
    const { authority, control } = await setUp();
    const seen = Promise.withResolvers<number>();
    control.link.serve("/sink", async ({ body }) => {
      let count = 0;
      try {
        for await (const chunk of body) count += chunk.length;
      } finally {
        seen.resolve(count);
      }
      return textAnswer("all");
    });
    const call = rawRequest(await nodeIdentity(authority, "node-2"), control, "/sink");
    onTestFinished(() => void call.destroy());
    const ended = Promise.withResolvers<number | undefined>();
    call.on("response", ({ statusCode }) => ended.resolve(statusCode)).on("error", () => ended.resolve(undefined));
    const pour = () => {
      while (!call.destroyed && call.write(new Uint8Array(1024 * 1024)));
    };
    call.on("drain", pour);
    pour();
    expect(await seen.promise).toBeLessThanOrEqual(linkLimits.bodyBytes);
    expect([413, undefined]).toContain(await ended.promise);
  });

  it("whose body nobody reads does not hold its connection", async () => {
    const { authority, control } = await setUp();
    const call = rawRequest(await nodeIdentity(authority, "node-2"), control, "/hello", sayingBytes(1_000_000));
    call.on("error", () => undefined).write("x");
    await once(call, "close");
  });

  it("with large headers is refused", async () => {
    const { authority, control } = await setUp();
    const headers = { "x-large": "x".repeat(linkLimits.headerBytes) };
    const call = rawRequest(await nodeIdentity(authority, "node-2"), control, "/hello", headers).end();
    const [{ statusCode }] = await once(call, "response");
    expect(statusCode).toBe(431);
  });
});

describe("a link", () => {
  it("that cannot have its port names it", async () => {
    const { authority, control } = await setUp();
    const second = startPeer(await authority.controlIdentity(), { port: control.port });
    await expect(second).rejects.toMatchObject({ code: "DIST_ERR_LINK_PORT" });
    await expect(second).rejects.toThrow(`${host}:${control.port}: something else listens there`);
  });

  it("goes on with a renewed identity on both sides", async () => {
    const { authority, control, node } = await setUp();
    await textOf(await node.link.request(control, "/hello"));
    control.link.use(await authority.controlIdentity());
    node.link.use(await nodeIdentity(authority, "node-9"));
    expect(await textOf(await node.link.request(control, "/hello"))).toBe("hello node-9");
  });

  it("closes within two seconds whatever peers do", async () => {
    const { authority, control, node } = await setUp();
    const identity = await nodeIdentity(authority, "node-2");
    control.link.serve("/never", () => new Promise(() => undefined));
    control.link.serve("/stuck", () => Promise.resolve({ status: 200, body: stuck() }));
    const large = () => repeat(new Uint8Array(1_000_000), 1_000);
    control.link.serve("/unread", () => Promise.resolve({ status: 200, body: large() }));
    const silent = connectTcp(control.port, host);
    const unfinished = rawRequest(identity, control, "/hello", { "content-length": 10 });
    const never = node.link.request(control, "/never");
    never.catch(() => undefined);
    await Promise.all([
      once(silent, "connect"),
      once(unfinished.on("error", () => undefined).flushHeaders() ?? unfinished, "response"),
      node.link.request(control, "/stuck"),
      node.link.request(control, "/unread"),
    ]);
    const begun = realClock.now();
    await control.link.close();
    expect(realClock.now() - begun).toBeLessThan(2_000);
    await expect(never).rejects.toMatchObject(broken);
    silent.destroy();
  });
});

function* repeat(chunk: Uint8Array, count: number): Generator<Uint8Array> {
  for (let made = 0; made < count; made += 1) yield chunk;
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield bytesOf("a part");
  throw new Error("the disk broke");
}

/** Ignores that nobody listens any more. */
async function* stuck(): AsyncGenerator<Uint8Array> {
  yield bytesOf("a part");
  await new Promise(() => undefined);
}
