import { sql } from "kysely";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** Segments, with their keys and what is known of them; and labels that a node cannot change by itself any more. */
export const segments: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
    const { rows } = await sql<{ id: string; facts_json: string }>`select id, facts_json from node`.execute(db);
    for (const { id, facts_json } of rows) {
      const { labels = {} } = JSON.parse(facts_json) as { labels?: object };
      await sql`update node set labels_json = ${JSON.stringify(labels)} where id = ${id}`.execute(db);
    }
  },
};

const statements = [
  `alter table node add column segment text not null default 'default'`,
  `alter table node add column labels_json text not null default '{}'`,
  `alter table node add column member_json text`,
  `alter table join_token add column segment text`,
  `alter table join_token add column labels_json text`,
  `create table segment (name text primary key, config_json text, channel_json text, key_after bigint)`,
  `create table segment_key (
     segment text not null, epoch bigint not null, key text not null, installed_at bigint not null, used_at bigint,
     primary key (segment, epoch))`,
  `create table segment_part (
     segment text not null, leader text not null, epoch bigint not null, revision bigint not null,
     reported_at bigint not null, part_json text, primary key (segment, leader))`,
];
