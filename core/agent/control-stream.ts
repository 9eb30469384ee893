import type { Io, Log, Peer } from "distributary/sdk";
import { failure } from "distributary/sdk";
import { formatDuration } from "../../config/units.ts";
import { linkPaths } from "../protocol/messages.ts";
import type { FromControl, FromNode } from "../protocol/messages.ts";
import { receiveBytes } from "../runtime/link-limits.ts";
import { readOrder } from "./order.ts";

export interface StreamTaps {
  /** What to say first on a new stream. */
  greet(): FromNode;
  /** Control has taken that: from now on it hears reports. */
  opened?(): void;
  take(message: FromControl): void;
}

/** Control says something at least every 5 s; a stream silent for this long is dead. */
const silenceMs = 15_000;
const firstPauseMs = 100;
const longestPauseMs = 5_000;
const longestLine = 64 << 20;
const longestAnswer = 4_096;
/** Somebody may keep a node from hearing what is new: for so long it says so, from then on it raises an alarm. */
const alarmAfterMs = 24 * 60 * 60 * 1000;

/** The node's connection to control, made anew whenever it breaks. */
export class ControlStream {
  readonly #io: Io;
  readonly #control: Peer;
  readonly #log: Log;
  #isOpen = false;
  /** When control was heard last, or the agent began. */
  #heardAt: number;

  constructor(io: Io, control: Peer, log: Log) {
    this.#io = io;
    this.#heardAt = io.clock.now();
    this.#control = control;
    this.#log = log;
  }

  /**
   * Keeps a stream open until the signal. Pauses between attempts grow to 5 s, with a random part so that nodes do not
   * come all at once.
   */
  async run(taps: StreamTaps, signal: AbortSignal): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const wasOpen = await this.#follow(taps, signal).then(
        () => true,
        (error: unknown) => this.#broke(error, signal),
      );
      if (wasOpen) attempt = 0;
      const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(attempt, 10));
      const moment = this.#io.clock.now() + pause / 2 + this.#io.random.below(pause);
      await this.#io.clock.until(moment, signal).catch(() => undefined);
    }
  }

  #broke(error: unknown, signal: AbortSignal): boolean {
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    if (signal.aborted) return wasOpen;
    const silentMs = this.#io.clock.now() - this.#heardAt;
    const { host, port } = this.#control;
    const fields = { control: `${host}:${port}`, silent: formatDuration(silentMs), error: (error as Error).message };
    if (silentMs < alarmAfterMs) this.#log.warn(fields, "no stream to control");
    else this.#log.error(fields, "nothing was heard of control for long: what is new does not arrive");
    return wasOpen;
  }

  async #follow(taps: StreamTaps, outer: AbortSignal): Promise<void> {
    const silence = new AbortController();
    const signal = AbortSignal.any([outer, silence.signal]);
    let timer = setTimeout(() => silence.abort(new Error("control is silent")), silenceMs);
    try {
      const answer = await this.#io.http.request(this.#control, linkPaths.stream, { signal, endless: true });
      if (answer.status !== 200)
        throw failure("DIST_ERR_TRANSFER_BROKEN", { peer: "control", problem: `status ${answer.status}` });
      for await (const line of lines(answer.body)) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(new Error("control is silent")), silenceMs);
        const message = readOrder(line);
        this.#heardAt = this.#io.clock.now();
        if (message === undefined) continue;
        if (message.type === "welcome") {
          await this.#post(taps.greet(), signal);
          this.#isOpen = true;
          this.#log.info({ control: message.control }, "connected to control");
          taps.opened?.();
        } else taps.take(message);
      }
      throw failure("DIST_ERR_TRANSFER_BROKEN", { peer: "control", problem: "the stream ended" });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Says something to control. What gets lost is asked for again on the next stream, so a failure is only logged. */
  async report(message: FromNode): Promise<void> {
    if (!this.#isOpen) return;
    await this.#post(message, AbortSignal.timeout(30_000)).catch((error: unknown) => {
      this.#log.warn({ type: message.type, error: (error as Error).message }, "report not delivered");
    });
  }

  async #post(message: FromNode, signal: AbortSignal): Promise<void> {
    const body = Buffer.from(JSON.stringify(message));
    const answer = await this.#io.http.request(this.#control, linkPaths.report, { method: "POST", body, signal });
    const text = Buffer.from(await receiveBytes(answer.body, longestAnswer)).toString("utf8");
    if (answer.status !== 204)
      throw failure("DIST_ERR_TRANSFER_BROKEN", { peer: "control", problem: `status ${answer.status} ${text}` });
  }
}

/** Lines of a body; one that never ends is an error. */
async function* lines(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncIterable<string> {
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  for await (const chunk of body) {
    let start = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, start)) {
      yield Buffer.concat([...rest, chunk.subarray(start, at)]).toString("utf8");
      [rest, restBytes, start] = [[], 0, at + 1];
    }
    rest.push(Buffer.from(chunk.subarray(start)));
    restBytes += chunk.length - start;
    if (restBytes > longestLine)
      throw failure("DIST_ERR_TRANSFER_BROKEN", { peer: "control", problem: "a line is too long" });
  }
}
