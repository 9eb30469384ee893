import { encodeAnnouncement } from "../../../../plugins/mctp/wire/announcement.ts";
import { encodeWord, frameHeadBytes } from "../../../../plugins/mctp/wire/datagram.ts";
import { cutFor, Geometry } from "../../../../plugins/mctp/geometry.ts";
import type { Repair } from "../../../../plugins/mctp/wire/messages.ts";
import type { Millis } from "../../../../sdk/machine.ts";
import type { WorldEvent } from "../../../../sdk/testkit/sim/world/machine-in-world.ts";
import type { Fault } from "../../../../sdk/testkit/sim/world/faults.ts";
import { simulate } from "../../../../sdk/testkit/sim/world/simulate.ts";
import type { Delivered } from "../../../../sdk/transport.ts";
import { endsWithinMs } from "./deliveries.ts";
import { machines } from "./machines.ts";
import type { Machines } from "./machines.ts";
import { mctpProtocol } from "./protocol.ts";
import type { Deliver, MctpEffect, MctpEvent, MctpMessage, MctpRun, Pieces } from "./world.ts";

/** One delivery from n0 to all others. */
export interface Trial {
  readonly seed?: number;
  readonly receivers: number;
  readonly sizeBytes: number;
  readonly pieceBytes?: number;
  readonly mostFrameBytes?: number;
  /** On the wire. */
  readonly bytesPerSecond?: number;
  readonly lossPermille?: number;
  readonly latencyMs?: readonly [least: Millis, most: Millis];
  readonly faults?: readonly Fault[];
  /** What is done to nodes besides. */
  readonly workload?: MctpRun["workload"];
  /** What the leader sends comes to it a piece every so often. */
  readonly fillMs?: Millis;
  /** An insider answers so many of 1,000 frames with one that it made up. */
  readonly forgesPermille?: number;
  readonly repair?: Repair;
  readonly quorum?: number;
  readonly announces?: Deliver["announces"];
  /** Deliveries by others, later on, to those who are not gone. */
  readonly more?: readonly { readonly at: Millis; readonly node: number; readonly gone: number }[];
  readonly machines?: Machines | undefined;
}

/** What came of it. */
export interface TrialResult {
  readonly violation: string | undefined;
  /** What each leader that came to an end says, in that order. */
  readonly delivered: readonly Delivered[];
  /** Until that was said; Infinity if it never was. */
  readonly tookMs: Millis;
  /** How many pieces each node has in the end. */
  readonly pieces: ReadonlyMap<number, number>;
  /** When each node had everything, from the beginning on. */
  readonly completeMs: ReadonlyMap<number, Millis>;
  /** When each node that took part had an end, and why. */
  readonly ended: ReadonlyMap<number, { readonly ms: Millis; readonly reason: string | undefined }>;
  /** All that leaders sent, in datagrams, as the share of the size. */
  readonly share: number;
  /** Frames that each leader sent. */
  readonly frames: ReadonlyMap<number, number>;
  /** Source frames of everything. */
  readonly frameCount: number;
  /** Most reports that came to a leader within 100 ms. */
  readonly mostReports: number;
}

const beginMs = 100;
const mbit100 = 12_500_000;
const room = { mostOpen: 256, mostPartial: 64 };

export function tryOut(trial: Trial): TrialResult {
  const run = runOf(trial);
  const { sizeBytes, pieceBytes, range, mostFrameBytes } = extentOf(trial);
  const extent = { sizeBytes, pieceBytes, range };
  const cut = cutFor(extent, mostFrameBytes);
  const delivered: Delivered[] = [];
  const completeMs = new Map<number, Millis>();
  const ended = new Map<number, { ms: Millis; reason: string | undefined }>();
  const frames = new Map<number, number>();
  const reports = new ReportWindow();
  const pieces = new Map<number, number>();
  let [tookMs, sentBytes] = [Infinity, 0];
  const { violation } = simulate(run, mctpProtocol(trial.machines ?? machines), {
    event(_node: number, event: MctpEvent | WorldEvent, now: Millis) {
      if (event.type === "message" && isReport(event.message as MctpMessage)) reports.add(now);
    },
    effect(node: number, effect: MctpEffect, now: Millis) {
      if (effect.type === "multicast" || effect.type === "send") {
        const { message } = effect as { message: MctpMessage };
        if (isReport(message)) return;
        sentBytes += sizeOf(message, cut.frameBytes);
        if (message.type === "frame") frames.set(node, (frames.get(node) ?? 0) + 1);
        return;
      }
      if (effect.type === "store") pieces.set(node, (effect.memory as Pieces).get(1)?.filter((has) => has).length ?? 0);
      if (effect.type !== "tell") return;
      const { fact } = effect;
      if (fact.what === "complete") completeMs.set(node, now - beginMs);
      if (fact.what === "ended") ended.set(node, { ms: now - beginMs, reason: fact.reason });
      if (fact.what !== "delivered") return;
      delivered.push(fact.delivered);
      tookMs = now - beginMs;
    },
  });
  return {
    ...{
      violation: violation?.message,
      delivered,
      tookMs,
      pieces,
      completeMs,
      ended,
      share: sentBytes / sizeBytes,
      frames,
    },
    ...{ frameCount: new Geometry(extent, cut).frameCount, mostReports: reports.most },
  };
}

function runOf(trial: Trial): MctpRun {
  const { seed = 1, receivers, lossPermille = 0, faults = [], workload = [], more = [] } = trial;
  const { bytesPerSecond = mbit100, repair = "parity", announces = "multicast", quorum } = trial;
  const { fillMs = 0, forgesPermille = 0, latencyMs = [0, 1] } = trial;
  const { mostFrameBytes, ...extent } = extentOf(trial);
  const deliver: Deliver = {
    ...{ type: "deliver", assignment: 1, extent, mostFrameBytes, repair, announces, fillMs },
    ...(quorum === undefined ? {} : { quorum }),
    members: Array.from({ length: receivers + 1 }, (_, node) => node),
    limits: {
      ...{ startBytesPerSecond: bytesPerSecond, leastBytesPerSecond: bytesPerSecond / 10 },
      mostBytesPerSecond: bytesPerSecond,
    },
  };
  const settleAt = beginMs + endsWithinMs(deliver);
  const later = more.map(({ at, node, gone }) => {
    return { at, node, event: { ...deliver, members: deliver.members.filter((member) => member !== gone) } };
  });
  return {
    ...{ v: 1, seed, faults },
    world: {
      nodes: [...deliver.members.map(() => room), ...(forgesPermille > 0 ? [{ ...room, forgesPermille }] : [])],
      ...{ latencyMs, lossPermille, timerSlackMs: 1, startWithinMs: 0 },
    },
    workload: [...workload, { at: beginMs, node: 0, event: deliver }, ...later],
    // What befalls them stays until everything should be over.
    bounds: { settleAt, endAt: settleAt + endsWithinMs(deliver) },
  };
}

function extentOf({ sizeBytes, pieceBytes = 1_048_576, mostFrameBytes = 1_454 }: Trial) {
  return { sizeBytes, pieceBytes, range: { from: 0, to: Math.ceil(sizeBytes / pieceBytes) }, mostFrameBytes };
}

function isReport(message: MctpMessage): boolean {
  return message.type === "word" && message.word.kind === "report";
}

function sizeOf(message: MctpMessage, frameBytes: number): number {
  switch (message.type) {
    case "frame":
      return frameHeadBytes + frameBytes;
    case "word":
      return encodeWord(message.session, message.word).length;
    case "announcement":
      return encodeAnnouncement(message.sessions).length;
    default:
      return message.bytes.length;
  }
}

/** How many came within 100 ms at most. */
class ReportWindow {
  readonly #moments: Millis[] = [];
  #first = 0;
  most = 0;

  add(now: Millis): void {
    this.#moments.push(now);
    while ((this.#moments[this.#first] as number) <= now - 100) this.#first += 1;
    this.most = Math.max(this.most, this.#moments.length - this.#first);
  }
}
