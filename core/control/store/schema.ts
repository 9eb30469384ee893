import type { Millis } from "distributary/sdk";

/**
 * The tables of control's database. Moments are milliseconds since 1970 in `bigint` columns, read as numbers; columns
 * called `…_json` hold JSON text, so that both databases give the same.
 */
export interface Schema {
  setting: { name: string; value: string; changed_at: Millis };
  /**
   * A host with an agent. `state` is `active` or `revoked`. `segment` and `labels_json` are what it was enrolled with,
   * or given since; `facts_json` is what it says of itself. `member_json` is where, and by which key, its segment knows
   * it.
   */
  node: {
    id: string;
    name: string;
    state: string;
    facts_json: string;
    enrolled_at: Millis;
    seen_at: Millis | null;
    segment: string;
    labels_json: string;
    member_json: string | null;
  };
  /**
   * `config_json` is absent for one that nobody declared, `channel_json` for one that was never moved. A key that is
   * older than `key_after` is known to somebody who is not to know it any more.
   */
  segment: { name: string; config_json: string | null; channel_json: string | null; key_after: Millis | null };
  /** Keys that members of a segment open datagrams with; those not used yet do not seal. */
  segment_key: { segment: string; epoch: number; key: string; installed_at: Millis; used_at: Millis | null };
  /** What each leader of a segment said last. Without `part_json` its tenure is over, and it is not to say it again. */
  segment_part: {
    segment: string;
    leader: string;
    epoch: number;
    revision: number;
    reported_at: Millis;
    part_json: string | null;
  };
  content_group: { name: string; config_json: string };
  policy: { name: string; config_json: string };
  /** Versions are numbers of `version`; `last_…` are the highest that were ever given out. */
  site: {
    name: string;
    config_json: string;
    last_version: number;
    last_serial: number;
    last_assignment: string | null;
    live_version: number | null;
    backup_version: number | null;
  };
  /** What a node last said it has of a site. */
  node_site: { node: string; site: string; state_json: string; reported_at: Millis };
  version: {
    site: string;
    number: number;
    tree: string;
    entry_count: number;
    file_count: number;
    size_bytes: number;
    job: string;
    created_at: Millis;
  };
  checkpoint: { id: string; site: string; version: number; label: string; created_by: string; created_at: Millis };
  /** `state` is queued, running, done, failed, cancelled or deferred; `phase` says where a running one is. */
  job: {
    id: string;
    kind: string;
    site: string;
    params_json: string;
    state: string;
    phase: string;
    reason: string;
    version: number | null;
    stats_json: string;
    asked_by: string;
    asked_at: Millis;
    started_at: Millis | null;
    ended_at: Millis | null;
    retry_at: Millis | null;
  };
  job_node: { job: string; node: string; stage: string; reason: string | null; changed_at: Millis };
  /**
   * Everything that was ever signed; also the snapshots: number, job, time and details of each update, without content.
   */
  assignment: {
    id: string;
    site: string;
    serial: number;
    job: string;
    type: string;
    version: number;
    section: number;
    /** The base version of an update; its nodes have that one. */
    base_version: number | null;
    size_bytes: number;
    data_bytes: number;
    /** Hex; the key of the data if that is encrypted. */
    data_key: string | null;
    audience_json: string;
    summary_json: string;
    issued_at: Millis;
    expires_at: Millis;
  };
  join_token: {
    id: string;
    secret_hash: string;
    node_name: string | null;
    /** What the node gets, whatever it asks for. */
    segment: string | null;
    labels_json: string | null;
    uses_left: number;
    created_by: string;
    created_at: Millis;
    expires_at: Millis;
  };
  account: { name: string; role: string; created_at: Millis };
  api_token: {
    id: string;
    account: string;
    secret_hash: string;
    label: string;
    created_at: Millis;
    expires_at: Millis | null;
  };
  /** Each entry's hash covers the one before it. */
  audit: { number: number; at: Millis; who: string; action: string; object: string; detail_json: string; hash: string };
}
