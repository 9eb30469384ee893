import type { EventQueue } from "./event-queue.ts";
import type { Links } from "./links.ts";
import type { GroupPlace, Place, WorldEvent } from "./machine-in-world.ts";

/** The port of the first node; the others follow. */
const firstPort = 20_000;

/** The kind of the queue's events that are arrivals of datagrams. */
export const arrival = 0;

/** Carries datagrams between nodes: who listens on which group, and when what arrives. */
export class Lan {
  readonly #queue: EventQueue;
  readonly #links: Links;
  readonly #count: number;
  readonly #groups: { readonly place: GroupPlace; readonly listeners: Uint8Array }[] = [];
  /** How many each node has sent: the number of the next one. */
  readonly #numbers: Uint32Array;
  sent = 0;

  constructor(queue: EventQueue, links: Links, count: number) {
    this.#queue = queue;
    this.#links = links;
    this.#count = count;
    this.#numbers = new Uint32Array(count);
  }

  /** To an address at which nobody is: into the void. */
  send(from: number, name: string, to: Place, message: unknown): void {
    const node = to.port - firstPort;
    const number = this.#nextNumber(from);
    if (!(node >= 0 && node < this.#count) || to.address !== placeOf(node).address) return;
    this.#carry(from, node, number, false, { type: "message", from: name, message, way: "unicast" });
  }

  /** To all others who listen there. */
  multicast(from: number, name: string, to: GroupPlace, message: unknown): void {
    const number = this.#nextNumber(from);
    const event = { type: "message", from: name, message, way: "multicast" } as const;
    const listeners = this.#listenersOf(to);
    for (let node = 0; node < listeners.length; node += 1)
      if (listeners[node] === 1 && node !== from) this.#carry(from, node, number, true, event);
  }

  /** From now on the node listens on these and on no others. */
  listen(node: number, groups: readonly GroupPlace[]): void {
    for (const { listeners } of this.#groups) listeners[node] = 0;
    for (const group of groups) this.#listenersOf(group)[node] = 1;
  }

  #nextNumber(from: number): number {
    this.sent += 1;
    const number = (this.#numbers[from] as number) + 1;
    this.#numbers[from] = number;
    return number;
  }

  #carry(from: number, to: number, number: number, isMulticast: boolean, event: WorldEvent): void {
    const { now } = this.#queue;
    const copies = this.#links.copies(from, to, isMulticast, number, now);
    if (copies > 0) this.#queue.push(now + this.#links.firstMs, arrival, to, event);
    if (copies > 1) this.#queue.push(now + this.#links.secondMs, arrival, to, event);
  }

  #listenersOf({ group, port }: GroupPlace): Uint8Array {
    for (const { place, listeners } of this.#groups) if (place.group === group && place.port === port) return listeners;
    const listeners = new Uint8Array(this.#count);
    this.#groups.push({ place: { group, port }, listeners });
    return listeners;
  }
}

/** Where datagrams for a node of any world go: an address and a port that no other node has. */
export function placeOf(node: number): Place {
  return (places[node] ??= {
    address: `10.${node >> 16}.${(node >> 8) & 0xff}.${node & 0xff}`,
    port: firstPort + node,
  });
}

const places: Place[] = [];
