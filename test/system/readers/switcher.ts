import { once } from "node:events";
import { Worker } from "node:worker_threads";

export interface SwitcherOptions {
  readonly directory: string;
  /** Who switches: an agent's own code, or a script as it should not be. */
  readonly updater: "agent" | "double rename";
  /** How often it goes back and forth between a version and the one before, until it publishes the next. */
  readonly switchesPerVersion: number;
  readonly graceMs: number;
}

/** A version went live between `began` and `ended`, when that was acknowledged; by `process.hrtime`. */
export interface Switch {
  readonly version: number;
  readonly began: bigint;
  readonly ended: bigint;
}

/** Switches `<directory>/live` as fast as it can, in a thread of its own, until it is stopped. */
export class Switcher implements AsyncDisposable {
  readonly switches: Switch[] = [];
  readonly #thread: Worker;

  constructor(options: SwitcherOptions) {
    this.#thread = new Worker(new URL("./switcher-thread.ts", import.meta.url), { workerData: options });
    this.#thread.on("message", (done: Switch) => this.switches.push(done));
  }

  /** Resolves when a switch is acknowledged after which the condition holds; rejects if the thread fails. */
  async until(isReached: () => boolean): Promise<void> {
    while (!isReached()) await once(this.#thread, "message");
  }

  /** Resolves with the version that stays live. */
  async stop(): Promise<number> {
    const over = once(this.#thread, "exit");
    this.#thread.postMessage("stop");
    await over;
    return this.switches.at(-1)?.version ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread.terminate();
  }
}
