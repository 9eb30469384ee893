/** Milliseconds. As a moment: since an arbitrary start, never going back. */
export type Millis = number;

/** Sent to a machine when the moment it asked for has come. */
export interface Wake {
  readonly type: "wake";
}

/**
 * A protocol without I/O: events and the time go in, effects come out. It owns its state and nothing else.
 *
 * `handle` is synchronous and deterministic, looks at no clock, draws no random number, touches nothing
 * outside, and never throws on an event, however wrong. Effects are performed in the order returned:
 * what must be stored before something is sent stands before it.
 */
export interface Machine<Event, Effect> {
  handle(event: Event | Wake, now: Millis): Effect[];
  /** When the machine next wants a `wake`; Infinity for never. Read after every `handle`. */
  readonly wakeAt: Millis;
}
