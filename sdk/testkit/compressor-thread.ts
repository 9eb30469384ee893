import assert from "node:assert/strict";
import { parentPort, workerData } from "node:worker_threads";
import type { Plugin } from "distributary/sdk";
import { recordingHost } from "./recording-host.ts";
import { textBytes } from "./sample-bytes.ts";

interface Task {
  readonly name: string;
  readonly module: string;
  readonly seed: number;
  /** What another thread made of the same block; absent if it is to be compressed. */
  readonly compressed?: Uint8Array;
}

// The thread of `compressorInThreadsKit`: answers with a compressed block, or with the block it restored.
const { name, module, seed, compressed } = workerData as Task;
const { default: plugin } = (await import(module)) as { default: Plugin };
const compressor = recordingHost(plugin).compressors.get(name);
const block = textBytes(300_000, seed);
const result = compressed === undefined ? compressor.compress(block) : compressor.decompress(compressed, block.length);
if (compressed !== undefined) assert.ok(Buffer.compare(result, block) === 0, "the bytes differ");
parentPort?.postMessage(Uint8Array.from(result));
