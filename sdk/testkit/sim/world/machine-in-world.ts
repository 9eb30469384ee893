import type { Millis, Wake } from "../../../machine.ts";
import type { Way } from "./links.ts";

/** Where datagrams for one node go. */
export interface Place {
  readonly address: string;
  readonly port: number;
}

/** Where a multicast goes. */
export interface GroupPlace {
  readonly group: string;
  readonly port: number;
}

/** A node of a world, as its machine may know it. */
export interface SimNode<Settings> {
  readonly index: number;
  /** `n0`, `n1`, …: whom its datagrams are from. */
  readonly name: string;
  readonly at: Place;
  readonly settings: Settings;
}

/** What the world hands to a machine, besides the operations of the workload. */
export type WorldEvent<Message = unknown> =
  | { readonly type: "start" }
  | Wake
  | { readonly type: "message"; readonly from: string; readonly message: Message; readonly way: Way };

/** What the world does for a machine. Whatever else a machine wants done is only shown to who watches. */
export type WorldEffect<Message = unknown, Memory = unknown> =
  | { readonly type: "send"; readonly to: Place; readonly message: Message }
  | { readonly type: "multicast"; readonly channels: readonly GroupPlace[]; readonly message: Message }
  /** Durable before what follows is done; the next process of the node is started with it. */
  | { readonly type: "store"; readonly memory: Memory }
  /** Multicasts to these groups arrive from now on, and to no others. */
  | { readonly type: "listen"; readonly channels: readonly GroupPlace[] };

/** A machine that talks in datagrams, whatever its events and effects are called. */
export interface SimMachine<Event, Effect> {
  handle(event: Event, now: Millis): readonly Effect[];
  readonly wakeAt: Millis;
}

/** How a protocol is started on a node: with what its last process stored, and a seed that no other process has. */
export type StartMachine<Settings, Event, Effect> = (
  node: SimNode<Settings>,
  memory: unknown,
  seed: number,
) => SimMachine<Event, Effect>;
