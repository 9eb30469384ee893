import type { Millis } from "../../../../../sdk/machine.ts";
import type { SimMachine, SimNode, WorldEvent } from "../../../../../sdk/testkit/sim/world/machine-in-world.ts";
import type { RunFile } from "../../../../../sdk/testkit/sim/world/run-file.ts";
import type { Fault } from "../../../../../sdk/testkit/sim/world/faults.ts";
import { World } from "../../../../../sdk/testkit/sim/world/world.ts";
import { placeOf } from "../../../../../sdk/testkit/sim/world/lan.ts";

/** How a beacon is set up: whether it forgets to store a number before it uses it. */
export interface BeaconSettings {
  readonly isHasty?: boolean;
}

export type BeaconEvent = { readonly type: "again" } | { readonly type: "bye" };

export type BeaconEffect =
  | { readonly type: "listen"; readonly channels: readonly { readonly group: string; readonly port: number }[] }
  | { readonly type: "store"; readonly memory: number }
  | { readonly type: "multicast"; readonly channels: typeof channels; readonly message: number }
  | {
      readonly type: "send";
      readonly to: { readonly address: string; readonly port: number };
      readonly message: number;
    }
  | { readonly type: "heard"; readonly from: string; readonly number: number; readonly way: "multicast" | "unicast" };

const channels = [{ group: "239.0.0.1", port: 7 }];

/** Every 100 ms it sends the next number to all, and to n1; numbers are stored before they are used. */
export class Beacon implements SimMachine<BeaconEvent | WorldEvent, BeaconEffect> {
  wakeAt: Millis = Infinity;
  #number: number;
  readonly #isHasty: boolean;

  constructor(node: SimNode<BeaconSettings>, memory: unknown) {
    this.#number = (memory as number | undefined) ?? 0;
    this.#isHasty = node.settings.isHasty === true;
  }

  handle(event: BeaconEvent | WorldEvent, now: Millis): readonly BeaconEffect[] {
    switch (event.type) {
      case "start":
        this.wakeAt = now + 100;
        return [{ type: "listen", channels }];
      case "message":
        return [{ type: "heard", from: event.from, number: event.message as number, way: event.way }];
      case "wake":
        this.wakeAt += 100;
    }
    this.#number += 1;
    const store = { type: "store", memory: this.#number } as const;
    const effects: BeaconEffect[] = [
      { type: "multicast", channels, message: this.#number },
      { type: "send", to: placeOf(1), message: this.#number },
    ];
    return this.#isHasty ? [...effects, store] : [store, ...effects];
  }
}

/** A run of beacons that start together, on a LAN that takes 1 ms. */
export function beaconRun(
  faults: readonly Fault[],
  more: Partial<RunFile<BeaconSettings, BeaconEvent>> = {},
): RunFile<BeaconSettings, BeaconEvent> {
  return {
    v: 1,
    seed: 7,
    world: { nodes: [{}, {}, {}, {}], latencyMs: [1, 1], lossPermille: 0, timerSlackMs: 0, startWithinMs: 0 },
    faults,
    workload: [],
    bounds: { settleAt: 10_000, endAt: 10_050 },
    ...more,
  };
}

/** What one node heard of another, and when. */
export interface Heard {
  readonly at: Millis;
  readonly from: string;
  readonly number: number;
  readonly way: "multicast" | "unicast";
}

/** Runs beacons to the end. */
export function listenIn(run: RunFile<BeaconSettings, BeaconEvent>) {
  const world = new World<BeaconSettings, BeaconEvent, BeaconEffect>(run, (node, memory) => new Beacon(node, memory));
  const heard = run.world.nodes.map((): Heard[] => []);
  const sent = run.world.nodes.map((): { at: Millis; number: number }[] => []);
  world.watch({
    effect(node, effect, at) {
      if (effect.type === "heard") heard[node]?.push({ at, ...effect });
      if (effect.type === "multicast") sent[node]?.push({ at, number: effect.message });
    },
  });
  world.runUntil(run.bounds.endAt);
  /** How many that `from` sent in a span came to `to`. */
  const count = (from: number, to: number, way: "multicast" | "unicast", after = 0, before = Infinity) =>
    heard[to]?.filter((it) => it.from === `n${from}` && it.way === way && it.at >= after && it.at < before).length ?? 0;
  return { world, heard, sent, count };
}
