import { randomBytes } from "node:crypto";
import type { Kysely } from "kysely";
import type { Millis } from "distributary/sdk";
import type { SegmentGrant } from "../../protocol/messages.ts";
import type { Schema } from "../store/schema.ts";

type KeyRow = Schema["segment_key"];

/** What members have a moment to fetch: a key before it is used, the newer one before the older ends. */
const settleMs = 60_000;
/** The same when somebody who holds the older one is to be locked out. */
const hurryMs = 10_000;
const lifeMs = 24 * 60 * 60 * 1_000;
const longestLifeMs = 7 * lifeMs;
const mostKeys = 4;

/**
 * The keys of segments. A new one is installed, then used, then the old one is retired, each when members have had time
 * for the step before; once a day, and at once when a member goes. Every step is durable before anybody hears of it.
 */
export class SegmentKeys {
  readonly #db: Kysely<Schema>;
  readonly #rings = new Map<string, readonly KeyRow[]>();
  /** Steps are taken one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** Reads all keys; names the segments that were to get a new one, and did not before control stopped. */
  async load(): Promise<string[]> {
    const rows = await this.#db.selectFrom("segment_key").selectAll().orderBy("epoch").execute();
    for (const [segment, ring] of Map.groupBy(rows, (row) => row.segment)) this.#rings.set(segment, ring);
    const demands = await this.#db.selectFrom("segment").select(["name", "key_after"]).execute();
    const isLate = (name: string, after: Millis) => (this.#rings.get(name)?.at(-1)?.installed_at ?? after) < after;
    return demands.flatMap(({ name, key_after }) => (key_after !== null && isLate(name, key_after) ? [name] : []));
  }

  /** What members open with, and which one seals. A segment without keys gets its first. */
  async of(segment: string, now: Millis): Promise<Pick<SegmentGrant, "keys" | "sealWith">> {
    const ring =
      this.#rings.get(segment) ?? (await this.#step(segment, (keys) => keys ?? [newKey(segment, keys, now, now)]));
    const sealing = ring.findLast(({ used_at }) => used_at !== null) ?? ring[0];
    return { keys: ring.map(({ epoch, key }) => ({ epoch, key })), sealWith: sealing?.epoch ?? 0 };
  }

  /** A member is to be locked out: a new key is used from now on, and the old one ends soon. */
  async replace(segment: string, now: Millis): Promise<void> {
    await this.#step(segment, (keys) => {
      if (keys === undefined) return keys;
      const used = keys.filter(({ used_at }) => used_at !== null);
      return [...used.slice(1 - mostKeys), newKey(segment, keys, now, now)];
    });
  }

  /**
   * Takes the steps that are due; names the segments that took one. The others are due again at the next call.
   * `isThere`: whether all members of a segment would hear of a new key. The daily one waits for that, a week at most.
   */
  async tick(now: Millis, isThere: (segment: string) => boolean = () => true): Promise<string[]> {
    const due = [...this.#rings].filter(([segment, ring]) => {
      return nextRing(segment, ring, now) !== undefined && (!isRenewal(ring, now) || isThere(segment));
    });
    const stepped: string[] = [];
    for (const [segment] of due) {
      try {
        await this.#step(segment, (keys) => (keys === undefined ? keys : (nextRing(segment, keys, now) ?? keys)));
        stepped.push(segment);
      } catch (error) {
        if (stepped.length > 0) break;
        throw error;
      }
    }
    return stepped;
  }

  #step<Ring extends readonly KeyRow[] | undefined>(
    segment: string,
    change: (keys: readonly KeyRow[] | undefined) => Ring,
  ): Promise<Ring> {
    const step = this.#last.then(async () => {
      const before = this.#rings.get(segment);
      const ring = change(before);
      if (ring === undefined || ring === before) return ring;
      await this.#store(segment, ring);
      this.#rings.set(segment, ring);
      return ring;
    });
    this.#last = step.catch(() => undefined);
    return step;
  }

  async #store(segment: string, ring: readonly KeyRow[]): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      await transaction.deleteFrom("segment_key").where("segment", "=", segment).execute();
      await transaction.insertInto("segment_key").values(ring).execute();
    });
  }
}

/** Notes, with what else is changed, that somebody who knows the key of a segment is not to know the next one. */
export async function demandNewKey(db: Kysely<Schema>, name: string, key_after: Millis): Promise<void> {
  await db
    .insertInto("segment")
    .values({ name, config_json: null, channel_json: null, key_after })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ key_after }))
    .execute();
}

function newKey(segment: string, keys: readonly KeyRow[] = [], installed_at: Millis, used_at: Millis | null): KeyRow {
  const epoch = Math.max(0, ...keys.map((key) => key.epoch)) + 1;
  return { segment, epoch, key: randomBytes(32).toString("base64"), installed_at, used_at };
}

/** Whether what is due is the daily renewal, for which there is no hurry yet. */
function isRenewal(keys: readonly KeyRow[], now: Millis): boolean {
  const used_at = keys.at(-1)?.used_at ?? null;
  return keys.length === 1 && used_at !== null && now - used_at < longestLifeMs;
}

/** The keys after the step that is due, if one is. */
function nextRing(segment: string, keys: readonly KeyRow[], now: Millis): readonly KeyRow[] | undefined {
  const newest = keys.at(-1);
  if (newest === undefined) return undefined;
  const { installed_at, used_at } = newest;
  if (used_at === null) {
    return now - installed_at < settleMs ? undefined : [...keys.slice(0, -1), { ...newest, used_at: now }];
  }
  if (keys.length > 1) return now - used_at < (used_at === installed_at ? hurryMs : settleMs) ? undefined : [newest];
  return now - used_at < lifeMs ? undefined : [newest, newKey(segment, keys, now, null)];
}
