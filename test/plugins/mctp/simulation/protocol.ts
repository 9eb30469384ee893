import { DeliveryChecker } from "./deliveries.ts";
import { machines } from "./machines.ts";
import type { Machines } from "./machines.ts";
import { MctpNode } from "./node.ts";
import type { MctpProtocol, MctpWorldEvent, MctpEffect, Pieces } from "./world.ts";
import type { SimMachine } from "../../../../sdk/testkit/sim/world/machine-in-world.ts";

/** Multicast in a segment, with all that should be true of it. */
export function mctpProtocol(under: Machines = machines): MctpProtocol {
  return {
    start: (node, memory, seed) =>
      new MctpNode(node, memory as Pieces | undefined, seed, under) as SimMachine<MctpWorldEvent, MctpEffect>,
    checkers: (world, run) => [new DeliveryChecker(world, run)],
  } as MctpProtocol;
}
