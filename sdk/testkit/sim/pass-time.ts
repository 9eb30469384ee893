import type { SimClock } from "./clock.ts";

/**
 * Lets the time of a simulation pass until disposed: whenever everybody waits, it is the moment the next one waits for.
 * So whole programs run on it, as long as they wait for nothing but this clock.
 */
export function passTime(clock: SimClock): Disposable {
  let isOver = false;
  const pass = async () => {
    while (!isOver) await clock.advance(clock.nextMoment === Infinity ? 0 : clock.nextMoment - clock.now());
  };
  void pass();
  return {
    [Symbol.dispose]() {
      isOver = true;
    },
  };
}
