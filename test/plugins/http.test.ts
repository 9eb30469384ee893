import { createServer, connect as connectTcp } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { MemoryPieces, noiseBytes, recordingHost, SimClock, simIo, SimNetwork } from "distributary/testkit";
import { testPlugin, testTransport } from "distributary/testkit";
import type { TransportEnds } from "distributary/testkit";
import { createLink } from "../../core/runtime/http.ts";
import http from "../../plugins/http/index.ts";
import { formatPath, parsePath } from "../../plugins/http/request-path.ts";
import { isFailure } from "../../sdk/index.ts";
import type { Http, HttpAnswer, Io, PeerTransport } from "../../sdk/index.ts";
import { createAuthority, host, nodeIdentity } from "../core/runtime/trusted-peers.ts";

const createTransport = (options: object = {}) => recordingHost(http, options).transports.get("http") as PeerTransport;

const ioOver = (link: Http): Io => simIo({ http: link });

function connectSimulated(): Promise<TransportEnds> {
  const network = new SimNetwork(new SimClock());
  return Promise.resolve({
    source: network.peer("source"),
    sourceIo: ioOver(network.http("source")),
    targetId: "target",
    targetIo: ioOver(network.http("target")),
    stall: () => network.stall("source"),
    breakAfter: (bytes: number) => network.breakAfter("source", bytes),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

/** Two links with certificates of one authority, and between them a relay that can hold up or cut what passes. */
async function connectReal(): Promise<TransportEnds> {
  const authority = await createAuthority();
  const source = await createLink(await nodeIdentity(authority, "source"), { host, port: 0 });
  const target = await createLink(await nodeIdentity(authority, "target"), { host, port: 0 });
  const upstreams = new Set<Socket>();
  let bytesLeft = Infinity;
  let isStalled = false;
  const relay = createServer((downstream) => {
    const upstream = connectTcp(source.port, host);
    upstreams.add(upstream);
    upstream.on("close", () => downstream.destroy());
    downstream.on("close", () => upstream.destroy());
    for (const socket of [upstream, downstream]) socket.on("error", () => socket.destroy());
    if (isStalled) upstream.pause();
    downstream.pipe(upstream);
    upstream.on("data", (bytes) => {
      downstream.write(bytes.subarray(0, bytesLeft));
      bytesLeft -= bytes.length;
      if (bytesLeft > 0) return;
      bytesLeft = Infinity;
      downstream.end();
      upstream.pause();
    });
    if (isStalled) upstream.pause();
  });
  await new Promise<void>((resolve) => relay.listen(0, host, resolve));
  return {
    source: { id: "source", host, port: (relay.address() as AddressInfo).port },
    sourceIo: ioOver(source),
    targetId: "target",
    targetIo: ioOver(target),
    stall() {
      isStalled = true;
      for (const upstream of upstreams) upstream.pause();
    },
    breakAfter: (bytes: number) => void (bytesLeft = bytes),
    async [Symbol.asyncDispose]() {
      for (const upstream of upstreams) upstream.destroy();
      await Promise.all([source.close(), target.close(), new Promise((resolve) => relay.close(resolve))]);
    },
  };
}

testPlugin(http);
testTransport("http on a simulated network", () => ({ transport: createTransport(), connect: connectSimulated }));
testTransport("http on sockets with mutual TLS", () => ({ transport: createTransport(), connect: connectReal }));
testTransport("http that asks for one piece at a time", () => ({
  transport: createTransport({ piecesPerRequest: 1 }),
  connect: connectSimulated,
}));

describe("a path of pieces", () => {
  const assignment = "0a".repeat(32);

  it("is read as it was written", () => {
    const range = { from: 0, to: 12 };
    expect(parsePath(formatPath(assignment, range))).toEqual({ assignment, range });
  });

  it.each([
    ["/pieces/", "names nothing"],
    [`/pieces/${assignment}`, "has no range"],
    [`/pieces/${assignment}/0-`, "has no end"],
    [`/pieces/${assignment}/3-3`, "holds no pieces"],
    [`/pieces/${assignment}/4-3`, "ends before it begins"],
    [`/pieces/${assignment}/-1-3`, "begins below zero"],
    [`/pieces/${assignment}/00-3`, "writes a number in another way"],
    [`/pieces/${assignment}/0-9007199254740993`, "is larger than numbers are"],
    [`/pieces/${assignment}/0-1e3`, "has an exponent"],
    [`/pieces/${assignment}/0-1?x=1`, "has a query"],
    [`/pieces/${assignment}/0-1/`, "goes on"],
    [`/pieces/${assignment}/0-1\n`, "ends in a line end"],
    [`/pieces/${assignment.toUpperCase()}/0-1`, "has a hash in capitals"],
    [`/pieces/${assignment.slice(2)}/0-1`, "has a short hash"],
    ["/pieces/../../etc/passwd/0-1", "leads elsewhere"],
  ])("is refused: %j, which %s", (path) => {
    expect(parsePath(path)).toBeUndefined();
  });
});

describe("a source of pieces", () => {
  it("answers what is no request for pieces with 400, 404 or 405", async () => {
    const network = new SimNetwork(new SimClock());
    using _serving = createTransport().serve(ioOver(network.http("source")), () => undefined);
    const status = async (path: string, method = "GET") =>
      (await network.http("target").request(network.peer("source"), path, { method })).status;
    const path = formatPath("0a".repeat(32), { from: 0, to: 1 });
    expect(await Promise.all([status("/pieces/x"), status(path), status(path, "DELETE")])).toEqual([400, 404, 405]);
  });
});

describe("a source that lies", () => {
  const fetchFrom = async (answer: () => HttpAnswer): Promise<[MemoryPieces, unknown]> => {
    const network = new SimNetwork(new SimClock());
    network.http("source").serve("/pieces/", () => Promise.resolve(answer()));
    const into = new MemoryPieces(noiseBytes(3_000), 1_000, () => false);
    const { signal } = new AbortController();
    const fetching = createTransport().fetch(
      ioOver(network.http("target")),
      network.peer("source"),
      { from: 0, to: 3 },
      into,
      signal,
    );
    return [into, await fetching.catch((error: unknown) => error)];
  };
  const saying = (count: string) => ({ "distributary-pieces": count });
  const headers = saying("3");
  const tooLong = () => [noiseBytes(3_000), ...take(endless(), 2)];
  function* endless(): Generator<Uint8Array> {
    for (;;) yield new Uint8Array(1_000);
  }

  it.each<[string, number, () => HttpAnswer]>([
    ["sends more than it says", 3, () => ({ status: 200, headers, body: tooLong() })],
    ["sends noise without end", 0, () => ({ status: 200, headers, body: endless() })],
    ["sends less than it says", 1, () => ({ status: 200, headers, body: [noiseBytes(3_000).subarray(0, 1_500)] })],
    ["says nothing of how many", 0, () => ({ status: 200, body: [noiseBytes(3_000)] })],
    ["says more than was asked for", 0, () => ({ status: 200, headers: saying("4"), body: endless() })],
    ["says a number that is none", 0, () => ({ status: 200, headers: saying("-1"), body: endless() })],
    ["leads elsewhere", 0, () => ({ status: 302, headers: { location: "http://169.254.169.254/" }, body: [] })],
    ["fails", 0, () => ({ status: 500, body: endless() })],
  ])("is left if it %s", async (_, keptCount, answer) => {
    const [into, error] = await fetchFrom(answer);
    expect(isFailure(error, "DIST_ERR_TRANSFER_BROKEN") && error.retryable).toBe(true);
    expect(into.held.length).toBe(keptCount);
  });
});

function* take<T>(values: Iterable<T>, count: number): Generator<T> {
  let taken = 0;
  for (const value of values) {
    if (taken === count) return;
    taken += 1;
    yield value;
  }
}
