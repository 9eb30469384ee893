/** What is known of a node when it is ranked. Everything but the id may be missing. */
export interface NodeFacts {
  readonly id: string;
  readonly address?: string;
  /** Set by an administrator: higher is better. */
  readonly rank?: number;
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
}
