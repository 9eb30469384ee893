import type { FromControl } from "../../protocol/messages.ts";
import type { NodeHub } from "../node-hub.ts";

/** So many nodes are told at once; more are told over the next second, so that they do not all ask at once. */
const toldAtOnce = 20;
const spreadMs = 1_000;

/** Tells many nodes the same. Those that are away by then are not told. */
export class Teller implements Disposable {
  readonly #hub: NodeHub;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(hub: NodeHub) {
    this.#hub = hub;
  }

  tell(nodes: readonly string[], order: FromControl): void {
    const connected = nodes.filter((node) => this.#hub.isConnected(node));
    const pauseMs = (spreadMs * toldAtOnce) / Math.max(connected.length, 1);
    for (let at = 0; at < connected.length; at += toldAtOnce) {
      const some = connected.slice(at, at + toldAtOnce);
      const timer = setTimeout(
        () => {
          this.#timers.delete(timer);
          for (const node of some) this.#hub.send(node, order);
        },
        (at / toldAtOnce) * pauseMs,
      );
      this.#timers.add(timer);
    }
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
