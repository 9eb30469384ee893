import { isDeepStrictEqual } from "node:util";
import { ControlStream } from "../../../core/agent/control-stream.ts";
import { readOrder } from "../../../core/agent/order.ts";
import { readReport } from "../../../core/control/node-report.ts";
import { readGrant, readSegmentRequest } from "../../../core/runtime/segment-grant.ts";
import { segmentTimings } from "../../../core/protocol/segment/timings.ts";
import type {
  FromControl,
  FromNode,
  SegmentGrant,
  SegmentRequest,
  SiteState,
} from "../../../core/protocol/messages.ts";
import { fetchPieces } from "../../../plugins/http/fetch.ts";
import { servePieces } from "../../../plugins/http/serve.ts";
import type { Http, HttpAnswer, HttpRequest } from "../../../sdk/index.ts";
import { MemoryPieces } from "../../../sdk/testkit/memory-pieces.ts";
import { noiseBytes } from "../../../sdk/testkit/sample-bytes.ts";
import { simIo } from "../../../sdk/testkit/sim/io.ts";
import type { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { quietLog } from "../../core/control/store/quiet-log.ts";
import { defineTarget, failsWith } from "../fuzz.ts";
import type { Target } from "../fuzz.ts";
import { mutateBytes, mutateList, mutateOften, mutateText, mutateValue, pick } from "../mutations.ts";

const tree = "5".repeat(64);
const release = { serial: 3, version: 2, tree };
const state: SiteState = { site: "www", live: release, backup: release, prepared: release, damage: "x", lastSerial: 4 };
const at = { address: "192.0.2.1", port: 7402 };
const channel = { number: 2, group: "239.192.0.1", port: 7402 };
const member = { id: "n2", name: "web-2", at, priority: 1, eligible: true, byUnicast: false, lostPermille: 3 };
const reports: readonly FromNode[] = [
  {
    ...{ type: "hello", bootId: "ab", name: "web-1", labels: { tier: "edge" }, location: "eu", platform: "linux" },
    ...{ version: "0.1.0", cpuCount: 2, memoryBytes: 2 ** 33, freeDiskBytes: 2 ** 40 },
    ...{ providers: { deltas: ["rsync"] }, sites: [state], serves: at },
  },
  { type: "room", job: "j", able: false, reason: "full" },
  { type: "progress", job: "j", doneBytes: 1, totalBytes: 2 },
  { type: "prepared", job: "j", state, came: { mctp: 1_000, http: 7 } },
  {
    ...{ type: "spread", job: "j", assignment: tree, transport: "mctp", complete: 3 },
    ...{ left: [{ member: "n2", reason: "it is silent" }], counters: { sentBytes: 9 } },
  },
  { type: "switched", job: "j", state: { site: "www", lastSerial: 4 } },
  { type: "failed", job: "j", code: "DIST_ERR_ASSIGNMENT_HASH", reason: "x", state },
  {
    ...{ type: "segment", segment: "hall-1", reach: "multicast", counters: { replay: 1 } },
    report: {
      ...{ epoch: 3, revision: 1, leader: "n1", leadingMs: 5, channel, members: [member] },
      gone: [{ id: "n3", why: "silent" }],
    },
  },
  { type: "unregistered", segment: "hall-1", leader: "n1", tries: 3 },
];
const notice = { id: tree, site: "www", serial: 4, sizeBytes: 700, sealed: "RFNUQQ==", transports: ["http"] };
const orders: readonly FromControl[] = [
  { type: "welcome", node: "n1", control: "control" },
  { type: "ask", job: "j", site: "www", diskBytes: 1, entryCount: 2 },
  { type: "prepare", job: "j", sections: [notice, notice], near: { id: "n2", host: at.address, port: at.port } },
  {
    ...{ type: "spread", job: "j", sections: [notice], members: ["n1", "n3"], transport: "mctp", quorum: 2 },
    ...{ data: { group: "239.192.0.9", port: 7403 }, ceilings: [{ bytesPerSecond: 5, fromMinute: 0, toMinute: 60 }] },
  },
  { type: "spread-over", job: "j" },
  { type: "switch", job: "j", assignment: notice },
  { type: "forget", job: "j", site: "www", serial: 4 },
  { type: "segment" },
  { type: "segment-report" },
  { type: "segment-move", channel },
  { type: "ping" },
];

/** A message with something in it changed, or bytes of it. */
function mutateMessage(messages: readonly unknown[], random: SimRandom): Buffer {
  const message =
    random.below(16) === 0 ? pick(random, messages) : mutateOften(pick(random, messages), random, mutateValue);
  const bytes = Buffer.from(JSON.stringify(message));
  return random.below(4) === 0 ? mutateBytes(bytes, random) : bytes;
}

/** A line that control may say if it does not mean well. */
export const mutateOrder = (random: SimRandom): Buffer => mutateMessage(orders, random);

/** Cuts bytes anywhere, as they may arrive. */
function cut(bytes: Uint8Array, random: SimRandom): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = 1 + random.below(random.below(2) === 0 ? 20 : bytes.length);
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

async function* arriving(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

/** What nodes say to control. */
const report = defineTarget({
  name: "report",
  isRefusal: failsWith("DIST_ERR_LINK_BODY"),
  open: () => ({
    make: (random) => cut(mutateMessage(reports, random), random),
    async feed(chunks) {
      const read = await readReport(arriving(chunks));
      // As it is stored.
      if (JSON.stringify(read).includes("\\u0000")) throw new Error("no database holds a NUL");
      const states = [
        ...("sites" in read ? read.sites : []),
        ...("state" in read && read.state !== undefined ? [read.state] : []),
      ];
      if (states.some(({ lastSerial }) => !Number.isSafeInteger(lastSerial))) throw new Error("a serial is no number");
    },
  }),
});

const key = Buffer.alloc(32, 7).toString("base64");
const requests: readonly SegmentRequest[] = [
  { at, key },
  { at: { address: "2001:db8::1", port: 1 }, key, issuedAfter: 5 },
];
const grants: readonly SegmentGrant[] = [
  {
    ...{ segment: "hall-1", epoch: 3, channel, ttl: 1, reach: "auto", timings: segmentTimings.usual, sealWith: 2 },
    keys: [1, 2].map((epoch) => ({ epoch, key })),
    ...{ record: "AAAA", priority: "default", rank: 3, eligible: true, peers: [{ id: "n2", ...at }] },
  },
];

/** What a node asks to take part in its segment. */
const segmentRequest = defineTarget({
  name: "segment-request",
  isRefusal: failsWith("DIST_ERR_LINK_BODY"),
  open: () => ({
    make: (random) => cut(mutateMessage(requests, random), random),
    async feed(chunks) {
      const read = await readSegmentRequest(arriving(chunks));
      if (Buffer.from(read.key, "base64").length !== 32) throw new Error("the key is none");
    },
  }),
});

/** What it is answered. */
const segmentGrant = defineTarget({
  name: "segment-grant",
  isRefusal: failsWith("DIST_ERR_TRANSFER_BROKEN"),
  open: () => ({
    make: (random) => mutateMessage(grants, random),
    feed(bytes) {
      const { keys, sealWith, timings } = readGrant(bytes);
      if (!keys.some(({ epoch }) => epoch === sealWith)) throw new Error("nothing seals");
      if (
        Object.values(timings)
          .flat()
          .some((wait) => typeof wait === "number" && !(wait > 0))
      )
        throw new Error("a wait takes no time");
    },
  }),
});

/** What control says to nodes, a line each. */
const order = defineTarget({
  name: "order",
  isRefusal: failsWith("DIST_ERR_TRANSFER_BROKEN"),
  open: () => ({
    make: (random) => mutateMessage(orders, random).toString(),
    feed(line) {
      const read = readOrder(line);
      if (read === undefined) return;
      const text = JSON.stringify(read);
      if (JSON.stringify(readOrder(text)) !== text) throw new Error("it is read as another");
    },
  }),
});

/** The stream itself: what is taken is what stands in its lines up to the first that is none, however it is cut up. */
const controlStream = defineTarget({
  name: "control-stream",
  isRefusal: () => false,
  answers: "all taken",
  open: () => ({
    make(random): readonly Uint8Array[] {
      const lines = Array.from({ length: random.below(5) }, () => mutateMessage(orders.slice(1), random));
      const text = lines.map((line) => `${line.toString("latin1").replaceAll("\n", " ")}\n`).join("");
      return cut(Buffer.from(random.below(4) === 0 ? mutateText(text, random) : text, "latin1"), random);
    },
    async feed(chunks) {
      const stop = new AbortController();
      let requests = 0;
      const request = async (): Promise<HttpAnswer> => {
        requests += 1;
        if (requests > 1) stop.abort();
        return { status: 200, body: requests > 1 ? [] : arriving(chunks) };
      };
      const clock = { now: () => 0, wallTime: () => 0, until: async () => {} };
      const io = simIo({ clock, http: { request, serve: () => ({ [Symbol.dispose]() {} }) } });
      const taken: FromControl[] = [];
      const greet = (): FromNode => ({ type: "room", job: "", able: true });
      const stream = new ControlStream(io, { id: "control", host: "", port: 1 }, quietLog());
      await stream.run({ greet, take: (message) => void taken.push(message) }, stop.signal);
      if (!isDeepStrictEqual(taken, expected(Buffer.concat(chunks))))
        throw new Error("what it took is not what it was told");
    },
  }),
});

function expected(bytes: Buffer): FromControl[] {
  const found: FromControl[] = [];
  for (const line of bytes.toString("latin1").split("\n").slice(0, -1)) {
    try {
      const read = readOrder(Buffer.from(line, "latin1").toString("utf8"));
      if (read?.type === "welcome") return found;
      if (read !== undefined) found.push(read);
    } catch {
      return found;
    }
  }
  return found;
}

const data = noiseBytes(1_000);
const pieceBytes = 256;
const source = { id: "control", host: "", port: 1 };
const never = new AbortController().signal;

interface Asked {
  readonly method: string;
  readonly path: string;
}

/** What peers ask for. */
const piecesRequest = defineTarget({
  name: "pieces-request",
  isRefusal: () => false,
  answers: "all taken",
  open() {
    const store = new MemoryPieces(data, pieceBytes, (index) => index !== 2);
    let answer: ((request: HttpRequest) => Promise<HttpAnswer>) | undefined;
    const serve: Http["serve"] = (_, given) => {
      answer = given;
      return { [Symbol.dispose]() {} };
    };
    servePieces(simIo({ http: { serve, request: async () => ({ status: 404, body: [] }) } }).http, (id) =>
      id === store.assignment ? store : undefined,
    );
    const ranges = "0-1 0-4 1-4 3-4 0-999999999 2-1 4-5 00-1 -1-2 0-9007199254740993 1e0-2".split(" ");
    return {
      make(random): Asked {
        const path = `/pieces/${store.assignment}/${pick(random, ranges)}`;
        const method = random.below(8) === 0 ? pick(random, ["POST", "HEAD", "get", ""]) : "GET";
        return { method, path: random.below(3) === 0 ? path : mutateOften(path, random, mutateText) };
      },
      async feed({ method, path }) {
        const given = await answer?.({ method, path, peerId: "n1", body: arriving([]), signal: never });
        if (given === undefined) throw new Error("nothing is served");
        const chunks: Uint8Array[] = [];
        for await (const chunk of given.body) chunks.push(chunk);
        if (given.status !== 200) return;
        const { "content-length": length, "distributary-pieces": count } = given.headers ?? {};
        const [, from = ""] = /\/(\d+)-\d+$/.exec(path) ?? [];
        const start = Number(from) * pieceBytes;
        const right = data.subarray(start, start + Number(length));
        if (method !== "GET" || chunks.length !== Number(count) || !Buffer.concat(chunks).equals(right))
          throw new Error(`it answers with ${chunks.length} pieces of ${count}`);
      },
    };
  },
});

interface Answered {
  readonly status: number;
  readonly count: string | undefined;
  readonly chunks: readonly Uint8Array[];
}

/** What comes instead of the pieces that were asked for. */
const piecesAnswer = defineTarget({
  name: "pieces-answer",
  isRefusal: failsWith("DIST_ERR_TRANSFER_BROKEN"),
  open: () => ({
    make(random): Answered {
      const status = random.below(8) === 0 ? pick(random, [0, 204, 206, 301, 404, 500, 999]) : 200;
      const counts = ["4", "4", "4", "0", "1", "5", "-1", "4.5", "1e0", "0x4", "", "9007199254740993", "4, 4"];
      const count = random.below(16) === 0 ? undefined : pick(random, counts);
      const body = random.below(3) === 0 ? data : mutateOften<Uint8Array>(data, random, mutateBytes);
      return { status, count, chunks: random.below(8) === 0 ? shuffled(cut(body, random), random) : cut(body, random) };
    },
    async feed({ status, count, chunks }) {
      const into = new MemoryPieces(data, pieceBytes, () => false);
      const headers = count === undefined ? {} : { "distributary-pieces": count };
      const http: Http = {
        serve: () => ({ [Symbol.dispose]() {} }),
        request: async () => ({ status, headers, body: arriving(chunks) }),
      };
      const held = () => into.held.every((index) => isPiece(index, into.read(index)));
      try {
        await fetchPieces(http, source, { from: 0, to: into.pieceCount }, into, never, 64);
        if (into.held.length !== into.pieceCount) throw new Error("pieces are missing");
      } finally {
        if (!held()) throw new Error("it keeps what is no piece");
      }
    },
  }),
});

function shuffled(chunks: Uint8Array[], random: SimRandom): Uint8Array[] {
  return mutateList(chunks, random).filter((chunk) => chunk instanceof Uint8Array);
}

function isPiece(index: number, bytes: Uint8Array): boolean {
  return Buffer.from(bytes).equals(data.subarray(index * pieceBytes, (index + 1) * pieceBytes));
}

export const linkTargets: readonly Target[] = [
  report,
  order,
  segmentRequest,
  segmentGrant,
  controlStream,
  piecesRequest,
  piecesAnswer,
];
