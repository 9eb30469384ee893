import type { NodeFacts } from "distributary/sdk";
import { neutral, scoreMax, shareScore } from "./score.ts";
import { cpuScore, linkScore, roundTripScore } from "./weigh.ts";

/** How much each input counts in the order of serving: whole numbers, 0 … 1,000. */
export interface ServingWeights {
  readonly location: number;
  readonly cpu: number;
  readonly distance: number;
  readonly link: number;
  readonly reliability: number;
}

/** The weighted sum by which `source` serves a leader earlier or later: at most 5 × 1,000 × 16,384. */
export function servingScore(leader: NodeFacts, source: NodeFacts, weights: ServingWeights): number {
  return (
    nearness(leader.location, source.location) * weights.location +
    cpuScore(leader) * weights.cpu +
    roundTripScore(leader) * weights.distance +
    linkScore(leader) * weights.link +
    shareScore(leader.reliability) * weights.reliability
  );
}

/** How much of the source's place is the leader's too, from the widest part on. */
function nearness(leader: unknown, source: unknown): number {
  const [there, here] = [partsOf(leader), partsOf(source)];
  if (there.length === 0 || here.length === 0) return neutral;
  const apart = here.findIndex((part, index) => part !== there[index]);
  return Math.floor(((apart === -1 ? here.length : apart) * scoreMax) / here.length);
}

function partsOf(location: unknown): string[] {
  return typeof location === "string" ? location.split("/").filter((part) => part !== "") : [];
}
