/** What is known of a node when it is ranked. Everything but the id may be missing. */
export interface NodeFacts {
  readonly id: string;
  readonly name?: string;
  readonly address?: string;
  /** Set by an administrator: higher is better. */
  readonly rank?: number;
  /** Where it stands, from the widest place to the closest: `eu/vienna/hall-3`. */
  readonly location?: string;
  readonly cpuCount?: number;
  /** Single-thread speed against a fixed yardstick, 1,000 being usual. */
  readonly cpuSpeed?: number;
  readonly memoryBytes?: number;
  readonly freeDiskBytes?: number;
  readonly linkBytesPerSecond?: number;
  readonly roundTripMs?: number;
  /** Share of transfers that succeeded, 0 … 1. */
  readonly reliability?: number;
  readonly connectionCount?: number;
  readonly membersKnown?: number;
  /** How long ago it led its segment last; undefined for never. */
  readonly ledAgoMs?: number;
  /** The newest version it has of each site. */
  readonly versions?: Readonly<Record<string, number>>;
}

/** Ranks nodes: who leads a segment, and who is served first. */
export interface Priority {
  /** A whole number, 0 … 2³¹ − 1; higher is better. The same facts give the same number on every host. */
  of(node: NodeFacts): number;
  /**
   * The same leaders in the order in which `source` serves them. The same on every host and whatever the order they
   * come in; of leaders that are as good the one with the lesser id is first. Without it the order is that of `of`.
   */
  order?(leaders: readonly NodeFacts[], source: NodeFacts): NodeFacts[];
}

/** The leaders in the order in which `source` serves them, as `priority` has it. */
export function orderLeaders(priority: Priority, leaders: readonly NodeFacts[], source: NodeFacts): NodeFacts[] {
  return priority.order?.(leaders, source) ?? bestFirst(leaders, (leader) => priority.of(leader));
}

/** The nodes from the highest score to the lowest, those with the same one by their ids. Scores are whole numbers. */
export function bestFirst(nodes: readonly NodeFacts[], scoreOf: (node: NodeFacts) => number): NodeFacts[] {
  const scored = nodes.map((node) => ({ node, score: scoreOf(node) }));
  // Not by `localeCompare`, which differs between hosts.
  scored.sort((a, b) => b.score - a.score || (a.node.id < b.node.id ? -1 : Number(a.node.id > b.node.id)));
  return scored.map(({ node }) => node);
}
