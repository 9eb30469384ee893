import type { Millis } from "distributary/sdk";

/** What of a site's policy a rollout keeps to. */
export interface RolloutPolicy {
  /** How many nodes must be able, then prepared, then switched. */
  readonly quorum: number;
  readonly belowQuorum: "defer" | "cancel";
  readonly commit: "auto" | "manual";
  /** How long nodes may take to connect and to say whether they have room. */
  readonly gatherMs: Millis;
  readonly prepareMs: Millis;
  /** How long those that still prepare may take once the quorum is prepared; as long as all others if absent. */
  readonly graceMs?: Millis;
  /** How long a prepared release waits for "commit". */
  readonly holdMs: Millis;
  readonly switchMs: Millis;
}

export type RolloutPhase = "gathering" | "preparing" | "holding" | "ordering" | "switching" | "ended";
export type NodeStage = "away" | "asked" | "able" | "preparing" | "prepared" | "switching" | "switched" | "failed";
export type RolloutEnd = "done" | "failed" | "cancelled" | "deferred";

export type RolloutEvent =
  | { readonly type: "start"; readonly connected: readonly string[] }
  | { readonly type: "connected" | "disconnected"; readonly node: string }
  /** Answer to `ask`. */
  | { readonly type: "able"; readonly node: string }
  | { readonly type: "prepared"; readonly node: string }
  | { readonly type: "switched"; readonly node: string }
  /** The node cannot do what it was last told. */
  | { readonly type: "failed"; readonly node: string; readonly reason: string }
  /** Somebody said "commit"; counts also when it comes early. */
  | { readonly type: "approved" }
  /** Answers to `order`. */
  | { readonly type: "ordered" }
  | { readonly type: "refused"; readonly reason: string }
  | { readonly type: "aborted"; readonly reason: string };

export type RolloutEffect =
  /** To be made durable before the effects behind it are performed. */
  | { readonly type: "record"; readonly phase: RolloutPhase }
  | { readonly type: "note"; readonly node: string; readonly stage: NodeStage; readonly reason?: string }
  | { readonly type: "ask" | "prepare" | "switch"; readonly node: string }
  /** Make the commit for these nodes, durably; answer `ordered` or `refused`. */
  | { readonly type: "order"; readonly nodes: readonly string[] }
  | { readonly type: "end"; readonly state: RolloutEnd; readonly reason: string };
