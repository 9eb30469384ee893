import { sql } from "kysely";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";

/** All tables of the main job. */
export const first: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of tables) await sql.raw(statement).execute(db);
  },
};

const tables = [
  `create table setting (name text primary key, value text not null, changed_at bigint not null)`,
  `create table node (
     id text primary key, name text not null unique, state text not null, facts_json text not null,
     enrolled_at bigint not null, seen_at bigint)`,
  `create table content_group (name text primary key, config_json text not null)`,
  `create table policy (name text primary key, config_json text not null)`,
  `create table site (
     name text primary key, config_json text not null, last_version bigint not null, last_serial bigint not null,
     last_assignment text, live_version bigint, backup_version bigint)`,
  `create table node_site (
     node text not null references node (id) on delete cascade, site text not null, state_json text not null,
     reported_at bigint not null, primary key (node, site))`,
  `create table version (
     site text not null, number bigint not null, tree text not null, entry_count bigint not null,
     file_count bigint not null,
     size_bytes bigint not null, job text not null, created_at bigint not null, primary key (site, number))`,
  `create table checkpoint (
     id text primary key, site text not null, version bigint not null, label text not null, created_by text not null,
     created_at bigint not null)`,
  `create table job (
     id text primary key, kind text not null, site text not null, params_json text not null, state text not null,
     phase text not null, reason text not null, version bigint, stats_json text not null, asked_by text not null,
     asked_at bigint not null, started_at bigint, ended_at bigint, retry_at bigint)`,
  `create index job_by_state on job (state)`,
  `create index job_by_site on job (site, asked_at)`,
  `create table job_node (
     job text not null references job (id) on delete cascade, node text not null, stage text not null, reason text,
     changed_at bigint not null, primary key (job, node))`,
  `create table assignment (
     id text primary key, site text not null, serial bigint not null, job text not null, type text not null,
     version bigint not null, section bigint not null, base_version bigint, size_bytes bigint not null,
     data_bytes bigint not null, data_key text, audience_json text not null, summary_json text not null,
     issued_at bigint not null, expires_at bigint not null, unique (site, serial))`,
  `create index assignment_by_job on assignment (job)`,
  `create table join_token (
     id text primary key, secret_hash text not null, node_name text, uses_left bigint not null,
     created_by text not null,
     created_at bigint not null, expires_at bigint not null)`,
  `create table account (name text primary key, role text not null, created_at bigint not null)`,
  `create table api_token (
     id text primary key, account text not null references account (name) on delete cascade,
     secret_hash text not null unique,
     label text not null, created_at bigint not null, expires_at bigint)`,
  `create table audit (
     number bigint primary key, at bigint not null, who text not null, action text not null, object text not null,
     detail_json text not null, hash text not null)`,
];
