import { EventEmitter, on } from "node:events";

/** What happens at control, for whoever watches: the API's event stream, the command line, tests. */
export type ControlEvent =
  | { readonly type: "node"; readonly node: string; readonly name: string; readonly connected: boolean }
  | { readonly type: "job"; readonly job: string; readonly site: string; readonly kind: string; readonly state: string; readonly phase: string; readonly reason: string }
  | { readonly type: "job-node"; readonly job: string; readonly node: string; readonly stage: string; readonly reason?: string }
  | { readonly type: "progress"; readonly job: string; readonly what: string; readonly node?: string; readonly done: number; readonly total: number }
  | { readonly type: "site"; readonly site: string; readonly liveVersion: number | null };

/** Hands events to everybody who listens at the moment; keeps none. */
export class Events {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  emit(event: ControlEvent): void {
    this.#emitter.emit("event", event);
  }

  /** Events from now until the signal; a listener that is 10,000 behind is cut off. */
  async *listen(signal: AbortSignal): AsyncIterable<ControlEvent> {
    const queue = on(this.#emitter, "event", { signal, highWaterMark: 10_000 });
    try {
      for await (const [event] of queue) yield event as ControlEvent;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
