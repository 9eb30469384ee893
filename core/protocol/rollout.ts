import type { Machine, Millis, Wake } from "distributary/sdk";
import type {
  NodeStage,
  RolloutEffect,
  RolloutEnd,
  RolloutEvent,
  RolloutPhase,
  RolloutPolicy,
} from "./rollout-events.ts";

export type * from "./rollout-events.ts";

/*
 * The life of a job, from "go" to its end, for a known set of nodes.
 *
 *   gathering ─► preparing ─► holding ─► ordering ─► switching ─► ended
 *
 * gathering   Which nodes are there and have room? Too few for the quorum: the job is deferred or cancelled (CM-5,
 *             CM-6).
 * preparing   Each node brings the release beside what is live, verifies it and says so. It ends when every node has
 *             answered or the time is over; nothing is live yet, so to give up here costs nothing.
 * holding     Enough nodes are prepared, and the policy wants a person to say "commit".
 * ordering    The commit gets its serial and signature, durably, before a byte of it leaves.
 * switching   The commit goes out. A node that was away gets it when it comes back within the time.
 *
 * Jobs that need no preparing (switch, rollback, remove) go from gathering to ordering. A node that is away never holds
 * up the others longer than the deadlines of the policy; what it missed it gets by a job of its own later.
 */

interface NodeState {
  stage: NodeStage;
  connected: boolean;
  reason: string | undefined;
}

/** Drives one job. Effects are to be performed in their order. */
export class Rollout implements Machine<RolloutEvent, RolloutEffect> {
  #phase: RolloutPhase = "gathering";
  #deadline: Millis = Infinity;
  #approved: boolean;
  readonly #policy: RolloutPolicy;
  readonly #needsPreparing: boolean;
  readonly #isOrdered: boolean;
  readonly #nodes: Map<string, NodeState>;
  #effects: RolloutEffect[] = [];

  /** `isOrdered`: the commit for exactly these nodes was made before, and may have left; it begins with switching. */
  constructor(nodes: readonly string[], policy: RolloutPolicy, needsPreparing: boolean, isOrdered = false) {
    this.#policy = policy;
    this.#needsPreparing = needsPreparing;
    this.#isOrdered = isOrdered;
    this.#approved = policy.commit === "auto" || !needsPreparing;
    this.#nodes = new Map(nodes.map((node) => [node, { stage: "away", connected: false, reason: undefined }]));
  }

  get wakeAt(): Millis {
    return this.#deadline;
  }

  get phase(): RolloutPhase {
    return this.#phase;
  }

  /** Each node with its stage and, if it failed, why. */
  stages(): Map<string, { stage: NodeStage; reason?: string }> {
    return new Map(
      [...this.#nodes].map(([node, { stage, reason }]) => [node, reason === undefined ? { stage } : { stage, reason }]),
    );
  }

  handle(event: RolloutEvent | Wake, now: Millis): RolloutEffect[] {
    this.#effects = [];
    if (this.#phase !== "ended") this.#take(event, now);
    return this.#effects;
  }

  #take(event: RolloutEvent | Wake, now: Millis): void {
    switch (event.type) {
      case "start":
        if (this.#isOrdered) this.#goOnSwitching(now);
        else this.#enter("gathering", now + this.#policy.gatherMs);
        for (const node of event.connected) this.#connect(node);
        break;
      case "connected":
        this.#connect(event.node);
        break;
      case "disconnected":
        this.#disconnect(event.node);
        break;
      case "able":
        this.#advance(event.node, ["asked"], "able");
        break;
      case "prepared":
        if (this.#advance(event.node, ["preparing"], "prepared") && this.#phase === "switching")
          this.#tellToSwitch(event.node);
        this.#shortenWait(now);
        break;
      case "switched":
        this.#advance(event.node, ["switching"], "switched");
        break;
      case "failed":
        this.#fail(event.node, event.reason);
        break;
      case "approved":
        this.#approved = true;
        break;
      case "ordered":
        if (this.#phase === "ordering") this.#startSwitching(now);
        break;
      case "refused":
        if (this.#phase === "ordering") this.#end("failed", event.reason);
        break;
      case "aborted":
        this.#abort(event.reason);
        break;
      case "wake":
        break;
    }
    this.#goOn(now);
  }

  /** Moves to the next phase when everybody has answered or the time is over. */
  #goOn(now: Millis): void {
    const late = now >= this.#deadline;
    if (this.#phase === "gathering" && (late || this.#none("away", "asked"))) this.#endGathering(now);
    else if (this.#phase === "preparing" && (late || this.#isPreparingOver())) this.#endPreparing(now, late);
    else if (this.#phase === "holding" && this.#approved) this.#endHolding();
    else if (this.#phase === "holding" && late) this.#end("cancelled", "nobody said commit in time");
    else if (this.#phase === "switching" && (late || this.#none("switching", "preparing"))) this.#endSwitching();
  }

  #endGathering(now: Millis): void {
    for (const [node, { stage }] of this.#nodes) {
      if (stage === "away") this.#fail(node, "is not connected");
      if (stage === "asked") this.#fail(node, "did not say whether it has room");
    }
    const able = this.#in("able");
    if (!this.#reaches(able.length, "able")) return;
    if (!this.#needsPreparing) return this.#order();
    this.#enter("preparing", now + this.#policy.prepareMs);
    for (const node of able) this.#set(node, "preparing");
    for (const node of able)
      if (this.#nodes.get(node)?.connected === true) this.#effects.push({ type: "prepare", node });
  }

  #endPreparing(now: Millis, late: boolean): void {
    const prepared = this.#in("prepared");
    if (late && prepared.length < this.#policy.quorum) {
      for (const node of this.#in("preparing")) this.#fail(node, "was not prepared in time");
    }
    if (!this.#reaches(prepared.length, "prepared")) return;
    if (this.#approved) return this.#order();
    this.#enter("holding", now + this.#policy.holdMs);
  }

  /** Nodes may have failed since they were prepared. */
  #endHolding(): void {
    if (this.#reaches(this.#in("prepared").length, "prepared")) this.#order();
  }

  #order(): void {
    this.#enter("ordering", Infinity);
    const nodes = this.#needsPreparing ? [...this.#in("prepared"), ...this.#in("preparing")] : this.#in("able");
    this.#effects.push({ type: "order", nodes });
  }

  /** A slow node does not hold up the others: once enough are prepared, it has only the grace. */
  #shortenWait(now: Millis): void {
    const { quorum, graceMs = Infinity } = this.#policy;
    if (this.#phase !== "preparing" || this.#in("prepared").length < quorum) return;
    this.#deadline = Math.min(this.#deadline, now + graceMs);
  }

  /** Nobody who is there still prepares, though one who is away may; or the quorum cannot be reached any more. */
  #isPreparingOver(): boolean {
    const isEnough = this.#in("prepared").length >= this.#policy.quorum;
    const waitsFor = ({ stage, connected }: NodeState) => stage === "preparing" && (connected || !isEnough);
    return this.#isHopeless() || ![...this.#nodes.values()].some(waitsFor);
  }

  #goOnSwitching(now: Millis): void {
    this.#enter("switching", now + this.#policy.switchMs);
    for (const node of this.#nodes.keys()) this.#set(node, "switching");
  }

  #startSwitching(now: Millis): void {
    this.#enter("switching", now + this.#policy.switchMs);
    const ready = this.#in(this.#needsPreparing ? "prepared" : "able");
    for (const node of ready) this.#tellToSwitch(node);
  }

  #tellToSwitch(node: string): void {
    this.#set(node, "switching");
    if (this.#nodes.get(node)?.connected === true) this.#effects.push({ type: "switch", node });
  }

  #endSwitching(): void {
    for (const node of [...this.#in("switching"), ...this.#in("preparing")]) this.#fail(node, "did not answer in time");
    const switched = this.#in("switched").length;
    const failed = this.#in("failed").length;
    const count = `${switched} of ${this.#nodes.size} nodes`;
    if (switched < this.#policy.quorum)
      this.#end("failed", `only ${count} switched, ${this.#policy.quorum} were needed`);
    else this.#end("done", failed === 0 ? `${count} switched` : `${count} switched, ${failed} failed`);
  }

  /** Whether the quorum can still be kept; ends the job if not. */
  #reaches(count: number, what: string): boolean {
    if (count >= this.#policy.quorum && count > 0) return true;
    const state = this.#policy.belowQuorum === "defer" ? "deferred" : "cancelled";
    this.#end(state, `${count} of ${this.#nodes.size} nodes are ${what}, ${this.#policy.quorum} are needed`);
    return false;
  }

  #connect(node: string): void {
    const state = this.#nodes.get(node);
    if (state === undefined) return;
    state.connected = true;
    // Whatever it was told may have been lost with its connection; a node does nothing twice.
    if (this.#phase === "gathering" && (state.stage === "away" || state.stage === "asked")) {
      this.#set(node, "asked");
      this.#effects.push({ type: "ask", node });
    } else if (state.stage === "preparing") this.#effects.push({ type: "prepare", node });
    else if (state.stage === "switching") this.#effects.push({ type: "switch", node });
  }

  #disconnect(node: string): void {
    const state = this.#nodes.get(node);
    if (state === undefined) return;
    state.connected = false;
    if (state.stage === "asked") this.#set(node, "away");
  }

  /** Whether the node was at one of the stages it can come from: answers come twice, and out of turn. */
  #advance(node: string, from: readonly NodeStage[], to: NodeStage): boolean {
    const stage = this.#nodes.get(node)?.stage;
    if (stage === undefined || !from.includes(stage)) return false;
    this.#set(node, to);
    return true;
  }

  #fail(node: string, reason: string): void {
    const state = this.#nodes.get(node);
    if (state === undefined || state.stage === "failed" || state.stage === "switched") return;
    state.reason = reason;
    this.#set(node, "failed");
  }

  /** Once a commit was ordered it may be anywhere: an abort comes too late. */
  #abort(reason: string): void {
    if (this.#phase === "ordering" || this.#phase === "switching") return;
    this.#end("cancelled", reason);
  }

  #enter(phase: RolloutPhase, deadline: Millis): void {
    this.#phase = phase;
    this.#deadline = deadline;
    this.#effects.push({ type: "record", phase });
  }

  #end(state: RolloutEnd, reason: string): void {
    this.#enter("ended", Infinity);
    this.#effects.push({ type: "end", state, reason });
  }

  #set(node: string, stage: NodeStage): void {
    const state = this.#nodes.get(node);
    if (state === undefined) return;
    state.stage = stage;
    this.#effects.push({ type: "note", node, stage, ...(state.reason === undefined ? {} : { reason: state.reason }) });
  }

  #in(stage: NodeStage): string[] {
    return [...this.#nodes].filter(([, state]) => state.stage === stage).map(([node]) => node);
  }

  /** Whether the quorum cannot be reached any more, even if all that still prepare succeed. */
  #isHopeless(): boolean {
    return this.#in("prepared").length + this.#in("preparing").length < this.#policy.quorum;
  }

  #none(...stages: readonly NodeStage[]): boolean {
    return ![...this.#nodes.values()].some(({ stage }) => stages.includes(stage));
  }
}
