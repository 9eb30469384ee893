import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "../../sdk/index.ts";
import { runAgent } from "../../core/agent/run-agent.ts";
import { noData } from "../../core/assignment/assignment.ts";
import type { Header } from "../../core/assignment/assignment.ts";
import { resultOf } from "../../core/assignment/commands.ts";
import { encodeAssignment } from "../../core/assignment/encode.ts";
import { sealAssignment } from "../../core/assignment/seal.ts";
import { hashOf, hexHashOf } from "../../core/content/hash.ts";
import { treeHash } from "../../core/content/manifest.ts";
import type { Manifest } from "../../core/content/manifest.ts";
import { openAuthority } from "../../core/control/authority.ts";
import type { Authority } from "../../core/control/authority.ts";
import type { PluginUse } from "../../core/kernel/loader.ts";
import { linkPaths } from "../../core/protocol/messages.ts";
import type { AssignmentNotice, FromControl, FromNode } from "../../core/protocol/messages.ts";
import { jsonAnswer, readEnrolRequest } from "../../core/runtime/enrolment.ts";
import { createLink } from "../../core/runtime/http.ts";
import type { Link } from "../../core/runtime/http.ts";
import { realIo } from "../../core/runtime/io.ts";
import { formatJoinToken } from "../../core/runtime/join-token.ts";
import { receiveBytes } from "../../core/runtime/link-limits.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** What a test changes of an assignment that would be good otherwise. */
export interface Changes {
  readonly header?: Partial<Header>;
  readonly commands?: readonly Command[];
  readonly base?: Manifest;
  /** Of the data, in one piece; served to the node as `served`, if that is given. */
  readonly data?: Uint8Array;
  readonly served?: Uint8Array;
  sign?(bytes: Uint8Array): Uint8Array;
  /** Of the sealed buffer, after it was signed. */
  damage?(sealed: Uint8Array): void;
}

/** A control with a real authority and a real link that says to its one node whatever a test wants it to. */
export class FakeControl implements AsyncDisposable {
  readonly directory: string;
  readonly authority: Authority;
  readonly node = randomUUID();
  serial = 0;
  readonly #link: Link;
  readonly #stop = new AbortController();
  readonly #lines: FromControl[] = [];
  readonly #answers = new Map<string, PromiseWithResolvers<FromNode>>();
  readonly #served = new Map<string, Uint8Array>();
  readonly #hello = Promise.withResolvers<FromNode>();
  #wake = () => {};
  #agent: Promise<void> = Promise.resolve();

  private constructor(directory: string, authority: Authority, link: Link) {
    this.directory = directory;
    this.authority = authority;
    this.#link = link;
    link.serve(linkPaths.enrol, async ({ body }) => {
      const { csr } = await readEnrolRequest(body);
      const { certificate, signingKey } = authority;
      return jsonAnswer({
        id: this.node,
        certificate: await authority.issue(csr, { id: this.node }),
        authority: certificate,
        signingKey,
      });
    });
    link.serve(linkPaths.stream, async ({ signal }) => ({ status: 200, body: this.#stream(signal) }));
    link.serve(linkPaths.report, async ({ body }) => {
      this.#take(JSON.parse(Buffer.from(await receiveBytes(body, 1 << 20)).toString()) as FromNode);
      return { status: 204, body: [] };
    });
    link.serve("/pieces/", async ({ path }) => {
      const bytes = this.#served.get(path.split("/")[2] ?? "") ?? new Uint8Array();
      return {
        status: 200,
        headers: { "content-length": String(bytes.length), "distributary-pieces": "1" },
        body: [bytes],
      };
    });
  }

  /** With an agent that has these plugins, has enrolled and is connected. */
  static async start(policyFile: string, plugins: readonly PluginUse[] = []): Promise<FakeControl> {
    const directory = mkdtempSync(join(tmpdir(), "distributary-fake-control-"));
    const authority = await openAuthority(join(directory, "authority"));
    const link = await createLink(await authority.controlIdentity(), { host: "127.0.0.1", port: 0 });
    const control = new FakeControl(directory, authority, link);
    const token = formatJoinToken({ id: "0".repeat(16), secret: "0".repeat(32), fingerprint: authority.fingerprint });
    const options = {
      name: "a",
      directory: join(directory, "agent"),
      control: { host: "127.0.0.1", port: link.port },
      labels: {},
    };
    control.#agent = runAgent(
      { ...options, token, policyFile, plugins, pluginDirectory: directory, log: silent },
      realIo,
      control.#stop.signal,
    );
    await Promise.race([control.#hello.promise, control.#agent]);
    return control;
  }

  async *#stream(signal: AbortSignal): AsyncIterable<Uint8Array> {
    this.#lines.unshift({ type: "welcome", node: this.node, control: "control" });
    while (!signal.aborted && !this.#stop.signal.aborted) {
      for (const line of this.#lines.splice(0)) yield Buffer.from(`${JSON.stringify(line)}\n`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  #take(message: FromNode): void {
    if (message.type === "hello") this.#hello.resolve(message);
    else if (message.type !== "progress" && "job" in message) this.#answers.get(message.job)?.resolve(message);
  }

  /** Says something to the node; resolves with its answer. */
  say(message: Extract<FromControl, { readonly job: string }>): Promise<FromNode> {
    const answer = Promise.withResolvers<FromNode>();
    this.#answers.set(message.job, answer);
    this.#lines.push(message);
    this.#wake();
    return answer.promise;
  }

  /** A signed assignment with the next serial, good unless `changes` say otherwise. */
  notice(type: Header["type"], version: number, changes: Changes = {}): AssignmentNotice {
    this.serial += 1;
    const { commands = [], base = [], data } = changes;
    const now = Date.now();
    const header: Header = {
      type,
      site: "www",
      serial: this.serial,
      section: [1, 1],
      version,
      issuedAt: now,
      expiresAt: now + 3_600_000,
      audience: { group: "web", nodes: [this.node] },
      ...(base.length === 0 ? {} : { base: treeHash(base) }),
      result: "",
      interpreter: "native",
      keepReleases: 2,
      diskBytes: data?.length ?? 0,
      data: data === undefined ? noData : { sizeBytes: data.length, pieceBytes: 1 << 20, pieceHashes: hashOf(data) },
      parts: data === undefined ? [] : [wholePart(data.length)],
      ...changes.header,
    };
    const buffer = encodeAssignment(
      header.result === "" ? { ...header, result: treeHash(resultOf(base, commands)) } : header,
      commands,
    );
    const sealed = sealAssignment(buffer, changes.sign ?? ((bytes) => this.authority.sign(bytes)));
    const id = hexHashOf(buffer);
    if (data !== undefined) this.#served.set(id, changes.served ?? data);
    changes.damage?.(sealed);
    const { site, serial } = header;
    return {
      id,
      site,
      serial,
      sizeBytes: sealed.length,
      sealed: Buffer.from(sealed).toString("base64"),
      transports: ["http"],
    };
  }

  prepare(...sections: readonly AssignmentNotice[]): Promise<FromNode> {
    return this.say({ type: "prepare", job: randomUUID(), sections });
  }

  switch(assignment: AssignmentNotice): Promise<FromNode> {
    return this.say({ type: "switch", job: randomUUID(), assignment });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#agent;
    await this.#link.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A part that is the contents of files as they are. */
export function wholePart(length: number): Header["parts"][number] {
  return {
    offset: 0,
    engine: "whole",
    base: [],
    sizeBytes: length,
    deltaBytes: length,
    compressor: "none",
    cipher: "none",
    blocks: [[length, false]],
  };
}

/** The command for a file with this content. */
export function fileCommand(path: string, content: Uint8Array): Command {
  return {
    kind: "file",
    path,
    mode: 0o644,
    mtimeMs: 1_700_000_000_000,
    sizeBytes: content.length,
    hash: hexHashOf(content),
    part: 0,
  };
}
