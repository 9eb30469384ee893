import { Worker } from "node:worker_threads";
import { DistributaryError } from "distributary/sdk";
import type { PluginUse } from "../../kernel/loader.ts";
import type { BuildRequest, BuildResult, Progress, ScanRequest, ScanResult } from "./plan.ts";

export interface PlannerData {
  /** Control's data directory. */
  readonly directory: string;
  readonly pluginDirectory: string;
  readonly plugins: readonly PluginUse[];
}

export type PlannerRequest =
  | ({ readonly type: "scan" } & ScanRequest)
  | ({ readonly type: "build" } & BuildRequest)
  | { readonly type: "copy"; readonly site: string; readonly from: number; readonly to: number }
  | { readonly type: "collect"; readonly site: string; readonly kept: readonly number[] };

export interface FlatError {
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
  readonly retryable?: boolean;
  readonly status?: number;
  readonly hint?: string | undefined;
}

export type PlannerReply =
  | { readonly type: "progress"; readonly what: string; readonly done: number; readonly total: number }
  | { readonly type: "done"; readonly value: unknown }
  | { readonly type: "failed"; readonly error: FlatError };

/** Beside this file, `.ts` in the repository and `.js` as published. */
const workerModule = new URL(import.meta.url.replace(/planner\.(\w+)$/, "planner-worker.$1"));

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
  readonly progress: Progress;
  readonly answered: Promise<unknown>;
}

/** A thread that has had nothing to do for so long ends, with all the memory it has. */
const idleMs = 60_000;

/** Scans and builds in a thread of its own; requests are answered one after the other. */
export class Planner implements AsyncDisposable {
  readonly #data: PlannerData;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #count = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(data: PlannerData) {
    this.#data = data;
  }

  scan(request: ScanRequest, progress: Progress): Promise<ScanResult> {
    return this.#ask({ type: "scan", ...request }, progress);
  }

  build(request: BuildRequest, progress: Progress): Promise<BuildResult> {
    return this.#ask({ type: "build", ...request }, progress);
  }

  copy(site: string, from: number, to: number): Promise<ScanResult> {
    return this.#ask({ type: "copy", site, from, to });
  }

  /** Deletes all versions of a site but these, and objects that only they needed; resolves with the bytes freed. */
  collect(site: string, kept: readonly number[]): Promise<number> {
    return this.#ask({ type: "collect", site, kept });
  }

  #ask<Value>(request: PlannerRequest, progress: Progress = () => {}): Promise<Value> {
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    clearTimeout(this.#idle);
    this.#count += 1;
    this.#waiting.set(this.#count, { resolve, reject, progress, answered: promise });
    this.#thread().postMessage({ id: this.#count, request });
    return promise;
  }

  /** Started when first needed, and again after it died: what it was doing failed then, what comes next need not. */
  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(workerModule, { workerData: this.#data });
    worker.on("message", ({ id, ...reply }: { id: number } & PlannerReply) => this.#take(id, reply));
    worker.on("error", (error) => this.#died(worker, error));
    worker.on("exit", (code) => this.#died(worker, new Error(`the planning thread ended with code ${code}`)));
    this.#worker = worker;
    return worker;
  }

  #take(id: number, reply: PlannerReply): void {
    const waiting = this.#waiting.get(id);
    if (reply.type === "progress") return waiting?.progress(reply.what, reply.done, reply.total);
    this.#waiting.delete(id);
    if (reply.type === "done") waiting?.resolve(reply.value as never);
    else waiting?.reject(restore(reply.error));
    if (this.#waiting.size > 0) return;
    this.#idle = setTimeout(() => void this[Symbol.asyncDispose](), idleMs);
    this.#idle.unref();
  }

  #died(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  /** Ends the thread when it has answered what it was asked. */
  async retire(): Promise<void> {
    while (this.#waiting.size > 0)
      await Promise.allSettled([...this.#waiting.values()].map(({ answered }) => answered));
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#idle);
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#died(worker, new Error("control stops"));
    await worker.terminate();
  }
}

function restore({ message, stack, code, retryable, status, hint }: FlatError): Error {
  if (code?.includes("_ERR_") === true && !code.startsWith("ERR_")) {
    const traits = { retryable: retryable ?? false, status: status ?? 500, ...(hint === undefined ? {} : { hint }) };
    return Object.assign(new DistributaryError(code, message, traits), stack === undefined ? {} : { stack });
  }
  return Object.assign(new Error(message), { stack, code });
}
