import type { Datagram } from "../../../sdk/index.ts";

export interface Inbox {
  receive(datagram: Datagram): void;
  next(): Promise<Datagram>;
}

/** Keeps what a socket receives until somebody asks for it. */
export function inbox(): Inbox {
  const waiting: ((datagram: Datagram) => void)[] = [];
  const arrived: Datagram[] = [];
  return {
    receive(datagram) {
      const wake = waiting.shift();
      if (wake === undefined) arrived.push(datagram);
      else wake(datagram);
    },
    next: () =>
      new Promise((resolve) => {
        const datagram = arrived.shift();
        if (datagram === undefined) waiting.push(resolve);
        else resolve(datagram);
      }),
  };
}
