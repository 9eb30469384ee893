import { randomBytes } from "node:crypto";
import type { Kysely } from "kysely";
import { failure } from "distributary/sdk";
import { hashSecret } from "./join-token.ts";
import type { Schema } from "./store/schema.ts";

/** What an account may do: look, run jobs, or change everything. Each may what those before it may. */
export const roles = ["viewer", "operator", "admin"] as const;
export type AccountRole = (typeof roles)[number];

export interface Caller {
  readonly name: string;
  readonly role: AccountRole;
}

/** Whether a role includes what `least` asks for. */
export function includesRole(role: AccountRole, least: AccountRole): boolean {
  return roles.indexOf(role) >= roles.indexOf(least);
}

/** Accounts and their API tokens, of which only hashes are kept. */
export class Accounts {
  /** Rises with every change, so that what lasts long can be looked at again. */
  changes = 0;
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** Makes an account, or gives one another role. */
  async put(name: string, role: AccountRole): Promise<void> {
    const row = { name, role, created_at: Date.now() };
    await this.#db
      .insertInto("account")
      .values(row)
      .onConflict((conflict) => conflict.column("name").doUpdateSet({ role }))
      .execute();
    this.changes += 1;
  }

  /** Removes an account with its tokens; throws DIST_ERR_ACCOUNT_UNKNOWN. */
  async remove(name: string): Promise<void> {
    const removed = await this.#db.deleteFrom("account").where("name", "=", name).returning("name").executeTakeFirst();
    this.changes += 1;
    if (removed === undefined) throw failure("DIST_ERR_ACCOUNT_UNKNOWN", { account: name });
  }

  async list(): Promise<{ name: string; role: AccountRole; createdAt: number }[]> {
    const rows = await this.#db.selectFrom("account").selectAll().orderBy("name").execute();
    return rows.map(({ name, role, created_at }) => ({ name, role: role as AccountRole, createdAt: created_at }));
  }

  /** A token of an account, shown this once. `lifeMs` absent: it does not expire. */
  async createToken(account: string, label: string, lifeMs?: number): Promise<string> {
    const known = await this.#db.selectFrom("account").select("name").where("name", "=", account).executeTakeFirst();
    if (known === undefined) throw failure("DIST_ERR_ACCOUNT_UNKNOWN", { account });
    const id = randomBytes(8).toString("hex");
    const secret = `dsta_${randomBytes(24).toString("base64url")}`;
    const created_at = Date.now();
    const expires_at = lifeMs === undefined ? null : created_at + lifeMs;
    await this.#db
      .insertInto("api_token")
      .values({ id, account, secret_hash: hashSecret(secret), label, created_at, expires_at })
      .execute();
    return secret;
  }

  /** Whose token it is; undefined for one that nobody has, or that expired. */
  async caller(secret: string): Promise<Caller | undefined> {
    const row = await this.#db
      .selectFrom("api_token")
      .innerJoin("account", "account.name", "api_token.account")
      .select(["account.name", "account.role", "api_token.expires_at"])
      .where("api_token.secret_hash", "=", hashSecret(secret))
      .executeTakeFirst();
    if (row === undefined || (row.expires_at !== null && row.expires_at < Date.now())) return undefined;
    return { name: row.name, role: row.role as AccountRole };
  }
}
