import { createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { failure } from "distributary/sdk";
import type { Channel, Intake, Io, Log, Peer } from "distributary/sdk";
import type { Kernel } from "../../kernel/kernel.ts";
import { linkPaths } from "../../protocol/messages.ts";
import type { FromControl, SegmentGrant, SegmentRequest, SegmentWord, SiteState } from "../../protocol/messages.ts";
import type { Endpoint } from "../../protocol/segment/messages.ts";
import { readRecord } from "../../runtime/channel/member-record.ts";
import { receiveBytes } from "../../runtime/link-limits.ts";
import { addressToward } from "../../runtime/local-address.ts";
import { longestGrant, readGrant } from "../../runtime/segment-grant.ts";
import { ownFacts } from "./own-facts.ts";
import { SegmentFiles } from "./files.ts";
import { SegmentSockets } from "./sockets.ts";
import type { SegmentSocketOptions } from "./sockets.ts";
import { Segment } from "./segment.ts";
import { joinTransports } from "./transports.ts";
import type { SegmentPlace } from "./transports.ts";

export interface MembershipOptions {
  readonly node: string;
  readonly name: string;
  readonly location?: string;
  readonly control: Peer;
  /** The agent's own. */
  readonly directory: string;
  /** Where the others reach this node; absent: by the address from which control is reached. */
  readonly listen?: Endpoint;
  /** What records are checked with, PEM. */
  readonly signingKey: string;
  readonly kernel: Kernel;
  readonly log: Log;
  /** What transports bring to this node. */
  readonly intake: Intake;
  sites(): readonly SiteState[];
  report(word: SegmentWord): void;
}

const retryMs = 5_000;
const answerMs = 30_000;
const longestReason = 500;

/**
 * Keeps this node in the segment that control grants it: fetches the grant at every connection and when told, and goes
 * on with the last one while control is away.
 */
export class SegmentMembership {
  readonly #io: Io;
  readonly #options: MembershipOptions;
  readonly #files: SegmentFiles;
  readonly #controlKey: KeyObject;
  /** What control granted last. */
  #grant: SegmentGrant | undefined;
  /** The segment of whose members control has told since this agent started. */
  #knows: string | undefined;
  /** Whether control may grant something else by now. */
  #isStale = false;
  /** What is under way: one thing after the other, of which one waits at most, and one is tried again later. */
  #work: Promise<void> = Promise.resolve();
  #isWaiting = false;
  #isRetried = false;
  #sockets: SegmentSockets | undefined;
  #part: Part | undefined;
  readonly #stopping = new AbortController();

  constructor(io: Io, options: MembershipOptions) {
    this.#io = io;
    this.#options = options;
    this.#files = new SegmentFiles(io.disk, join(options.directory, "segment"), options.log);
    this.#controlKey = createPublicKey(options.signingKey);
  }

  /** Takes part in a segment until the signal; resolves when it has left. */
  async run(signal: AbortSignal): Promise<void> {
    this.#soon();
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (!signal.aborted) await promise;
    this.#stopping.abort(new Error("the agent stops"));
    await this.#work;
    await this.#leave();
    await this.#sockets?.[Symbol.asyncDispose]();
  }

  /** The stream to control stands again: meanwhile the grant may have changed, and a report been missed. */
  connected(): void {
    this.#renew();
    this.#part?.segment.tell({ type: "ask" });
  }

  /** Where this node is, for transports; undefined while it is in no segment. */
  get place(): SegmentPlace | undefined {
    const part = this.#part;
    if (part === undefined) return undefined;
    const { segment, grant, channel } = part;
    const { periodMs, missedPeriods, claimMs, voteMs } = grant.timings;
    const electionMs = (missedPeriods + 1) * periodMs + claimMs[1] + voteMs[1];
    const heardLeading = (node: string) => segment.heardLeading(node);
    return { channel, electionMs, isLeading: segment.isLeading, isCutOff: segment.isCutOff, heardLeading };
  }

  /** Follows an order of control's; false if it is none of a segment. */
  take(message: FromControl): boolean {
    if (message.type === "segment") this.#renew();
    else if (message.type === "segment-report") this.#part?.segment.tell({ type: "ask" });
    else if (message.type === "segment-move") this.#part?.segment.tell({ type: "move", channel: message.channel });
    else return false;
    return true;
  }

  #renew(): void {
    this.#isStale = true;
    this.#soon();
  }

  /** What fails is tried again. */
  #soon(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    const { signal } = this.#stopping;
    this.#work = this.#work.then(async () => {
      this.#isWaiting = false;
      if (signal.aborted) return;
      try {
        await this.#settle();
      } catch (error) {
        if (signal.aborted) return;
        this.#options.log.warn({ error: (error as Error).message }, "the segment is not as control wants it");
        this.#later();
      }
    });
  }

  #later(): void {
    if (this.#isRetried) return;
    this.#isRetried = true;
    const { clock } = this.#io;
    clock.until(clock.now() + retryMs, this.#stopping.signal).then(
      () => {
        this.#isRetried = false;
        this.#soon();
      },
      () => undefined,
    );
  }

  /** Goes on with the last grant if there is no newer one to be had. */
  async #settle(): Promise<void> {
    this.#grant ??= this.#files.grant();
    let refusal: unknown;
    if (this.#isStale) {
      this.#isStale = false;
      await this.#fetch().catch((error: unknown) => {
        this.#isStale = true;
        refusal = error;
      });
    }
    if (this.#grant !== undefined) await this.#use(this.#grant);
    if (refusal !== undefined) throw refusal;
  }

  async #fetch(): Promise<void> {
    const { at } = await this.#open(this.#grant?.ttl ?? 1);
    const key = createPublicKey(this.#files.key()).export({ format: "jwk" }).x ?? "";
    const request: SegmentRequest = {
      ...{ at, key: Buffer.from(key, "base64url").toString("base64") },
      ...this.#lastRecord(),
      ...(this.#part === undefined || this.#knows === undefined ? {} : { knows: this.#knows }),
    };
    const body = Buffer.from(JSON.stringify(request));
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(answerMs)]);
    const call = { method: "POST", body, signal };
    const answer = await this.#io.http.request(this.#options.control, linkPaths.segment, call);
    const bytes = Buffer.from(await receiveBytes(answer.body, longestGrant));
    if (answer.status !== 200) {
      const problem = `status ${answer.status} for a grant: ${bytes.toString("utf8", 0, longestReason)}`;
      throw failure("DIST_ERR_TRANSFER_BROKEN", { peer: "control", problem });
    }
    const grant = readGrant(bytes);
    const before = request.knows === grant.segment ? this.#grant?.peers : undefined;
    this.#grant = { ...grant, peers: before ?? grant.peers };
    this.#knows = grant.segment;
    this.#files.storeGrant(this.#grant);
    this.#files.storeAddress(at.address);
  }

  /** A grant that another control gave, before this one, says nothing. */
  #lastRecord(): Pick<SegmentRequest, "issuedAfter"> {
    if (this.#grant === undefined) return {};
    const { record, segment } = this.#grant;
    try {
      return { issuedAfter: readRecord(Buffer.from(record, "base64"), this.#controlKey, segment).issuedAt };
    } catch {
      return {};
    }
  }

  /** Without a word of names or ways to control, which are lost when it is, this host is where it was before. */
  async #ownAddress(): Promise<string> {
    try {
      return await addressToward(this.#options.control.host);
    } catch (error) {
      const last = this.#sockets?.at.address ?? this.#files.address();
      if (last === undefined) throw error;
      return last;
    }
  }

  /** The sockets by which this node is reached now; its address may be another one than before. */
  async #open(ttl: number): Promise<SegmentSockets> {
    const { listen, log } = this.#options;
    const address = listen?.address ?? (await this.#ownAddress());
    if (this.#sockets?.at.address === address && this.#sockets.ttl === ttl) return this.#sockets;
    await this.#leave();
    const port = this.#sockets?.at.port ?? listen?.port ?? 0;
    await this.#sockets?.[Symbol.asyncDispose]();
    this.#sockets = undefined;
    const receive: SegmentSocketOptions["receive"] = ({ bytes }, way) => this.#part?.segment.receive(bytes, way);
    this.#sockets = await SegmentSockets.open(this.#io.udp, { listen: { address, port }, ttl, log, receive });
    return this.#sockets;
  }

  /** Goes on as granted: in the same segment with what changed, or in another one. */
  async #use(grant: SegmentGrant): Promise<void> {
    const sockets = await this.#open(grant.ttl);
    if (this.#part?.grant === grant) return;
    const { epoch = 0, channel } = grant;
    const memory = this.#files.memory(grant.segment) ?? { epoch: 0, channel };
    const hasForgotten = epoch > memory.epoch;
    if (this.#part !== undefined && !hasForgotten && isSamePart(this.#part.grant, grant)) {
      this.#part.segment.renew(grant);
      this.#part.grant = grant;
      return;
    }
    await this.#leave();
    if (hasForgotten) this.#files.storeMemory(grant.segment, { ...memory, epoch });
    const { node, name, log, report } = this.#options;
    const stop = new AbortController();
    const segment: Segment = new Segment(this.#io, {
      ...{ node, name, grant, sockets, log, report },
      ...{ files: this.#files, key: this.#files.key(), controlKey: this.#controlKey },
      priority: (known) => this.#priority(this.#grant ?? grant, sockets, known),
    });
    const reached = segment.channel();
    const part: Part = { segment, channel: reached, grant, stop, running: this.#run(segment, reached, stop.signal) };
    this.#part = part;
    log.info({ segment: grant.segment, at: sockets.at, reach: grant.reach }, "takes part in a segment");
    part.running.catch((error: unknown) => {
      log.error({ segment: grant.segment, error: (error as Error).message }, "the part in the segment broke off");
      if (this.#part !== part) return;
      this.#part = undefined;
      this.#later();
    });
  }

  /** The part in the segment, and that of the transports which reach its members. */
  async #run(segment: Segment, channel: Channel, signal: AbortSignal): Promise<void> {
    const joined = joinTransports(this.#io, this.#options, channel);
    try {
      await segment.run(signal);
    } finally {
      await (await joined)[Symbol.asyncDispose]();
    }
  }

  #priority(grant: SegmentGrant, sockets: SegmentSockets, known: Parameters<typeof ownFacts>[3]): number {
    const { node, name, location, directory, kernel, sites } = this.#options;
    const { maxPriority } = readRecord(Buffer.from(grant.record, "base64"), this.#controlKey, grant.segment);
    const who = { id: node, name, address: sockets.at.address, rank: grant.rank, directory };
    const facts = ownFacts(this.#io, { ...who, ...(location === undefined ? {} : { location }) }, sites(), known);
    const priority = kernel.registries.priorities.get(grant.priority).of(facts);
    // Whatever a plugin answers: others would drop what is no priority.
    return Number.isFinite(priority) ? Math.trunc(Math.min(Math.max(priority, 0), maxPriority)) : 0;
  }

  async #leave(): Promise<void> {
    const part = this.#part;
    this.#part = undefined;
    part?.stop.abort(new Error("the node leaves this segment"));
    await part?.running.catch(() => undefined);
  }
}

interface Part {
  readonly segment: Segment;
  readonly channel: Channel;
  grant: SegmentGrant;
  readonly stop: AbortController;
  readonly running: Promise<void>;
}

/** Whether what a member begins with is the same. */
function isSamePart(one: SegmentGrant, other: SegmentGrant): boolean {
  const begins = ({ segment, ttl, reach, timings }: SegmentGrant) => ({ segment, ttl, reach, timings });
  return isDeepStrictEqual(begins(one), begins(other));
}
