import { withBitFlipped } from "../sample-bytes.ts";
import { SimRandom } from "./random.ts";

/** A datagram as it reaches a host, and how much later than others. */
export interface Arrival {
  readonly bytes: Uint8Array;
  readonly delayMs: number;
}

const longestDelayMs = 5;

/**
 * What goes wrong between the hosts of a LAN, which are named by their addresses. Each host has its own share of luck,
 * the same for the same seed. Shares are from 0 to 1, and can be changed at any time.
 */
export class LanFaults {
  /** The share of datagrams to each host that is lost, for hosts of which `lose` said nothing. */
  loss: number;
  /** The share that comes twice. */
  duplication = 0;
  /** The share that comes up to 5 ms late, behind others. */
  delay = 0;
  /** The share of which a few bits are wrong. */
  corruption = 0;
  readonly #random: SimRandom;
  readonly #luck = new Map<string, SimRandom>();
  readonly #lossAt = new Map<string, number>();
  readonly #mute = new Set<string>();
  readonly #deaf = new Set<string>();
  readonly #sentBytes = new Map<string, number>();

  constructor(seed: number, loss = 0) {
    this.#random = new SimRandom(seed);
    this.loss = loss;
  }

  /** The share of datagrams to one host that is lost from now on. */
  lose(host: string, share: number): void {
    this.#lossAt.set(host, share);
  }

  /** Nothing it says reaches anybody. */
  mute(host: string): void {
    this.#mute.add(host);
  }

  /** Nothing goes to it or from it. */
  cut(host: string): void {
    this.#mute.add(host);
    this.#deaf.add(host);
  }

  /** It hears and is heard again. */
  heal(host: string): void {
    this.#mute.delete(host);
    this.#deaf.delete(host);
  }

  isMute(host: string): boolean {
    return this.#mute.has(host);
  }

  /** Whether the next datagram to this host is lost. */
  loses(host: string): boolean {
    return this.#deaf.has(host) || this.#happens(host, this.#lossAt.get(host) ?? this.loss);
  }

  /** Counts what a host sends; false if it reaches nobody. */
  leaves(host: string, sizeBytes: number): boolean {
    this.#sentBytes.set(host, this.sentBytes(host) + sizeBytes);
    return !this.#mute.has(host);
  }

  /** How many bytes a host has sent in datagrams, without their headers, whether they arrived or not. */
  sentBytes(host: string): number {
    return this.#sentBytes.get(host) ?? 0;
  }

  /** What reaches a host of a datagram: nothing, the same, or something else; and once more. */
  arrivals(host: string, bytes: Uint8Array): readonly Arrival[] {
    const copies = this.loses(host) ? 0 : this.#happens(host, this.duplication) ? 2 : 1;
    return Array.from({ length: copies }, () => ({
      bytes: this.#happens(host, this.corruption) ? this.#corrupted(host, bytes) : bytes,
      delayMs: this.#happens(host, this.delay) ? (1 + this.#luckOf(host).below(1_000)) * (longestDelayMs / 1_000) : 0,
    }));
  }

  #corrupted(host: string, bytes: Uint8Array): Uint8Array {
    const luck = this.#luckOf(host);
    let wrong = bytes;
    for (let bits = 1 + luck.below(3); bits > 0; bits -= 1) wrong = withBitFlipped(wrong, luck.below(bytes.length * 8));
    return wrong;
  }

  #happens(host: string, share: number): boolean {
    return share > 0 && this.#luckOf(host).below(1_000_000) < share * 1_000_000;
  }

  #luckOf(host: string): SimRandom {
    const luck = this.#luck.get(host) ?? this.#random.fork(host);
    this.#luck.set(host, luck);
    return luck;
  }
}
