import type { Extent, Cut } from "../geometry.ts";

/*
 * What leader and members say to each other while something is sent. A session is announced by the leader over the
 * segment's channel (sealed and signed there); everything else carries a tag by the key that the announcement brings.
 *
 *   to all        frames, polls, over
 *   to one        dismissal
 *   to the leader reports
 */

/** One delivery of one assignment by one leader. */
export interface Session {
  /** 32 bits by chance. */
  readonly number: number;
  /** Hex hash. */
  readonly assignment: string;
  readonly extent: Extent;
  readonly cut: Cut;
  /** 32 bytes by chance: blocks are sealed with it, and all datagrams are tagged. */
  readonly key: Uint8Array;
  /** Where frames are sent to. */
  readonly group: string;
  readonly port: number;
  /** Where reports go. */
  readonly at: { readonly address: string; readonly port: number };
  /** A member that lacks something says so once in such a time. */
  readonly reportMs: number;
  /** Whether what is missing comes as parity, or frame by frame. */
  readonly repair: Repair;
}

export type Repair = "parity" | "plain";

/** A session, and how far it is. */
export interface Announced extends Session {
  /** Frames sent so far. */
  readonly emitted: number;
  /** Blocks below this were all sent once. */
  readonly sentBlocks: number;
  /** For people: bytes a second on the wire. */
  readonly bytesPerSecond: number;
}

/** Frames of one block that follow one another. From the number of its source frames on they are parity. */
export interface FrameRun {
  readonly block: number;
  readonly index: number;
  readonly count: number;
  /** The how manieth time something of this block is sent, from 1 to 255. */
  readonly pass: number;
  /** Which frame of the session the first of them is, from 1 on. */
  readonly emission: number;
}

/** Says how far the session is, and who is to report. */
export interface Poll {
  readonly emitted: number;
  readonly sentBlocks: number;
  /** Members by the hashes of their ids: those in the range that are listed, or those that are not. */
  readonly asks: Asked;
}

export interface Asked {
  /** From this hash on, and up to the other one (with it). */
  readonly from: number;
  readonly to: number;
  readonly listed: boolean;
  readonly hashes: readonly number[];
}

/** What a member has to say: about once in `reportMs` while it lacks something, when it has everything, when asked. */
export interface Report {
  readonly member: string;
  /** The latest frame it has seen; 0 for none. */
  readonly seen: number;
  /** How long ago that came. */
  readonly heldMs: number;
  /** How many frames have come, those it had already too. */
  readonly received: number;
  readonly isComplete: boolean;
  /** What came had waited for its process: how long it took says nothing of the way. */
  readonly isBehind: boolean;
  /** What it lacks, as of `seen`, in the order of blocks: of what was sent, or when a session begins, of everything. */
  readonly lacks: readonly Lack[];
  /** Whether there is more than `lacks` says. */
  readonly hasMore: boolean;
}

/** So many frames are lacking of each of some blocks that follow one another. */
export interface Lack {
  readonly block: number;
  readonly blocks: number;
  /** Of each; the number of its source frames or more means that it has nothing of it. */
  readonly frames: number;
  /** Which source frames, a bit each, lowest first, if the leader is to send those: of one block only. */
  readonly which?: Uint8Array;
}

/** When a session begins, who has something of it already says so within this share of `reportMs`. */
export const greetingShare = 0.75;

/** 32 bits of a node's id by which a poll names it (FNV-1a). */
export function idHash(id: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

export function isAsked({ from, to, listed, hashes }: Asked, hash: number): boolean {
  return hash >= from && hash <= to && hashes.includes(hash) === listed;
}
