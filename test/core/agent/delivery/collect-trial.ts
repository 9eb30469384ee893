import { Arrivals } from "../../../../core/agent/delivery/arrivals.ts";
import { collect } from "../../../../core/agent/delivery/collect.ts";
import type { CollectSource } from "../../../../core/agent/delivery/collect.ts";
import { Spool } from "../../../../core/agent/delivery/spool.ts";
import type { SpooledPieces } from "../../../../core/agent/delivery/spool.ts";
import { Turns } from "../../../../core/agent/delivery/turns.ts";
import type { Assignment } from "../../../../core/assignment/assignment.ts";
import { PieceFile } from "../../../../core/assignment/piece-file.ts";
import { hashOf } from "../../../../core/content/hash.ts";
import { Kernel } from "../../../../core/kernel/kernel.ts";
import { failure } from "../../../../sdk/index.ts";
import type { Io, Log, PeerTransport, PieceStore } from "../../../../sdk/index.ts";
import { writeFile } from "../../../../sdk/testkit/disk-subject.ts";
import { SimClock } from "../../../../sdk/testkit/sim/clock.ts";
import { SimDisk } from "../../../../sdk/testkit/sim/disk.ts";
import { SimNetwork } from "../../../../sdk/testkit/sim/http.ts";
import { simIo } from "../../../../sdk/testkit/sim/io.ts";
import { SimRandom } from "../../../../sdk/testkit/sim/random.ts";
import { commitHeader } from "../../assignment/sample.ts";

export const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
export const data = new SimRandom(1).bytes(20_000);
export const cut = Array.from({ length: 20 }, (_, index) => data.subarray(index * 1_024, (index + 1) * 1_024));
export const piece = (index: number) => cut[index] ?? new Uint8Array();
export const table = {
  sizeBytes: data.length,
  pieceBytes: 1_024,
  pieceHashes: Buffer.concat(cut.map((each) => hashOf(each))),
};
export const id = "a".repeat(64);
export const broken = (problem: string) => failure("DIST_ERR_TRANSFER_BROKEN", { peer: "control", problem });
/** How long a segment needs for another leader. */
export const electionMs = 30_000;

export interface TrialOptions {
  /** How pieces come from peers, if not over the simulated network. */
  readonly fetch?: PeerTransport["fetch"];
  readonly transports?: readonly string[];
}

/** A node that collects: control and the leader of its segment are on a simulated network. */
export class CollectTrial {
  readonly clock = new SimClock();
  readonly disk = new SimDisk();
  readonly network = new SimNetwork(this.clock, 1);
  readonly io: Io = simIo({ clock: this.clock, disk: this.disk, http: this.network.http("node") });
  readonly kernel: Kernel;
  readonly assignment: Assignment;
  readonly spool = new Spool(this.disk, "/spool");
  readonly store: SpooledPieces;
  /** What the leader has, to hand on. */
  readonly leaderStore: SpooledPieces;
  readonly turns = new Turns();
  readonly told: string[] = [];
  readonly arrivals = new Arrivals(this.clock, (_, what) => void this.told.push(what));
  readonly reports: number[] = [];
  /** How many pieces each peer read to send them. */
  readonly reads = { control: 0, leader: 0 };
  /** When the leader was heard last. */
  heardAt = -Infinity;
  readonly #transports: readonly string[];

  private constructor(kernel: Kernel, { fetch, transports = ["http"] }: TrialOptions) {
    this.kernel = kernel;
    this.#transports = transports;
    const header = { ...commitHeader, audience: { group: "web", nodes: ["node", "a", "b"] }, data: table };
    this.assignment = {
      ...{ id, header: { ...header, expiresAt: this.clock.wallTime() + 60_000 }, commands: () => [] },
    };
    const source = new SimDisk();
    writeFile(source, "/data", data);
    this.leaderStore = new Spool(source, "/spool").open(this.assignment);
    this.store = this.spool.open(this.assignment);
    const http = kernel.usable("transports", "http", this.io) as PeerTransport;
    const serve = (name: "control" | "leader", store: PieceStore) =>
      http.serve(simIo({ http: this.network.http(name) }), () => this.#counted(name, store));
    serve("control", new PieceFile(source, "/data", id, table));
    serve("leader", this.leaderStore);
    if (fetch !== undefined) Object.defineProperty(http, "fetch", { value: fetch });
  }

  static async open(options: TrialOptions = {}): Promise<CollectTrial> {
    return new CollectTrial(await Kernel.load({ directory: import.meta.dirname, log: quiet }), options);
  }

  #counted(name: "control" | "leader", store: PieceStore): PieceStore {
    const { assignment, sizeBytes, pieceBytes, pieceCount } = store;
    return {
      ...{ assignment, sizeBytes, pieceBytes, pieceCount },
      has: (index) => store.has(index),
      read: (index) => {
        this.reads[name] += 1;
        return store.read(index);
      },
      write: (index, bytes) => store.write(index, bytes),
    };
  }

  /** As a member of a segment whose leader sends to all, if multicast arrives here, and hands on the rest. */
  inSegment(by: "mctp" | "http" = "mctp"): Partial<CollectSource> {
    const near = this.network.peer("leader");
    if (by === "http") return { near };
    const heardLeading = (node: string) => (node === near.id ? this.heardAt : -Infinity);
    return { near, transports: ["mctp", "http"], segment: { arrivals: this.arrivals, electionMs, heardLeading } };
  }

  run(more: Partial<CollectSource> = {}, signal = new AbortController().signal): Promise<void> {
    const source: CollectSource = {
      ...{ control: this.network.peer("control"), turns: this.turns, transports: this.#transports },
      report: () => void this.reports.push(this.store.arrivedBytes),
      ...more,
    };
    return collect(this.io, this.kernel, this.assignment, this.store, source, signal);
  }

  /** Lets the clock run until it is done; gives the error, if any, and how long it took. */
  async finished(running: Promise<unknown>): Promise<{ error: unknown; elapsedMs: number }> {
    const started = this.clock.now();
    let outcome: { error: unknown } | undefined;
    running.then(
      () => (outcome = { error: undefined }),
      (error: unknown) => (outcome = { error }),
    );
    for (let steps = 0; outcome === undefined && steps < 20_000; steps += 1) await this.clock.advance(10);
    if (outcome === undefined) throw new Error("it never comes to an end");
    return { ...outcome, elapsedMs: this.clock.now() - started };
  }

  /** The leader sends these pieces to all, and whoever wants them takes them. */
  send(...pieces: readonly number[]): void {
    for (const index of pieces) this.arrivals.find(id)?.write(index, piece(index));
  }

  /** How many bytes came by each transport. */
  get came(): Record<string, number> {
    return Object.fromEntries(this.store.came);
  }
}

/** The first so many pieces. */
export const first = (count: number) => Array.from({ length: count }, (_, index) => index);

export const isWhole = (store: PieceStore) => first(store.pieceCount).every((index) => store.has(index));
