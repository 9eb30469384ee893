import assert from "node:assert/strict";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { runKit } from "./kit.ts";
import type { Kit } from "./kit.ts";

/** A compressor by the URL of its plugin's module, since a thread can be given no object. */
export interface CompressorModule {
  readonly name: string;
  readonly module: string;
}

/** What a compressor must keep in worker threads, where the core calls it. */
export const compressorInThreadsKit: Kit<CompressorModule> = {
  name: "compressor for worker threads",
  cases: [
    {
      title: "restores in one thread what another compressed, two at a time",
      async check(create) {
        const subject = create();
        const [first, second] = await Promise.all([inThread(subject, 1), inThread(subject, 2)]);
        await Promise.all([inThread(subject, 2, second), inThread(subject, 1, first)]);
      },
    },
  ],
};

/** Holds a compressor to its contract in threads. `module` is the URL of the file that exports its plugin. */
export function testCompressorInThreads(name: string, module: string): void {
  runKit(compressorInThreadsKit, name, () => ({ name, module }));
}

async function inThread(subject: CompressorModule, seed: number, compressed?: Uint8Array): Promise<Uint8Array> {
  // Beside this file, and compiled like it.
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const script = new URL(`./compressor-thread.${extension}`, import.meta.url);
  const worker = new Worker(script, { workerData: { ...subject, seed, compressed } });
  const ended = new AbortController();
  worker.once("exit", () => ended.abort(new Error("the thread ended without an answer")));
  try {
    const [result] = (await once(worker, "message", { signal: ended.signal })) as [unknown];
    assert.ok(result instanceof Uint8Array);
    return result;
  } finally {
    await worker.terminate();
  }
}
