/** Lets one at a time do something with each of many things; who comes next finds what was done before. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Does it when nobody else does it with the same `key`; rejects with the signal's reason if that comes before. */
  async take<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    const mine = Promise.all([before, promise]).then(() => undefined);
    this.#last.set(key, mine);
    try {
      await untilDone(before, signal);
      return await work();
    } finally {
      resolve();
      if (this.#last.get(key) === mine) this.#last.delete(key);
    }
  }
}

async function untilDone(before: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
  if (before === undefined) return signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    signal.throwIfAborted();
    await Promise.race([before, promise]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
