import { failure } from "distributary/sdk";
import type { JobParts } from "./parts.ts";
import { toJob } from "./job.ts";
import type { Job, JobState, JobStats } from "./job.ts";
import type { Schema } from "../store/schema.ts";

/** What became of a node in a job. */
export interface NodeNote {
  readonly node: string;
  readonly stage: string;
  readonly reason?: string;
}

/** A job's row in the database, and everybody told when it changes. */
export class JobRecord {
  readonly #parts: Pick<JobParts, "db" | "events">;
  #job: Job;

  constructor(parts: Pick<JobParts, "db" | "events">, job: Job) {
    this.#parts = parts;
    this.#job = job;
  }

  static async load(parts: Pick<JobParts, "db" | "events">, id: string): Promise<JobRecord> {
    const row = await parts.db.selectFrom("job").selectAll().where("id", "=", id).executeTakeFirst();
    if (row === undefined) throw failure("DIST_ERR_JOB_UNKNOWN", { job: id });
    return new JobRecord(parts, toJob(row));
  }

  get job(): Job {
    return this.#job;
  }

  async change(values: Partial<Omit<Schema["job"], "id">>): Promise<void> {
    const change = this.#parts.db.updateTable("job").set(values).where("id", "=", this.#job.id).returningAll();
    this.#take(await change.executeTakeFirstOrThrow());
  }

  /** The same, if the job is in one of these states; otherwise nothing changes, and the answer is false. */
  async changeIf(states: readonly JobState[], values: Partial<Omit<Schema["job"], "id">>): Promise<boolean> {
    const { db } = this.#parts;
    const { id } = this.#job;
    const changed = await db
      .updateTable("job")
      .set(values)
      .where("id", "=", id)
      .where("state", "in", states)
      .returningAll()
      .executeTakeFirst();
    if (changed !== undefined) this.#take(changed);
    return changed !== undefined;
  }

  #take(row: Schema["job"]): void {
    this.#job = toJob(row);
    const { id, site, kind, state, phase, reason } = this.#job;
    this.#parts.events.emit({ type: "job", job: id, site, kind, state, phase, reason });
  }

  async addStats(stats: JobStats): Promise<void> {
    await this.change({ stats_json: JSON.stringify({ ...this.#job.stats, ...stats }) });
  }

  /** Writes down what became of nodes, in one statement; of several notes of a node the last one stays. */
  async note(notes: readonly NodeNote[]): Promise<void> {
    const { db, events } = this.#parts;
    const job = this.#job.id;
    const last = new Map(notes.map((note) => [note.node, note]));
    const changed_at = Date.now();
    const rows = [...last.values()].map(({ node, stage, reason }) => {
      return { job, node, stage, reason: reason ?? null, changed_at };
    });
    await db
      .insertInto("job_node")
      .values(rows)
      .onConflict((conflict) =>
        conflict
          .columns(["job", "node"])
          .doUpdateSet(({ ref }) => ({ stage: ref("excluded.stage"), reason: ref("excluded.reason"), changed_at })),
      )
      .execute();
    for (const note of notes) events.emit({ ...note, type: "job-node", job });
  }
}
