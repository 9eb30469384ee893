import type { Kysely } from "kysely";
import type { Clock, Disk, Log, Millis } from "distributary/sdk";
import type { Kernel } from "../../kernel/kernel.ts";
import type { Assignments } from "../assignments.ts";
import type { Catalog } from "../catalog.ts";
import type { Events } from "../events.ts";
import type { NodeHub } from "../node-hub.ts";
import type { Segments } from "../segments/segments.ts";
import type { Schema } from "../store/schema.ts";
import type { Planner } from "./planner.ts";

/** What running a job needs of control. */
export interface JobParts {
  readonly db: Kysely<Schema>;
  readonly catalog: Catalog;
  readonly hub: NodeHub;
  readonly assignments: Assignments;
  readonly segments: Segments;
  readonly events: Events;
  readonly log: Log;
  readonly clock: Clock;
  /** Aborts when control stops: what runs goes on after the next start. */
  readonly stopping: AbortSignal;
  /** When control was started, by `clock`. */
  readonly startedAt: Millis;
  readonly disk: Disk;
  /** Control's data directory. */
  readonly directory: string;
  /** Of the kernel's present generation. */
  kernel(): Kernel;
  planner(): Planner;
}
