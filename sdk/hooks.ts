import type { Io } from "./io.ts";
import type { ProviderKind, Role } from "./provider.ts";

/** What a job is about, as hooks see it. */
export interface JobView {
  readonly id: string;
  readonly kind: string;
  readonly site: string;
  readonly group: string;
  readonly nodes: readonly string[];
  /** The version it brings, once that is known. */
  readonly version?: number;
}

/** What a job will do; a tap returns it changed or as it is. */
export interface PlanView {
  readonly job: JobView;
  /** Commands to add to those that make the tree: extension commands for an interpreter. */
  readonly extensions: readonly {
    readonly kind: `x-${string}`;
    readonly parameters: Readonly<Record<string, string | number | boolean>>;
  }[];
}

/** One node of a job, about to switch. */
export interface SwitchView {
  readonly job: JobView;
  readonly node: string;
}

/** What became of a node's switch. */
export interface SwitchOutcome extends SwitchView {
  readonly outcome: "switched" | "failed";
  readonly reason?: string;
}

/** How a job ended, and what it changed. */
export interface JobEnd {
  readonly job: JobView;
  readonly state: "done" | "failed" | "cancelled" | "deferred";
  /** Paths whose content is new, changed or gone; cut off at 100,000. */
  readonly changedPaths: readonly string[];
}

/**
 * Every moment at which plugins may join in. The arguments of each are those of its taps, and the return type says what
 * a tap may answer: nothing, a refusal in words, or a changed plan.
 */
export interface HookArguments {
  /** A provider was registered. Synchronous. */
  providerRegistered: (kind: ProviderKind, name: string, plugin: string) => void;
  /** The role runs; taps may begin their work. One after the other. */
  started: (role: Role, io: Io, signal: AbortSignal) => Promise<void> | void;
  nodeJoined: (node: string, signal: AbortSignal) => Promise<void> | void;
  nodeLeft: (node: string, signal: AbortSignal) => Promise<void> | void;
  leaderElected: (segment: string, node: string, signal: AbortSignal) => Promise<void> | void;
  /** A job was asked for. A text refuses it; the first one counts. */
  jobProposed: (job: JobView, signal: AbortSignal) => Promise<string | void> | string | void;
  /** A job was planned. Each tap gets what the one before returned. */
  jobPlanned: (plan: PlanView, signal: AbortSignal) => Promise<PlanView> | PlanView;
  /** Enough nodes have it beside what is live. */
  jobPrepared: (job: JobView, signal: AbortSignal) => Promise<void> | void;
  /** A node is about to switch: take it out of service. A text refuses; the first one counts. */
  beforeSwitch: (view: SwitchView, signal: AbortSignal) => Promise<string | void> | string | void;
  /** A node has switched, or failed to: put it back. One after the other, and also those behind one that fails. */
  afterSwitch: (view: SwitchOutcome, signal: AbortSignal) => Promise<void> | void;
  /** All nodes that could have switched: purge caches, feed search. At the same time. */
  groupSwitched: (end: JobEnd, signal: AbortSignal) => Promise<void> | void;
  jobEnded: (end: JobEnd, signal: AbortSignal) => Promise<void> | void;
  /** The role is about to stop. One after the other, and also those behind one that fails. */
  stopping: (signal: AbortSignal) => Promise<void> | void;
}

/** The name of a hook. */
export type HookName = keyof HookArguments;

/** When a tap runs among the others; within a stage, in the order of the configuration. */
export const stages = { early: -100, usual: 0, late: 100 } as const;

/** One hook as plugins see it: it can be tapped, not called. */
export interface HookFacade<Handler> {
  tap(handler: Handler, stage?: keyof typeof stages): void;
}

/** All hooks as plugins see them. */
export type HookFacades = { readonly [Name in HookName]: HookFacade<HookArguments[Name]> };
