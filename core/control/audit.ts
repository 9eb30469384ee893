import { createHash } from "node:crypto";
import type { Kysely } from "kysely";
import type { Ledger, LedgerRecord } from "./store/ledger.ts";
import type { Schema } from "./store/schema.ts";

export interface AuditEntry {
  readonly number: number;
  readonly at: number;
  readonly who: string;
  readonly action: string;
  readonly object: string;
  readonly detail: unknown;
}

/**
 * Who did what: written before it is done, in a chain in which every hash covers the entry before. The hashes stand in
 * a file beside the database too, which shows if the newest entries were cut off, or an older database took its place.
 */
export class Audit {
  readonly #db: Kysely<Schema>;
  readonly #witness: Ledger;
  #last: Promise<unknown> = Promise.resolve();

  constructor(db: Kysely<Schema>, witness: Ledger) {
    this.#db = db;
    this.#witness = witness;
  }

  /** Durable when it resolves. */
  record(who: string, action: string, object: string, detail: object): Promise<void> {
    const written = this.#last.then(() => this.#write(who, action, object, JSON.stringify(detail)));
    this.#last = written.catch(() => undefined);
    return written;
  }

  async #write(who: string, action: string, object: string, detail_json: string): Promise<void> {
    // What is in the database alone, because of a crash between the two, is nothing to worry about.
    await this.#witness.append(await this.#add(who, action, object, detail_json));
  }

  #add(who: string, action: string, object: string, detail_json: string): Promise<{ number: number; hash: string }> {
    return this.#db.transaction().execute(async (transaction) => {
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
      return { number: entry.number, hash };
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
      detail: readDetail(detail_json),
    }));
  }

  /**
   * The number of the first entry that was changed, or is missing, or whose predecessor is; undefined if all are there.
   */
  async verify(): Promise<number | undefined> {
    // Read first: what is added meanwhile is in the database by then.
    const noted = [...this.#witness.read()];
    const rows = await this.#db.selectFrom("audit").selectAll().orderBy("number").execute();
    let before = { number: 0, hash: "" };
    for (const row of rows) {
      const { hash, ...entry } = row;
      if (row.number !== before.number + 1 || hash !== hashOf(entry, before.hash)) return row.number;
      before = { number: row.number, hash };
    }
    return firstLost(noted, new Map(rows.map(({ number, hash }) => [number, hash])));
  }
}

/** As it stands there if somebody changed it, which `verify` tells. */
function readDetail(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/** The first entry that was written once and is not there, or no longer the one that was written first. */
function firstLost(noted: readonly LedgerRecord[], there: ReadonlyMap<number, string>): number | undefined {
  const lost = noted.find((record) => there.get(Number(record["number"])) !== record["hash"]);
  return lost === undefined ? undefined : Number(lost["number"]);
}

function hashOf(entry: Omit<Schema["audit"], "hash">, before: string): string {
  const { number, at, who, action, object, detail_json } = entry;
  return createHash("sha256")
    .update(JSON.stringify([before, number, at, who, action, object, detail_json]))
    .digest("hex");
}
