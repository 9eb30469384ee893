import { generateKeyPairSync, sign } from "node:crypto";
import { AssignmentSource } from "../../../../core/agent/delivery/assignment-source.ts";
import type { ArrivedSection } from "../../../../core/agent/carry-out.ts";
import { Deliveries } from "../../../../core/agent/delivery/deliveries.ts";
import type { SegmentPlace } from "../../../../core/agent/segment/transports.ts";
import type { Assignment, Header } from "../../../../core/assignment/assignment.ts";
import { encodeAssignment } from "../../../../core/assignment/encode.ts";
import { sealAssignment } from "../../../../core/assignment/seal.ts";
import { hashOf } from "../../../../core/content/hash.ts";
import { Kernel } from "../../../../core/kernel/kernel.ts";
import type { AssignmentNotice, FromNode, SpreadOrder, SpreadWord } from "../../../../core/protocol/messages.ts";
import type { Channel, Delivered, Delivery, Disk, Peer, PeerTransport } from "../../../../sdk/index.ts";
import { MemoryPieces } from "../../../../sdk/testkit/memory-pieces.ts";
import { SimClock } from "../../../../sdk/testkit/sim/clock.ts";
import { SimDisk } from "../../../../sdk/testkit/sim/disk.ts";
import { SimNetwork } from "../../../../sdk/testkit/sim/http.ts";
import { simIo } from "../../../../sdk/testkit/sim/io.ts";
import { SimRandom } from "../../../../sdk/testkit/sim/random.ts";
import { commitHeader } from "../../assignment/sample.ts";
import { quiet } from "./collect-trial.ts";

const keys = generateKeyPairSync("ed25519");
const pieceBytes = 4_096;
/** Of each section: nine pieces and a short one. */
export const sectionBytes = 9 * pieceBytes + 100;
const never = new AbortController().signal;

/** What the leader was asked to send to all, until it is told what came of it. */
export interface Sending {
  readonly delivery: Delivery;
  readonly signal: AbortSignal;
  end(delivered?: Partial<Delivered>): void;
  fail(problem: string): void;
}

/** One section that control has issued to `web`: the nodes "me", "a", "b" and "c". */
export interface Issued {
  readonly assignment: Assignment;
  readonly notice: AssignmentNotice;
  readonly data: Uint8Array;
}

/** A node with the data that comes to it and goes through it; control and others are on a simulated network. */
export class DeliveriesTrial {
  readonly clock = new SimClock();
  readonly network = new SimNetwork(this.clock, 1);
  readonly said: FromNode[] = [];
  readonly sent: Sending[] = [];
  readonly disk: SimDisk;
  readonly deliveries: Deliveries;
  place: SegmentPlace | undefined;
  /** How many pieces control sent. */
  controlReads = 0;
  readonly #kernel: Kernel;
  readonly #issued = new Map<string, MemoryPieces>();
  readonly #stop = new AbortController();
  #serial = 0;

  private constructor(kernel: Kernel, disk: SimDisk, view: (disk: Disk) => Disk) {
    this.#kernel = kernel;
    this.disk = disk;
    const io = simIo({ clock: this.clock, disk: view(disk), http: this.network.http("me") });
    const control = this.network.peer("control");
    const parts = { control, directory: "/agent", kernel, log: quiet };
    const source = new AssignmentSource(io, control, keys.publicKey);
    this.deliveries = new Deliveries(io, { ...parts, source, report: (word) => void this.said.push(word) });
    const channel: Channel = {
      ...{ self: "me", interfaceAddress: "192.0.2.1", ttl: 1, datagramBytes: 1_472 },
      ...{ announce: () => {}, listen: () => ({ [Symbol.dispose]: () => {} }) },
    };
    const heardLeading = () => -Infinity;
    this.place = { channel, isLeading: true, isCutOff: false, electionMs: 30_000, heardLeading };
    this.#http.serve(simIo({ http: this.network.http("control") }), (id) => this.#issued.get(id));
    this.deliveries.open(() => this.place);
  }

  /** On a disk that may hold something from before, as this node sees it. */
  static async open(disk = new SimDisk(), view = (disk: Disk): Disk => disk): Promise<DeliveriesTrial> {
    const kernel = await Kernel.load({ directory: import.meta.dirname, log: quiet });
    const trial = new DeliveriesTrial(kernel, disk, view);
    Object.defineProperty(kernel.registries.transports.get("mctp"), "send", {
      value: (_io: unknown, _channel: unknown, delivery: Delivery, signal: AbortSignal) =>
        trial.#send(delivery, signal),
    });
    return trial;
  }

  get #http(): PeerTransport {
    return this.#kernel.registries.transports.get("http") as PeerTransport;
  }

  #send(delivery: Delivery, signal: AbortSignal): Promise<Delivered> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      const all = { complete: delivery.members, left: [], counters: {} };
      const end = (delivered: Partial<Delivered> = {}) => resolve({ ...all, ...delivered });
      this.sent.push({ delivery, signal, end, fail: (problem) => reject(new Error(problem)) });
    });
  }

  /** Something that control has issued, each time something else. */
  issue(site = "shop"): Issued {
    this.#serial += 1;
    const data = new SimRandom(this.#serial).bytes(sectionBytes);
    const hashes = Array.from({ length: 10 }, (_, at) => hashOf(data.subarray(at * pieceBytes, (at + 1) * pieceBytes)));
    const sizeBytes = data.length;
    const part = { offset: 0, engine: "whole", base: [], sizeBytes, deltaBytes: sizeBytes } as const;
    const header: Header = {
      ...{ ...commitHeader, type: "update", site, serial: this.#serial, issuedAt: this.clock.wallTime() },
      expiresAt: this.clock.wallTime() + 24 * 3_600_000,
      audience: { group: "web", nodes: ["me", "a", "b", "c"] },
      data: { sizeBytes, pieceBytes, pieceHashes: Buffer.concat(hashes) },
      parts: [{ ...part, compressor: "none", cipher: "none", blocks: [[sizeBytes, false]] }],
    };
    const buffer = encodeAssignment(header, []);
    const sealed = sealAssignment(buffer, (bytes) => sign(null, bytes, keys.privateKey));
    const assignment: Assignment = { id: Buffer.from(hashOf(buffer)).toString("hex"), header, commands: () => [] };
    const { id } = assignment;
    const store = new MemoryPieces(data, pieceBytes);
    Object.defineProperties(store, {
      assignment: { value: id },
      read: {
        value: (index: number) => {
          this.controlReads += 1;
          return data.subarray(index * pieceBytes, (index + 1) * pieceBytes);
        },
      },
    });
    this.#issued.set(id, store);
    const where = { id, site, serial: this.#serial, sizeBytes: sealed.length, transports: ["http"] };
    return { assignment, notice: { ...where, sealed: Buffer.from(sealed).toString("base64") }, data };
  }

  /** Control has it spread to these members. */
  spread(issued: readonly Issued[], more: Partial<SpreadOrder> = {}): void {
    const order: SpreadOrder = {
      ...{ job: "job", sections: issued.map(({ notice }) => notice), members: ["a", "b"], transport: "mctp" },
      ...{ data: { group: "239.192.0.1", port: 7_403 }, quorum: 2, ceilings: [], ...more },
    };
    this.deliveries.spread(order, this.#stop.signal);
  }

  /** This node prepares it as well. */
  prepare(issued: readonly Issued[], near?: Peer, signal = never): Promise<ArrivedSection[]> {
    const sections = issued.map(({ notice }) => ({ ...notice, transports: ["mctp", "http"] }));
    const order = { type: "prepare", job: "job", sections, ...(near === undefined ? {} : { near }) } as const;
    const assignments = issued.map(({ assignment }) => assignment);
    return this.deliveries.collect(order, assignments, signal);
  }

  discard(issued: readonly Issued[]): void {
    this.deliveries.discard(issued.map(({ assignment }) => assignment));
  }

  /** How many bytes of it a peer gets here. */
  async fetched({ assignment, data }: Issued, peer: string): Promise<number> {
    const io = simIo({ clock: this.clock, http: this.network.http(peer) });
    const into = new MemoryPieces(data, pieceBytes, () => false);
    Object.defineProperty(into, "assignment", { value: assignment.id });
    const range = { from: 0, to: into.pieceCount };
    const fetching = this.#http.fetch(io, this.network.peer("me"), range, into, never).catch(() => undefined);
    await this.pass(1_000);
    await fetching;
    return into.writes.reduce((sum, at) => sum + Math.min(pieceBytes, data.length - at * pieceBytes), 0);
  }

  pass(milliseconds: number): Promise<void> {
    return this.clock.advance(milliseconds);
  }

  /** What control was told of what was sent. */
  get words(): SpreadWord[] {
    return this.said.flatMap((word) => (word.type === "spread" ? [word] : []));
  }

  /** The assignments of which something is on this node's disk. */
  get spooled(): readonly string[] {
    return this.disk.stat("/agent/spool") === undefined ? [] : this.disk.list("/agent/spool");
  }

  /** The agent stops. */
  stop(): void {
    this.#stop.abort(new Error("the agent stops"));
  }
}
