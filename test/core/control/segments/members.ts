import { generateKeyPairSync } from "node:crypto";
import { join } from "node:path";
import { enrol } from "../../../../core/agent/enrol.ts";
import type { NodeIdentity } from "../../../../core/agent/enrol.ts";
import { readOrder } from "../../../../core/agent/order.ts";
import { linkPaths } from "../../../../core/protocol/messages.ts";
import type { FromControl, FromNode, SegmentGrant } from "../../../../core/protocol/messages.ts";
import type { ReportedMember, SegmentReport } from "../../../../core/protocol/segment/events.ts";
import { LinkClient } from "../../../../core/runtime/link-client.ts";
import { receiveBytes } from "../../../../core/runtime/link-limits.ts";
import { longestGrant, readGrant } from "../../../../core/runtime/segment-grant.ts";
import type { Trial } from "../trial.ts";

/** What control may be told of a member. */
export function listed(id: string, more: Partial<ReportedMember> = {}): ReportedMember {
  const at = { address: "127.0.0.1", port: 7500 };
  return { id, name: id, at, priority: 1, eligible: true, byUnicast: false, lostPermille: 0, ...more };
}

/** What a leader may tell control. */
export function reportOf(leader: string, members: readonly string[], more: Partial<SegmentReport> = {}): SegmentReport {
  const channel = { number: 1, group: "239.192.0.1", port: 7402 };
  const all = members.map((id) => listed(id));
  return { epoch: 1, revision: 1, leader, leadingMs: 0, channel, members: all, gone: [], ...more };
}

/** A node of a trial that says what it is told to, over a real link. */
export class SpokenNode {
  readonly #trial: Trial;
  readonly #identity: NodeIdentity;
  readonly #client: LinkClient;
  #stop = new AbortController();
  readonly #waiting: { fits: (order: FromControl) => boolean; resolve: (order: FromControl) => void }[] = [];
  readonly key: string;
  #following: Promise<void> | undefined;

  readonly name: string;

  private constructor(trial: Trial, name: string, identity: NodeIdentity) {
    this.name = name;
    this.#trial = trial;
    this.#identity = identity;
    this.#client = new LinkClient(identity);
    const { publicKey } = generateKeyPairSync("ed25519");
    this.key = publicKey.export({ format: "der", type: "spki" }).subarray(-32).toString("base64");
  }

  static async enrol(
    trial: Trial,
    name: string,
    asked: { labels?: Record<string, string>; segment?: string } = {},
    token: { segment?: string; labels?: Record<string, string> } = {},
  ): Promise<SpokenNode> {
    const options = { uses: 1, lifeMs: 60_000, by: "test", ...token };
    const { text } = await trial.control.enrolment.createToken(options);
    const control = { host: "127.0.0.1", port: trial.control.linkPort };
    const directory = join(trial.directory, "spoken", name);
    return new SpokenNode(trial, name, await enrol({ control, token: text, name, directory, ...asked }));
  }

  get id(): string {
    return this.#identity.id;
  }

  /** What control's signatures are checked with, PEM. */
  get signingKey(): string {
    return this.#identity.signingKey;
  }

  /** Resolves when control counts it as connected. */
  async connect(facts: object = {}): Promise<this> {
    const { id } = this;
    const connected = this.#trial.event((event) => event.type === "node" && event.node === id && event.connected);
    const peer = { id: "control", host: "127.0.0.1", port: this.#trial.control.linkPort };
    const { body } = await this.#client.request(peer, linkPaths.stream, { signal: this.#stop.signal, endless: true });
    this.#following = this.#follow(body as AsyncIterable<Uint8Array>).catch(() => undefined);
    await this.greet(id, facts);
    await connected;
    return this;
  }

  /** Says hello as the agent of this boot does; the status control answers with. */
  greet(bootId: string, more: object = {}): Promise<number> {
    const facts = { platform: "linux", version: "0", cpuCount: 1, memoryBytes: 1, freeDiskBytes: 1 };
    return this.say({
      type: "hello",
      bootId,
      name: this.name,
      labels: {},
      providers: {},
      sites: [],
      ...facts,
      ...more,
    });
  }

  async #follow(body: AsyncIterable<Uint8Array>): Promise<void> {
    let rest = "";
    for await (const chunk of body) {
      const lines = (rest + Buffer.from(chunk).toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#hear(readOrder(line));
    }
  }

  #hear(order: FromControl | undefined): void {
    const at = this.#waiting.findIndex(({ fits }) => order !== undefined && fits(order));
    if (order !== undefined && at >= 0) this.#waiting.splice(at, 1)[0]?.resolve(order);
  }

  /** The next order of this type that control gives from now on. */
  order<Type extends FromControl["type"]>(type: Type): Promise<Extract<FromControl, { type: Type }>> {
    return new Promise((resolve) => {
      this.#waiting.push({ fits: (order) => order.type === type, resolve: (order) => resolve(order as never) });
    });
  }

  /** The status control answers with. */
  async say(message: FromNode | object): Promise<number> {
    return (await this.#post(linkPaths.report, message)).status;
  }

  /** The status control answers with to a request for what is there. */
  async get(path: string): Promise<number> {
    const peer = { id: "control", host: "127.0.0.1", port: this.#trial.control.linkPort };
    const { status, body } = await this.#client.request(peer, path);
    await receiveBytes(body, 2 ** 24);
    return status;
  }

  report(report: SegmentReport, segment: string): Promise<number> {
    return this.say({ type: "segment", segment, report, reach: "multicast" });
  }

  async grant(at = { address: "127.0.0.1", port: 7500 }, more: object = {}): Promise<SegmentGrant> {
    const { status, bytes } = await this.#post(linkPaths.segment, { at, key: this.key, ...more });
    if (status !== 200) throw new Error(`control answers ${status}: ${Buffer.from(bytes).toString()}`);
    return readGrant(bytes);
  }

  /** The status of an answer to a request for a grant, whatever it says. */
  async ask(request: object): Promise<number> {
    return (await this.#post(linkPaths.segment, request)).status;
  }

  async #post(path: string, message: object): Promise<{ status: number; bytes: Uint8Array }> {
    const peer = { id: "control", host: "127.0.0.1", port: this.#trial.control.linkPort };
    const request = { method: "POST", body: Buffer.from(JSON.stringify(message)) } as const;
    const { status, body } = await this.#client.request(peer, path, request);
    return { status, bytes: await receiveBytes(body, longestGrant) };
  }

  /** A new stream, to a control that may be another process by now. */
  async reconnect(): Promise<this> {
    this.#stop.abort();
    await this.#following;
    this.#stop = new AbortController();
    return this.connect();
  }

  /** Resolves when control has noticed. */
  async disconnect(): Promise<void> {
    const { id } = this;
    const gone = this.#trial.event((event) => event.type === "node" && event.node === id && !event.connected);
    this.#stop.abort();
    await Promise.all([gone, this.#following]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
    this.#client.close();
  }
}
