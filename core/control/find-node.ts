import type { Kysely } from "kysely";
import { failure } from "distributary/sdk";
import type { Schema } from "./store/schema.ts";

/** The node that people call by its id or its name, unless it was revoked. Throws DIST_ERR_NODE_UNKNOWN. */
export async function findNode(
  db: Kysely<Schema>,
  idOrName: string,
): Promise<Pick<Schema["node"], "id" | "name" | "segment">> {
  const row = await db
    .selectFrom("node")
    .select(["id", "name", "segment"])
    .where((where) => where.or([where("id", "=", idOrName), where("name", "=", idOrName)]))
    .where("state", "=", "active")
    .executeTakeFirst();
  if (row === undefined) throw failure("DIST_ERR_NODE_UNKNOWN", { node: idOrName });
  return row;
}
