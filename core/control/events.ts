/** What happens at control, for whoever watches: the API's event stream, the command line, tests. */
export type ControlEvent =
  | { readonly type: "node"; readonly node: string; readonly name: string; readonly connected: boolean }
  | {
      readonly type: "job";
      readonly job: string;
      readonly site: string;
      readonly kind: string;
      readonly state: string;
      readonly phase: string;
      readonly reason: string;
    }
  | {
      readonly type: "job-node";
      readonly job: string;
      readonly node: string;
      readonly stage: string;
      readonly reason?: string;
    }
  | {
      readonly type: "progress";
      readonly job: string;
      readonly what: string;
      readonly node?: string;
      readonly done: number;
      readonly total: number;
    }
  | {
      readonly type: "segment";
      readonly segment: string;
      /** The name of its leader. */
      readonly leader: string | null;
      readonly epoch: number;
      readonly members: number;
      readonly state: string;
      readonly reason: string;
    }
  /** A leader has sent something to the members of its segment: how many have it, and how many are served singly. */
  | {
      readonly type: "spread";
      readonly job: string;
      readonly transport: string;
      readonly complete: number;
      readonly left: number;
      readonly counters: Readonly<Record<string, number>>;
    }
  | { readonly type: "site"; readonly site: string; readonly liveVersion: number | null };

/** How far a listener may be behind. */
const mostWaiting = 10_000;

/** Hands events to everybody who listens at the moment; keeps none. */
export class Events {
  readonly #listeners = new Set<(event: ControlEvent) => void>();

  emit(event: ControlEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Events from now until the signal; a listener that is 10,000 behind is cut off. */
  listen(signal: AbortSignal): AsyncIterable<ControlEvent> {
    const waiting: ControlEvent[] = [];
    let wake = () => {};
    const listener = (event: ControlEvent) => {
      if (waiting.length < mostWaiting) waiting.push(event);
      wake();
    };
    // From the call on, not from when the first event is asked for.
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => wake(), { once: true });
    return this.#follow(
      waiting,
      (call) => (wake = call),
      () => this.#listeners.delete(listener),
      signal,
    );
  }

  async *#follow(
    waiting: ControlEvent[],
    onEvent: (wake: () => void) => void,
    leave: () => void,
    signal: AbortSignal,
  ): AsyncIterable<ControlEvent> {
    try {
      while (!signal.aborted && waiting.length < mostWaiting) {
        yield* waiting.splice(0);
        if (waiting.length > 0 || signal.aborted) continue;
        const { promise, resolve } = Promise.withResolvers<void>();
        onEvent(resolve);
        await promise;
      }
    } finally {
      leave();
    }
  }
}
