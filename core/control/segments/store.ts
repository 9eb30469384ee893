import type { Kysely } from "kysely";
import type { Millis } from "distributary/sdk";
import type { ReportedMember } from "../../protocol/segment/events.ts";
import type { BookChange, SegmentBook } from "./book.ts";
import type { SegmentPart } from "./picture.ts";
import type { Schema } from "../store/schema.ts";

type StoredPart = Omit<SegmentPart, "members" | "leader" | "epoch" | "revision" | "reportedAt"> & {
  readonly members: readonly ReportedMember[];
};

/** How many rows a statement writes. */
const rowsAtOnce = 100;

/** Keeps what is known of segments in the database: behind by as long as a flush is away, and written in batches. */
export class SegmentStore {
  readonly #db: Kysely<Schema>;
  readonly #book: SegmentBook;
  /** Segments of leaders of whom something is to be written. */
  readonly #changed = new Map<string, string>();
  readonly #heard = new Set<string>();

  constructor(db: Kysely<Schema>, book: SegmentBook) {
    this.#db = db;
    this.#book = book;
  }

  async load(): Promise<void> {
    for (const row of await this.#db.selectFrom("segment_part").selectAll().execute()) {
      const { segment, leader, epoch, revision, reported_at: reportedAt, part_json } = row;
      if (part_json === null) this.#book.restore(segment, leader, epoch, undefined);
      else {
        const { members, ...part } = JSON.parse(part_json) as StoredPart;
        const byId = new Map(members.map((member) => [member.id, member]));
        this.#book.restore(segment, leader, epoch, { ...part, leader, epoch, revision, reportedAt, members: byId });
      }
    }
  }

  note(change: BookChange): void {
    if (change.type === "heard") this.#heard.add(change.leader);
    if (change.type === "part" || change.type === "over") {
      // A leader that was put into another segment leaves nothing behind.
      this.#changed.set(`${change.segment} ${change.leader}`, change.segment);
    }
  }

  /** Writes what changed; what could not be written waits for the next time. */
  async flush(now: Millis): Promise<void> {
    for (let keys = this.#take(); keys.length > 0; keys = this.#take()) await this.#write(keys);
    const heard = [...this.#heard];
    this.#heard.clear();
    for (let at = 0; at < heard.length; at += 1_000) {
      const leaders = heard.slice(at, at + 1_000);
      await this.#db.updateTable("segment_part").set({ reported_at: now }).where("leader", "in", leaders).execute();
    }
  }

  #take(): (readonly [key: string, segment: string])[] {
    return [...this.#changed].slice(0, rowsAtOnce);
  }

  async #write(keys: readonly (readonly [key: string, segment: string])[]): Promise<void> {
    for (const [key] of keys) this.#changed.delete(key);
    const rows = keys.map(([key, segment]) => this.#row(segment, key.slice(segment.length + 1)));
    const present = rows.filter((row) => row.epoch >= 0);
    try {
      if (present.length > 0) await this.#upsert(present);
      for (const { segment, leader } of rows.filter(({ epoch }) => epoch < 0)) {
        await this.#db.deleteFrom("segment_part").where("segment", "=", segment).where("leader", "=", leader).execute();
      }
    } catch (error) {
      for (const [key, segment] of keys) this.#changed.set(key, segment);
      throw error;
    }
  }

  /** With an epoch below 0 for a node of which nothing is to be remembered. */
  #row(segment: string, leader: string): Schema["segment_part"] {
    const part = this.#book.partOf(segment, leader);
    if (part === undefined) {
      const epoch = this.#book.overOf(segment, leader) ?? -1;
      return { segment, leader, epoch, revision: 0, reported_at: 0, part_json: null };
    }
    const { epoch, revision, reportedAt, leader: _, ...rest } = part;
    const part_json = JSON.stringify({ ...rest, members: [...part.members.values()] });
    return { segment, leader, epoch, revision, reported_at: reportedAt, part_json };
  }

  async #upsert(rows: readonly Schema["segment_part"][]): Promise<void> {
    await this.#db
      .insertInto("segment_part")
      .values(rows)
      .onConflict((conflict) =>
        conflict
          .columns(["segment", "leader"])
          .doUpdateSet(({ ref }) => ({
            epoch: ref("excluded.epoch"),
            revision: ref("excluded.revision"),
            reported_at: ref("excluded.reported_at"),
            part_json: ref("excluded.part_json"),
          })),
      )
      .execute();
  }
}
