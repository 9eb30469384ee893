import type { NodeFacts } from "distributary/sdk";

const highest = 2 ** 31 - 1;
const rankMax = 1_000;

/** The priority of a node by its place in `order`; of one that is not in it by its own rank, below all that are. */
export function listed(order: readonly string[]): (node: NodeFacts) => number {
  // Backwards, so that a name listed twice has its better place.
  const places = new Map(order.map((name, place) => [name, place] as const).reverse());
  return ({ id, name, rank }) => {
    const place = Math.min(places.get(id) ?? Infinity, name === undefined ? Infinity : (places.get(name) ?? Infinity));
    return place === Infinity ? rankMax + steps(rank) : highest - place;
  };
}

/** A whole number, −1,000 … 1,000; 0 for what is no number. */
function steps(rank: unknown): number {
  if (typeof rank !== "number" || Number.isNaN(rank)) return 0;
  return Math.trunc(Math.min(Math.max(rank, -rankMax), rankMax));
}
