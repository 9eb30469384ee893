import type { Clock } from "./io.ts";
import type { Machine, Wake } from "./machine.ts";

/** A machine at work. */
export interface Driven<Event> {
  /**
   * Hands the machine an event and performs what follows from it before it returns. Called while an effect is being
   * performed, it queues the event behind it. Does nothing after the signal.
   */
  send(event: Event): void;
}

/**
 * Runs a machine until the signal: performs its effects one after another in its order, and wakes it when it asks.
 * An error thrown by `perform` ends the drive, with the rest unperformed: nothing is sent that was not stored first.
 * It reaches who called `send`, or, if it was the clock, the process as an unhandled rejection.
 */
export function drive<Event, Effect>(
  machine: Machine<Event, Effect>,
  perform: (effect: Effect) => void,
  clock: Clock,
  signal: AbortSignal,
): Driven<Event> {
  const ended = new AbortController();
  const over = AbortSignal.any([signal, ended.signal]);
  // Asking a signal made of others takes longer than all the rest of an event.
  let isOver = over.aborted;
  over.addEventListener("abort", () => (isOver = true), { once: true });
  const queue: (Event | Wake)[] = [];
  let isBusy = false;
  let timer: { readonly moment: number; readonly cancel: AbortController } | undefined;

  const work = (event: Event | Wake): void => {
    queue.push(event);
    if (isBusy) return;
    isBusy = true;
    try {
      for (let next = queue.shift(); next !== undefined && !isOver; next = queue.shift()) {
        for (const effect of machine.handle(next, clock.now())) perform(effect);
      }
    } catch (error) {
      ended.abort(error);
      throw error;
    } finally {
      isBusy = false;
    }
    setTimer();
  };

  // A timer that rings too early costs less than replacing one at every event: it looks again when it rings.
  const setTimer = (): void => {
    const moment = machine.wakeAt;
    if (isOver || moment === Infinity || (timer !== undefined && timer.moment <= moment)) return;
    timer?.cancel.abort();
    const cancel = new AbortController();
    timer = { moment, cancel };
    clock.until(moment, AbortSignal.any([over, cancel.signal])).then(
      () => ring(cancel),
      (reason: unknown) => {
        if (!isOver && !cancel.signal.aborted) throw reason;
      },
    );
  };

  const ring = (rung: AbortController): void => {
    if (timer?.cancel !== rung || isOver) return;
    timer = undefined;
    if (machine.wakeAt <= clock.now()) work({ type: "wake" });
    else setTimer();
  };

  setTimer();
  return {
    send(event) {
      if (!isOver) work(event);
    },
  };
}
