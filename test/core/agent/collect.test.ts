import { describe, expect, it } from "vitest";
import { collect } from "../../../core/agent/collect.ts";
import { Spool } from "../../../core/agent/spool.ts";
import { Turns } from "../../../core/agent/turns.ts";
import type { SpooledPieces } from "../../../core/agent/spool.ts";
import type { Assignment } from "../../../core/assignment/assignment.ts";
import { PieceFile } from "../../../core/assignment/piece-file.ts";
import { hashOf } from "../../../core/content/hash.ts";
import { Kernel } from "../../../core/kernel/kernel.ts";
import { failure, isFailure } from "../../../sdk/index.ts";
import type { Log, PeerTransport, PieceStore } from "../../../sdk/index.ts";
import { writeFile } from "../../../sdk/testkit/disk-subject.ts";
import { SimClock } from "../../../sdk/testkit/sim/clock.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";
import { SimNetwork } from "../../../sdk/testkit/sim/http.ts";
import { simIo } from "../../../sdk/testkit/sim/io.ts";
import { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { commitHeader } from "../assignment/sample.ts";

const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const data = new SimRandom(1).bytes(20_000);
const cut = Array.from({ length: 20 }, (_, index) => data.subarray(index * 1_024, (index + 1) * 1_024));
const table = {
  sizeBytes: data.length,
  pieceBytes: 1_024,
  pieceHashes: Buffer.concat(cut.map((piece) => hashOf(piece))),
};
const id = "a".repeat(64);
const broken = (problem: string) => failure("DIST_ERR_TRANSFER_BROKEN", { peer: "control", problem });

interface Trial {
  readonly clock: SimClock;
  readonly disk: SimDisk;
  readonly network: SimNetwork;
  readonly store: SpooledPieces;
  readonly reports: number[];
  run(signal?: AbortSignal): Promise<void>;
}

/** A node that collects, from a control on a simulated network or by a transport of its own. */
async function trial(transport?: PeerTransport["fetch"], transports = ["http"]): Promise<Trial> {
  const kernel = await Kernel.load({ directory: import.meta.dirname, log: quiet });
  const [clock, disk] = [new SimClock(), new SimDisk()];
  const network = new SimNetwork(clock, 1);
  const io = simIo({ clock, disk, http: network.http("node") });
  const header = { ...commitHeader, data: table, expiresAt: clock.wallTime() + 60_000 };
  const assignment: Assignment = { id, header, commands: () => [] };
  const source = new SimDisk();
  writeFile(source, "/data", data);
  const file = new PieceFile(source, "/data", id, table);
  const http = kernel.usable("transports", "http", io) as PeerTransport;
  http.serve(simIo({ http: network.http("control") }), () => file);
  if (transport !== undefined) Object.defineProperty(http, "fetch", { value: transport });
  const store = new Spool(disk, "/spool").open(assignment);
  const reports: number[] = [];
  const turns = new Turns();
  const taps = {
    control: network.peer("control"),
    turns,
    transports,
    report: () => void reports.push(store.arrivedBytes),
  };
  return {
    clock,
    disk,
    network,
    store,
    reports,
    run: (signal = new AbortController().signal) => collect(io, kernel, assignment, store, taps, signal),
  };
}

/** Lets the clock run until it is done; gives the error, if any, and how long it took. */
async function finished({ clock }: Trial, running: Promise<void>): Promise<{ error: unknown; elapsedMs: number }> {
  const started = clock.now();
  let outcome: { error: unknown } | undefined;
  running.then(
    () => (outcome = { error: undefined }),
    (error: unknown) => (outcome = { error }),
  );
  for (let steps = 0; outcome === undefined && steps < 20_000; steps += 1) await clock.advance(10);
  if (outcome === undefined) throw new Error("it never comes to an end");
  return { ...outcome, elapsedMs: clock.now() - started };
}

const arrived = (store: PieceStore) =>
  Array.from({ length: store.pieceCount }, (_, index) => store.has(index)).every(Boolean);

describe("a node that collects data", () => {
  it("gets all pieces and says so", async () => {
    const node = await trial();
    expect((await finished(node, node.run())).error).toBeUndefined();
    expect(arrived(node.store)).toBe(true);
    expect(node.reports.at(-1)).toBe(data.length);
  });

  it("asks for nothing when it has everything already", async () => {
    const node = await trial(() => Promise.reject(new Error("it was asked")));
    for (const [index, piece] of cut.entries()) node.store.write(index, piece);
    expect((await finished(node, node.run())).error).toBeUndefined();
  });

  it("goes on at the piece where the connection broke, again and again", async () => {
    const node = await trial();
    const running = node.run();
    const breaking = (async () => {
      for (let times = 0; times < 5; times += 1) {
        node.network.breakAfter("control", 3_500);
        await node.clock.advance(1_000);
      }
    })();
    await breaking;
    const { error } = await finished(node, running);
    expect(error).toBeUndefined();
    expect(arrived(node.store)).toBe(true);
  });

  it("waits longer between attempts that bring nothing, five seconds at most, and takes heart when something comes", async () => {
    const moments: number[] = [];
    const node = await trial(async (io, _source, _range, into) => {
      moments.push(io.clock.now());
      if (moments.length === 9) into.write(0, cut[0] ?? new Uint8Array());
      throw broken("again");
    });
    const { error } = await finished(node, node.run());
    expect(isFailure(error, "DIST_ERR_TRANSFER_BROKEN")).toBe(true);
    const pauses = moments.slice(1).map((moment, index) => moment - (moments[index] ?? 0));
    expect(pauses.slice(0, 10)).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 200, 400]);
  });

  it("gives up when the assignment expires, not before", async () => {
    const node = await trial(() => Promise.reject(broken("always")));
    const { error, elapsedMs } = await finished(node, node.run());
    expect(isFailure(error, "DIST_ERR_TRANSFER_BROKEN")).toBe(true);
    expect(elapsedMs).toBeGreaterThanOrEqual(60_000);
    expect(elapsedMs).toBeLessThan(66_000);
  });

  it("comes to an end with a transport that says it is done and brought nothing", async () => {
    let times = 0;
    const node = await trial(async () => void (times += 1));
    const { error } = await finished(node, node.run());
    expect(isFailure(error, "DIST_ERR_TRANSFER_BROKEN")).toBe(true);
    expect(times).toBeLessThan(50);
  });

  it("does not ask again after an error that will not go away", async () => {
    let times = 0;
    const node = await trial(async () => {
      times += 1;
      throw new TypeError("a bug");
    });
    expect((await finished(node, node.run())).error).toBeInstanceOf(TypeError);
    expect(times).toBe(1);
  });

  it("stops when it is told to, while it waits and while it receives", async () => {
    for (const stall of [false, true]) {
      const node = await trial(stall ? undefined : () => Promise.reject(broken("again")));
      if (stall) node.network.stall("control");
      const stop = new AbortController();
      const running = node.run(stop.signal);
      setImmediate(() => stop.abort(new Error("enough")));
      expect((await finished(node, running)).error).toMatchObject({ message: "enough" });
    }
  });

  it("says that its own disk is full instead of asking again", async () => {
    const node = await trial();
    node.disk.failAt(5, "ENOSPC");
    expect((await finished(node, node.run())).error).toMatchObject({ code: "ENOSPC" });
    expect((await finished(node, node.run())).error).toBeUndefined();
    expect(arrived(node.store)).toBe(true);
  });

  it("refuses a transport that it has not got", async () => {
    const node = await trial(undefined, ["pigeon"]);
    expect((await finished(node, node.run())).error).toMatchObject({ code: "DIST_ERR_PROVIDER_UNKNOWN" });
  });
});
