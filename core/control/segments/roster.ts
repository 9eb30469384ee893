import type { Kysely } from "kysely";
import type { SegmentRequest } from "../../protocol/messages.ts";
import type { SegmentNode } from "./book.ts";
import type { Schema } from "../store/schema.ts";

/** A node that may take part in its segment. */
export interface RosterEntry extends SegmentNode {
  /** Where it is reached and by which key it is known; absent until it has asked for a grant. */
  readonly member?: SegmentRequest;
}

/** All nodes that are enrolled, by segment: kept in memory, because every grant and report needs many of them. */
export class SegmentRoster {
  readonly #db: Kysely<Schema>;
  readonly #entries = new Map<string, RosterEntry>();
  readonly #segments = new Map<string, Set<string>>();

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async load(): Promise<void> {
    const columns = ["id", "name", "segment", "member_json"] as const;
    const rows = await this.#db.selectFrom("node").select(columns).where("state", "=", "active").execute();
    for (const { member_json, ...node } of rows) {
      this.put({ ...node, ...(member_json === null ? {} : { member: JSON.parse(member_json) as SegmentRequest }) });
    }
  }

  get(node: string): RosterEntry | undefined {
    return this.#entries.get(node);
  }

  all(): IterableIterator<RosterEntry> {
    return this.#entries.values();
  }

  /** The ids of a segment's nodes. */
  in(segment: string): string[] {
    return [...(this.#segments.get(segment) ?? [])];
  }

  put(entry: RosterEntry): void {
    this.remove(entry.id);
    this.#entries.set(entry.id, entry);
    const ids = this.#segments.get(entry.segment) ?? new Set();
    this.#segments.set(entry.segment, ids.add(entry.id));
  }

  remove(node: string): void {
    const { segment } = this.#entries.get(node) ?? {};
    if (segment !== undefined) this.#segments.get(segment)?.delete(node);
    this.#entries.delete(node);
  }

  /** Notes where and by which key a node is known; stored only if that is new. */
  async note(node: string, member: SegmentRequest): Promise<void> {
    const entry = this.#entries.get(node);
    const member_json = JSON.stringify(member);
    if (entry === undefined || JSON.stringify(entry.member) === member_json) return;
    this.#entries.set(node, { ...entry, member });
    await this.#db.updateTable("node").set({ member_json }).where("id", "=", node).execute();
  }
}
