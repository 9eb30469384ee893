import type { Kysely } from "kysely";
import type { Log, Millis } from "distributary/sdk";
import type { NodeHub } from "./node-hub.ts";
import type { Schema } from "./store/schema.ts";

/** A node that may serve something old without anybody knowing, because nothing reaches it or nothing comes from it. */
export interface SilentNode {
  readonly name: string;
  /** How long nothing was heard of it. */
  readonly silentMs: Millis;
}

/** For so long a node may be away before that is more than maintenance. */
const alarmAfterMs = 24 * 60 * 60 * 1000;

/** Nodes that were not heard of for a day, in the order of their names. */
export async function findSilentNodes(db: Kysely<Schema>, hub: NodeHub, now: Millis): Promise<SilentNode[]> {
  const rows = await db.selectFrom("node").selectAll().where("state", "=", "active").orderBy("name").execute();
  return rows
    .filter(({ id }) => !hub.isConnected(id))
    .map(({ name, seen_at, enrolled_at }) => ({ name, silentMs: now - (seen_at ?? enrolled_at) }))
    .filter(({ silentMs }) => silentMs > alarmAfterMs);
}

const mostNamed = 20;

/** Notes who is there, and says in the log who has not been for a day. Never rejects. */
export async function watchForSilence(db: Kysely<Schema>, hub: NodeHub, log: Log): Promise<void> {
  try {
    await hub.noteSeen();
    const silent = await findSilentNodes(db, hub, Date.now());
    if (silent.length === 0) return;
    const nodes = silent.slice(0, mostNamed).map(({ name }) => name);
    log.error({ count: silent.length, nodes }, "nodes were not heard of for a day, and may serve something old");
  } catch (error) {
    log.warn({ error: (error as Error).message }, "nobody looked for nodes that are silent");
  }
}
