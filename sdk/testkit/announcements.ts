import assert from "node:assert/strict";
import type { Channel, Clock } from "distributary/sdk";
import type { LanFaults } from "./sim/lan-faults.ts";

/** A sign of life of the leader's. */
const periodMs = 250;
const latencyMs = 1;
const mostBytes = 600;

interface Listener {
  readonly host: string;
  heard(leader: string, bytes: Uint8Array): void;
}

/** What the leader of a segment announces, in place of the segment's own channel; lost as faults have it. */
export class Announcements implements Disposable {
  readonly #clock: Clock;
  readonly #faults: LanFaults;
  readonly #listeners = new Set<Listener>();
  readonly #stop = new AbortController();
  #current: { readonly leader: string; readonly host: string; readonly bytes: Uint8Array } | undefined;

  constructor(clock: Clock, faults: LanFaults) {
    this.#clock = clock;
    this.#faults = faults;
    void this.#repeat();
  }

  /** Whether something is announced now. */
  get isOn(): boolean {
    return this.#current !== undefined;
  }

  /** As a node with this id, on a host with this address, has it. */
  of(self: string, host: string): Pick<Channel, "announce" | "listen"> {
    return {
      announce: (bytes) => {
        assert.ok(bytes === undefined || bytes.length <= mostBytes, `${bytes?.length} bytes are too long`);
        this.#current = bytes && { leader: self, host, bytes: Uint8Array.from(bytes) };
        this.#say();
      },
      listen: (heard) => {
        const listener = { host, heard };
        this.#listeners.add(listener);
        return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
      },
    };
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  async #repeat(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#say();
      await this.#clock.until(this.#clock.now() + periodMs, signal).catch(() => undefined);
    }
  }

  #say(): void {
    const said = this.#current;
    if (said === undefined || this.#faults.isMute(said.host)) return;
    for (const listener of this.#listeners) {
      if (listener.host === said.host || this.#faults.loses(listener.host)) continue;
      const hear = () => this.#listeners.has(listener) && listener.heard(said.leader, Uint8Array.from(said.bytes));
      void this.#clock.until(this.#clock.now() + latencyMs).then(hear);
    }
  }
}
