import type { Millis } from "../../../machine.ts";

/**
 * From when, and for how long: at most until the world settles. Without `forMs` it stays even then, if it blocks a way
 * or befalls a node outside of the core that is healed. Moments are the world's, nodes are indexes.
 */
interface Episode {
  readonly at: Millis;
  readonly forMs?: Millis;
}

/** What the air is like for datagrams to these nodes, or to all. */
interface Weather extends Episode {
  readonly nodes?: readonly number[];
}

/** What befalls datagrams on their way. */
export type LinkFault =
  /** Each datagram is lost to each receiver by itself, so many of 1,000. */
  | (Weather & { readonly kind: "loss"; readonly permille: number })
  /** For a while everything goes well, for a while so many of 1,000 are lost (Gilbert-Elliott); means of both. */
  | (Weather & { readonly kind: "burst"; readonly permille: number; readonly goodMs: Millis; readonly badMs: Millis })
  | (Weather & { readonly kind: "delay"; readonly leastMs: Millis; readonly mostMs: Millis })
  /** Arrives a second time, up to so much later. */
  | (Weather & { readonly kind: "duplicate"; readonly permille: number; readonly mostMs: Millis })
  /** Some are held up, so that later ones overtake them. */
  | (Weather & { readonly kind: "reorder"; readonly permille: number; readonly mostMs: Millis })
  /** Arrives with wrong bits, which the receiver notices: it is dropped and counted. */
  | (Weather & { readonly kind: "corrupt"; readonly permille: number })
  /** These nodes and all others do not reach each other. */
  | (Episode & { readonly kind: "partition"; readonly nodes: readonly number[] })
  | (Episode & { readonly kind: "one way cut"; readonly from: readonly number[]; readonly to: readonly number[] })
  /** No multicast arrives anywhere; unicast does. */
  | (Episode & { readonly kind: "multicast off" })
  | (Episode & { readonly kind: "deaf"; readonly node: number; readonly to: "multicast" | "everything" })
  | (Episode & { readonly kind: "mute"; readonly node: number; readonly to: "multicast" | "everything" });

/** What befalls a node. */
export type NodeFault =
  /** Its process ends, and starts again at the end of the episode. A store under way is done or lost. */
  | (Episode & { readonly kind: "kill"; readonly node: number })
  /** It loses power at its next store, right before or right after that is durable. */
  | (Episode & { readonly kind: "power cut"; readonly node: number; readonly store: "before" | "after" })
  /** It stands still; then all timers are due at once, and what has come is handled but for what no queue held. */
  | (Episode & { readonly kind: "pause"; readonly node: number })
  /** It does everything so much later. */
  | (Episode & { readonly kind: "slow"; readonly node: number; readonly ms: Millis })
  /** Every store takes so much longer, and the node waits for it. */
  | (Episode & { readonly kind: "slow disk"; readonly node: number; readonly ms: Millis })
  /** Its clock is fast by so many millionths, or slow if negative. */
  | (Episode & { readonly kind: "drift"; readonly node: number; readonly ppm: number })
  /** It is not there before. */
  | (Episode & { readonly kind: "join"; readonly node: number });

/** An episode in which something is wrong, as data. */
export type Fault = LinkFault | NodeFault;

/** Whether it befalls datagrams rather than a node. */
export function isLinkFault(fault: Fault): fault is LinkFault {
  return fault.kind === "deaf" || fault.kind === "mute" || !("node" in fault);
}

/** Whether it is about who reaches whom, rather than about how much arrives and when. */
export function isBlocking({ kind }: Fault): boolean {
  return ["partition", "one way cut", "multicast off", "deaf", "mute"].includes(kind);
}
