import { createPublicKey, sign } from "node:crypto";
import { Agent } from "../../core/agent/agent.ts";
import type { Header } from "../../core/assignment/assignment.ts";
import { noData } from "../../core/assignment/assignment.ts";
import { encodeAssignment } from "../../core/assignment/encode.ts";
import { sealAssignment } from "../../core/assignment/seal.ts";
import { hashOf, hexHashOf } from "../../core/content/hash.ts";
import { Kernel } from "../../core/kernel/kernel.ts";
import { linkPaths } from "../../core/protocol/messages.ts";
import type { AssignmentNotice, FromControl, FromNode, SiteState } from "../../core/protocol/messages.ts";
import { realDisk } from "../../core/runtime/disk.ts";
import type { Clock, Command, Disk, Http, HttpAnswer } from "../../sdk/index.ts";
import { simIo } from "../../sdk/testkit/sim/io.ts";
import { overlay, overlayFile } from "../core/agent/site-trial.ts";
import { wholePart } from "../system/fake-control.ts";
import { signingKey } from "./signing-key.ts";

const node = "n1";
const silent = { debug() {}, info() {}, warn() {}, error() {} };
/** What is durable does not matter here, and is most of the time. */
const withoutSyncs: Disk = overlay(realDisk, {
  sync() {},
  syncTree() {},
  open: (path, how) => overlayFile(realDisk.open(path, how), { sync() {} }),
});

/** Nobody waits for long. */
const hurried: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  until: (moment, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const timer = setTimeout(resolve, Math.min(2, Math.max(0, moment - performance.now())));
      signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason as Error)), { once: true });
    }),
};

/** An assignment before it is signed: anything, however wrong. */
export interface Draft {
  readonly header?: Partial<Header>;
  readonly commands?: readonly Command[];
  readonly data?: Uint8Array;
}

/** A real agent on the real disk, whose control is in this process and says to it whatever it likes, well signed. */
export class AgentOnDisk implements AsyncDisposable {
  /** What the agent last said of the site. */
  state: SiteState = { site: "www", lastSerial: 0 };
  readonly #kernel: Kernel;
  readonly #stop = new AbortController();
  readonly #lines: string[] = [];
  readonly #answers = new Map<string, (answer: FromNode) => void>();
  readonly #data = new Map<string, Uint8Array>();
  readonly #running: Promise<void>;
  #wake = () => {};
  #jobs = 0;

  private constructor(kernel: Kernel, root: string) {
    this.#kernel = kernel;
    const http: Http = {
      serve: () => ({ [Symbol.dispose]() {} }),
      request: (_, path, options) => this.#answer(path, options?.body, options?.signal),
    };
    const limits = { maxEntries: 200, maxBytes: 1 << 20, maxFileBytes: 1 << 16, keepReleases: 2 };
    const agent = new Agent(simIo({ http, disk: withoutSyncs, clock: hurried }), {
      ...{ node, name: "web-1", labels: {}, kernel, log: silent },
      control: { id: "control", host: "", port: 1 },
      directory: `${root}/agent`,
      signingKey: createPublicKey(signingKey),
      permissionFor: (site) => ({
        ...{ ...limits, extensions: [], names: "any", symlinks: "keep" },
        directory: site === "www" ? `${root}/sites/www` : undefined,
      }),
      afterSwitch: async () => {},
    });
    this.#running = agent.run(this.#stop.signal);
  }

  /** With `<root>/agent` for itself, and `<root>/sites/www` for the one site that may be there. */
  static async start(root: string): Promise<AgentOnDisk> {
    return new AgentOnDisk(await Kernel.load({ directory: root, role: "agent", log: silent }), root);
  }

  async #answer(path: string, body?: Uint8Array, signal?: AbortSignal): Promise<HttpAnswer> {
    if (path === linkPaths.stream) return { status: 200, body: this.#stream(signal) };
    if (path === linkPaths.report) {
      this.#hear(JSON.parse(Buffer.from(body ?? []).toString()) as FromNode);
      return { status: 204, body: [] };
    }
    const data = this.#data.get(path.split("/")[2] ?? "") ?? new Uint8Array();
    return { status: 200, headers: { "distributary-pieces": data.length === 0 ? "0" : "1" }, body: [data] };
  }

  async *#stream(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    signal?.addEventListener("abort", () => this.#wake(), { once: true });
    yield Buffer.from(`${JSON.stringify({ type: "welcome", node, control: "control" })}\n`);
    while (signal?.aborted !== true) {
      // One by one: what was not said when a stream breaks is said on the next.
      const line = this.#lines.shift();
      if (line === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else yield Buffer.from(`${line}\n`);
    }
  }

  #hear(message: FromNode): void {
    if ("state" in message && message.state !== undefined) this.state = message.state;
    if (message.type === "progress" || !("job" in message)) return;
    this.#answers.get(message.job)?.(message);
    this.#answers.delete(message.job);
  }

  /** Says a line, whatever it is; resolves when the agent has done with all that it was told about the site. */
  async say(line: string): Promise<void> {
    this.#lines.push(line);
    await this.#ask({ type: "ask", job: this.#newJob(), site: "www", diskBytes: 0, entryCount: 0 });
  }

  /** Has a signed update prepared, or says a signed order; resolves with the agent's answer. */
  carryOut(type: Header["type"], draft: Draft): Promise<FromNode> {
    const notice = this.#sign(type, draft);
    const job = this.#newJob();
    const done = () => this.#data.delete(notice.id);
    const order: FromControl =
      type === "update" ? { type: "prepare", job, sections: [notice] } : { type: "switch", job, assignment: notice };
    return this.#ask(order).finally(done);
  }

  /** The serial of the next assignment, unless a draft says otherwise. */
  get nextSerial(): number {
    return this.state.lastSerial + 1;
  }

  #sign(type: Header["type"], { header, commands = [], data = new Uint8Array() }: Draft): AssignmentNotice {
    const { length } = data;
    const serial = this.nextSerial;
    const good: Header = {
      ...{
        type,
        site: "www",
        serial,
        section: [1, 1],
        version: 1,
        issuedAt: Date.now(),
        expiresAt: Date.now() + 60_000,
      },
      ...{
        audience: { group: "web", nodes: [node] },
        result: "",
        interpreter: "native",
        keepReleases: 2,
        diskBytes: 0,
      },
      data: length === 0 ? noData : { sizeBytes: length, pieceBytes: 1 << 20, pieceHashes: hashOf(data) },
      parts: length === 0 ? [] : [wholePart(length)],
    };
    const buffer = encodeAssignment({ ...good, ...header }, commands);
    const sealed = sealAssignment(buffer, (bytes) => sign(null, bytes, signingKey));
    const id = hexHashOf(buffer);
    this.#data.set(id, data);
    const text = Buffer.from(sealed).toString("base64");
    return { id, site: "www", serial, sizeBytes: sealed.length, sealed: text, transports: ["http"] };
  }

  #ask(order: FromControl & { readonly job: string }): Promise<FromNode> {
    const { promise, resolve } = Promise.withResolvers<FromNode>();
    this.#answers.set(order.job, resolve);
    this.#lines.push(JSON.stringify(order));
    this.#wake();
    return promise;
  }

  /** Tells the agent that what it prepared is not wanted, and waits until it is gone. */
  forget(serial: number): Promise<void> {
    return this.say(JSON.stringify({ type: "forget", job: this.#newJob(), site: "www", serial } satisfies FromControl));
  }

  #newJob(): string {
    this.#jobs += 1;
    return `job-${this.#jobs}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#running;
    await this.#kernel[Symbol.asyncDispose]();
  }
}
