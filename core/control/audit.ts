import { createHash } from "node:crypto";
import type { Kysely } from "kysely";
import type { Schema } from "./store/schema.ts";

export interface AuditEntry {
  readonly number: number;
  readonly at: number;
  readonly who: string;
  readonly action: string;
  readonly object: string;
  readonly detail: unknown;
}

/** Who did what: written before it is done, in a chain in which every hash covers the entry before. */
export class Audit {
  readonly #db: Kysely<Schema>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** Durable when it resolves. */
  record(who: string, action: string, object: string, detail: object): Promise<void> {
    const written = this.#last.then(() => this.#write(who, action, object, JSON.stringify(detail)));
    this.#last = written.catch(() => undefined);
    return written;
  }

  async #write(who: string, action: string, object: string, detail_json: string): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      const before = await transaction
        .selectFrom("audit")
        .select(["number", "hash"])
        .orderBy("number", "desc")
        .limit(1)
        .executeTakeFirst();
      const entry = { number: (before?.number ?? 0) + 1, at: Date.now(), who, action, object, detail_json };
      const hash = hashOf(entry, before?.hash ?? "");
      await transaction
        .insertInto("audit")
        .values({ ...entry, hash })
        .execute();
    });
  }

  /** The newest entries first. */
  async read(limit: number): Promise<AuditEntry[]> {
    const rows = await this.#db.selectFrom("audit").selectAll().orderBy("number", "desc").limit(limit).execute();
    return rows.map(({ number, at, who, action, object, detail_json }) => ({
      number,
      at,
      who,
      action,
      object,
      detail: JSON.parse(detail_json) as unknown,
    }));
  }

  /**
   * The number of the first entry that was changed, or whose predecessor is missing; undefined if the chain is whole.
   */
  async verify(): Promise<number | undefined> {
    let before = { number: 0, hash: "" };
    for (const row of await this.#db.selectFrom("audit").selectAll().orderBy("number").execute()) {
      const { hash, ...entry } = row;
      if (row.number !== before.number + 1 || hash !== hashOf(entry, before.hash)) return row.number;
      before = { number: row.number, hash };
    }
    return undefined;
  }
}

function hashOf(entry: Omit<Schema["audit"], "hash">, before: string): string {
  const { number, at, who, action, object, detail_json } = entry;
  return createHash("sha256")
    .update(JSON.stringify([before, number, at, who, action, object, detail_json]))
    .digest("hex");
}
