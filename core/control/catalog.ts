import type { Kysely } from "kysely";
import { failure } from "distributary/sdk";
import type { Infer, ObjectSchema } from "distributary/sdk";
import type { Group, Policy, Segment, Site } from "../../config/schema.ts";
import { segmentSchema } from "../../config/schema.ts";
import { policySchema } from "../../config/policy.ts";
import { compileSchema } from "../../config/validate.ts";
import type { Labels } from "../runtime/enrolment.ts";
import type { Schema } from "./store/schema.ts";

/** What a deployment declares: sites, the groups that serve them, segments and policies. */
export interface Declaration {
  readonly groups: Readonly<Record<string, Group>>;
  readonly segments: Readonly<Record<string, Segment>>;
  readonly sites: Readonly<Record<string, Site>>;
  readonly policies: Readonly<Record<string, Policy>>;
}

export interface CatalogSite {
  readonly name: string;
  readonly site: Site;
  readonly policy: Policy;
  readonly lastVersion: number;
  readonly lastSerial: number;
  readonly liveVersion: number | undefined;
  readonly backupVersion: number | undefined;
}

export interface NodeFactsRow {
  readonly id: string;
  readonly name: string;
  readonly segment: string;
  readonly labels: Labels;
}

const defaultPolicy = defaultsOf(policySchema);
/** What a segment is that nobody declared. */
export const defaultSegmentConfig: Segment = defaultsOf(segmentSchema);

function defaultsOf<const S extends ObjectSchema>(schema: S): Infer<S> {
  const checked = compileSchema(schema)({});
  if (!checked.ok) throw new Error("defaults do not fit their own schema");
  return checked.value;
}

/** The declared sites, groups and policies in the database. */
export class Catalog {
  readonly #db: Kysely<Schema>;

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  /** Puts a declaration in place: what it names is made or changed, the rest stays. In one transaction. */
  async apply({ groups, segments, sites, policies }: Declaration): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      for (const [table, entries] of [
        ["content_group", groups],
        ["policy", policies],
      ] as const) {
        for (const [name, config] of Object.entries(entries)) {
          const config_json = JSON.stringify(config);
          await transaction
            .insertInto(table)
            .values({ name, config_json })
            .onConflict((conflict) => conflict.column("name").doUpdateSet({ config_json }))
            .execute();
        }
      }
      for (const [name, config] of Object.entries(segments)) {
        const config_json = JSON.stringify(config);
        await transaction
          .insertInto("segment")
          .values({ name, config_json, channel_json: null, key_after: null })
          .onConflict((conflict) => conflict.column("name").doUpdateSet({ config_json }))
          .execute();
      }
      const known = await transaction.selectFrom("policy").select("name").execute();
      const names = new Set(["default", ...known.map(({ name }) => name)]);
      for (const { policy } of Object.values(sites)) {
        if (typeof policy === "string" && !names.has(policy)) throw failure("DIST_ERR_POLICY_UNKNOWN", { policy });
      }
      for (const [name, config] of Object.entries(sites)) {
        const config_json = JSON.stringify(config);
        await transaction
          .insertInto("site")
          .values({
            name,
            config_json,
            last_version: 0,
            last_serial: 0,
            last_assignment: null,
            live_version: null,
            backup_version: null,
          })
          .onConflict((conflict) => conflict.column("name").doUpdateSet({ config_json }))
          .execute();
      }
    });
  }

  async export(): Promise<Declaration> {
    const [groups, segments, policies, sites] = await Promise.all([
      this.#db.selectFrom("content_group").selectAll().orderBy("name").execute(),
      this.#db.selectFrom("segment").select(["name", "config_json"]).orderBy("name").execute(),
      this.#db.selectFrom("policy").selectAll().orderBy("name").execute(),
      this.#db.selectFrom("site").selectAll().orderBy("name").execute(),
    ]);
    const parsed = (rows: readonly { name: string; config_json: string | null }[]) =>
      Object.fromEntries(
        rows.flatMap(({ name, config_json }) =>
          config_json === null ? [] : [[name, JSON.parse(config_json) as never]],
        ),
      );
    return { groups: parsed(groups), segments: parsed(segments), policies: parsed(policies), sites: parsed(sites) };
  }

  /** Puts a node into a group by name. Throws DIST_ERR_GROUP_UNKNOWN. */
  async addToGroup(name: string, node: string): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      const row = await transaction.selectFrom("content_group").selectAll().where("name", "=", name).executeTakeFirst();
      if (row === undefined) throw failure("DIST_ERR_GROUP_UNKNOWN", { group: name });
      const group = JSON.parse(row.config_json) as Group;
      const config_json = JSON.stringify({ ...group, nodes: [...new Set([...group.nodes, node])] });
      await transaction.updateTable("content_group").set({ config_json }).where("name", "=", name).execute();
    });
  }

  /** Throws DIST_ERR_SITE_UNKNOWN. */
  async site(name: string): Promise<CatalogSite> {
    const row = await this.#db.selectFrom("site").selectAll().where("name", "=", name).executeTakeFirst();
    if (row !== undefined) return this.#site(row);
    throw failure("DIST_ERR_SITE_UNKNOWN", { site: name, known: (await this.siteNames()).join(", ") || "none" });
  }

  async siteNames(): Promise<string[]> {
    const rows = await this.#db.selectFrom("site").select("name").orderBy("name").execute();
    return rows.map(({ name }) => name);
  }

  async sites(): Promise<CatalogSite[]> {
    const rows = await this.#db.selectFrom("site").selectAll().orderBy("name").execute();
    return Promise.all(rows.map((row) => this.#site(row)));
  }

  async #site(row: Schema["site"]): Promise<CatalogSite> {
    const site = JSON.parse(row.config_json) as Site;
    return {
      name: row.name,
      site,
      policy: typeof site.policy === "string" ? await this.#policy(site.policy) : site.policy,
      lastVersion: row.last_version,
      lastSerial: row.last_serial,
      liveVersion: row.live_version ?? undefined,
      backupVersion: row.backup_version ?? undefined,
    };
  }

  async #policy(name: string): Promise<Policy> {
    const row = await this.#db.selectFrom("policy").select("config_json").where("name", "=", name).executeTakeFirst();
    if (row !== undefined) return JSON.parse(row.config_json) as Policy;
    if (name === "default") return defaultPolicy;
    throw failure("DIST_ERR_POLICY_UNKNOWN", { policy: name });
  }

  /** Nodes that serve a group, in the order of their names. */
  async members(group: string): Promise<NodeFactsRow[]> {
    const row = await this.#db
      .selectFrom("content_group")
      .select("config_json")
      .where("name", "=", group)
      .executeTakeFirst();
    if (row === undefined) return [];
    const { nodes, match } = JSON.parse(row.config_json) as Group;
    const all = await this.#db.selectFrom("node").selectAll().where("state", "=", "active").orderBy("name").execute();
    return all
      .map(({ id, name, segment, labels_json }) => ({ id, name, segment, labels: JSON.parse(labels_json) as Labels }))
      .filter((node) => nodes.includes(node.name) || (match !== undefined && fits(node, match)));
  }
}

/** Whether a node is what a group wants: all that is said of it; nothing said fits nobody. */
function fits({ labels, segment }: NodeFactsRow, match: NonNullable<Group["match"]>): boolean {
  if (match.labels === undefined && match.segment === undefined) return false;
  if (match.segment !== undefined && match.segment !== segment) return false;
  return Object.entries(match.labels ?? {}).every(([name, value]) => labels[name] === value);
}
