import { describe, expect, it } from "vitest";
import http from "../../../plugins/http/index.ts";
import { failure } from "../../../sdk/index.ts";
import type { PeerTransport, PieceStore } from "../../../sdk/index.ts";
import { failedCases } from "../../../sdk/testkit/kit.ts";
import { recordingHost } from "../../../sdk/testkit/recording-host.ts";
import { SimClock } from "../../../sdk/testkit/sim/clock.ts";
import { simIo } from "../../../sdk/testkit/sim/io.ts";
import { SimNetwork } from "../../../sdk/testkit/sim/http.ts";
import { transportKit } from "../../../sdk/testkit/transport.ts";
import type { TransportSubject } from "../../../sdk/testkit/transport.ts";

const honest = recordingHost(http).transports.get("http") as PeerTransport;

function subject(transport: PeerTransport): () => TransportSubject {
  return () => ({
    transport,
    connect: () => {
      const network = new SimNetwork(new SimClock());
      return Promise.resolve({
        source: network.peer("source"),
        sourceIo: simIo({ http: network.http("source") }),
        targetId: "target",
        targetIo: simIo({ http: network.http("target") }),
        stall: () => network.stall("source"),
        breakAfter: (bytes: number) => network.breakAfter("source", bytes),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    },
  });
}

/** A store seen through something that changes some of it. */
function altered(store: PieceStore, changes: Partial<PieceStore>): PieceStore {
  return {
    assignment: store.assignment,
    sizeBytes: store.sizeBytes,
    pieceBytes: store.pieceBytes,
    pieceCount: store.pieceCount,
    has: (index) => store.has(index),
    read: (index) => store.read(index),
    write: (index, bytes) => store.write(index, bytes),
    ...changes,
  };
}

type Fetch = PeerTransport["fetch"];

const wrongFetches: readonly [what: string, title: string, fetch: Fetch][] = [
  [
    "brings everything again",
    "brings only what is missing",
    (io, source, range, into, signal) => honest.fetch(io, source, range, altered(into, { has: () => false }), signal),
  ],
  [
    "brings more than the range",
    "brings the range that is asked for and nothing else",
    (io, source, _range, into, signal) => honest.fetch(io, source, { from: 0, to: into.pieceCount }, into, signal),
  ],
  [
    "forgets the last piece",
    "brings every piece, the short last one too",
    (io, source, { from, to }, into, signal) =>
      honest.fetch(io, source, { from, to: Math.max(from, to - 1) }, into, signal),
  ],
  [
    "says that all is well",
    "keeps what a source has of a range, and says that the rest is missing",
    (io, source, range, into, signal) => honest.fetch(io, source, range, into, signal).catch(() => undefined),
  ],
  [
    "takes damaged pieces for good ones",
    "never reports a range as complete that holds a damaged piece",
    (io, source, range, into, signal) => {
      const write = (index: number, bytes: Uint8Array) => {
        try {
          into.write(index, bytes);
        } catch {
          // That is what is wrong with it.
        }
      };
      return honest.fetch(io, source, range, altered(into, { write }), signal);
    },
  ],
  [
    "throws errors after which nobody tries again",
    "says so if a source has nothing yet",
    (io, source, range, into, signal) =>
      honest.fetch(io, source, range, into, signal).catch(() => {
        throw failure("DIST_ERR_CONTENT_VERSION", { version: 1 });
      }),
  ],
  [
    "keeps nothing of a transfer that broke",
    "keeps what arrived when the connection breaks, and brings the rest the next time",
    async (io, source, range, into, signal) => {
      const arrived: [number, Uint8Array][] = [];
      const write = (index: number, bytes: Uint8Array) => void arrived.push([index, bytes]);
      await honest.fetch(io, source, range, altered(into, { write }), signal);
      for (const [index, bytes] of arrived) into.write(index, bytes);
    },
  ],
  [
    "does not hear the signal",
    "ends within a second of the signal though the source is silent",
    (io, source, range, into) => honest.fetch(io, source, range, into, new AbortController().signal),
  ],
  [
    "asks although nothing is missing",
    "asks for nothing where nothing is missing",
    async (io, source, range, into, signal) => {
      await io.http.request(source, "/pieces/", { signal });
      await honest.fetch(io, source, range, into, signal);
    },
  ],
];

type Serve = PeerTransport["serve"];

const wrongServes: readonly [what: string, title: string, serve: Serve][] = [
  [
    "does not say who asks",
    "keeps assignments apart, and tells `find` who asks",
    (io, find) => honest.serve(io, (assignment) => find(assignment, "")),
  ],
  [
    "goes on after it was disposed",
    "serves nothing after it was disposed",
    (io, find) => {
      honest.serve(io, find);
      return { [Symbol.dispose]: () => undefined };
    },
  ],
  [
    "serves what it first found to everybody",
    "keeps assignments apart, and tells `find` who asks",
    (io, find) => {
      let found: PieceStore | undefined;
      return honest.serve(io, (assignment, peerId) => (found ??= find(assignment, peerId)));
    },
  ],
  [
    "leaves pieces out",
    "brings every piece, the short last one too",
    (io, find) =>
      honest.serve(io, (assignment, peerId) => {
        const store = find(assignment, peerId);
        return store && altered(store, { has: (index) => index !== 5 && store.has(index) });
      }),
  ],
];

describe("the kit of peer transports", () => {
  it("passes an honest transport", async () => {
    expect(await failedCases(transportKit, subject(honest))).toEqual([]);
  });

  it.each(wrongFetches)("finds a transport that %s", async (_, title, fetch) => {
    expect(await failedCases(transportKit, subject({ ...honest, fetch }))).toContain(title);
  });

  it.each(wrongServes)("finds a source that %s", async (_, title, serve) => {
    expect(await failedCases(transportKit, subject({ ...honest, serve }))).toContain(title);
  });
});
