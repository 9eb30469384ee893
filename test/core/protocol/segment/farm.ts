import { once } from "node:events";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Batch, BatchResult } from "./batch.ts";

/**
 * Runs batches in as many threads as there are cores, each the next one when it is done with one. After the first that
 * failed no further ones are begun.
 */
export async function runBatches(
  batches: Iterator<Batch, void>,
  onResult: (total: BatchResult) => void = () => {},
): Promise<BatchResult> {
  const total: BatchResult = { runs: 0, faults: 0, steps: 0, simulatedMs: 0, failures: [] };
  const work = async () => {
    const worker = new Worker(new URL("batch-worker.ts", import.meta.url));
    try {
      for (let next = batches.next(); next.done !== true && total.failures.length === 0; next = batches.next()) {
        worker.postMessage(next.value);
        const [result] = (await once(worker, "message")) as [BatchResult];
        total.runs += result.runs;
        total.faults += result.faults;
        total.steps += result.steps;
        total.simulatedMs += result.simulatedMs;
        total.failures.push(...result.failures);
        onResult(total);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return total;
}

/** Batches of one kind with seeds from `first` on, `runs` in all. */
export function* batchesOf(kind: Batch["kind"], first: number, runs: number, size: number): Generator<Batch, void> {
  for (let begun = 0; begun < runs; begun += size)
    yield { kind, first: first + begun, count: Math.min(size, runs - begun) };
}
