import { randomUUID } from "node:crypto";
import type { Kysely } from "kysely";
import { failure } from "distributary/sdk";
import type { HttpAnswer, HttpRequest } from "distributary/sdk";
import { isLabels, jsonAnswer, readEnrolRequest, readRenewRequest } from "../runtime/enrolment.ts";
import type { Labels } from "../runtime/enrolment.ts";
import type { Audit } from "./audit.ts";
import type { Authority } from "./authority.ts";
import { findNode } from "./find-node.ts";
import { createJoinToken, hashSecret, secretMatches } from "./join-token.ts";
import { demandNewKey } from "./segments/keys.ts";
import type { Schema } from "./store/schema.ts";

export interface TokenOptions {
  /** The name the node will have; absent: the one it asks for, if that is free. */
  readonly nodeName?: string;
  /** The segment and the labels it will have, and no others; absent: those it asks for. */
  readonly segment?: string;
  readonly labels?: Labels;
  readonly uses: number;
  readonly lifeMs: number;
  readonly by: string;
}

/** The segment of nodes that nobody put in another one. */
export const defaultSegment = "default";

/** Told which nodes there are from now on, after that was stored. */
export interface EnrolmentWatcher {
  enrolled(node: { readonly id: string; readonly name: string; readonly segment: string }): void;
  revoked(node: string): void;
}

/** Lets nodes in: who has a join token gets a certificate for an id that control chooses. */
export class Enrolment {
  readonly #db: Kysely<Schema>;
  readonly #authority: Authority;
  readonly #audit: Audit;
  readonly #revoked = new Set<string>();
  readonly #watchers: EnrolmentWatcher[] = [];

  constructor(db: Kysely<Schema>, authority: Authority, audit: Audit) {
    this.#db = db;
    this.#authority = authority;
    this.#audit = audit;
  }

  async load(): Promise<void> {
    const rows = await this.#db.selectFrom("node").select("id").where("state", "=", "revoked").execute();
    for (const { id } of rows) this.#revoked.add(id);
  }

  watch(watcher: EnrolmentWatcher): void {
    this.#watchers.push(watcher);
  }

  /** Whether a node's certificate counts for nothing any more. */
  isRevoked(node: string): boolean {
    return this.#revoked.has(node);
  }

  /** A token, whose text is shown this once. */
  async createToken(options: TokenOptions): Promise<{ text: string; expiresAt: number }> {
    const { nodeName, segment, labels, uses, lifeMs, by } = options;
    if (labels !== undefined && !isLabels(labels))
      throw failure("DIST_ERR_API_REQUEST", { problem: "the labels are too many, or one is too long" });
    const { id, secret, text } = createJoinToken(this.#authority.fingerprint);
    const created_at = Date.now();
    const expires_at = created_at + lifeMs;
    const row = {
      id,
      secret_hash: hashSecret(secret),
      node_name: nodeName ?? null,
      segment: segment ?? null,
      labels_json: labels === undefined ? null : JSON.stringify(labels),
      uses_left: uses,
      created_by: by,
      created_at,
      expires_at,
    };
    await this.#audit.record(by, "token.create", nodeName ?? "any node", { id, segment, labels, uses, expires_at });
    await this.#db.insertInto("join_token").values(row).execute();
    return { text, expiresAt: expires_at };
  }

  /** Answers `POST /enrol`. The names in the request to sign count for nothing. */
  async enrol(request: HttpRequest): Promise<HttpAnswer> {
    const asked = await readEnrolRequest(request.body);
    const refuse = (problem: string) => failure("DIST_ERR_AUTH_TOKEN", { problem });
    const token = await this.#db
      .selectFrom("join_token")
      .selectAll()
      .where("id", "=", asked.tokenId)
      .executeTakeFirst();
    // A token that does not exist takes as long to refuse as one with another secret.
    const isRight = secretMatches(asked.secret, token?.secret_hash ?? hashSecret("nobody's"));
    if (token === undefined || !isRight) throw refuse("nobody issued it");
    if (token.expires_at < Date.now()) throw refuse("it expired");
    const name = token.node_name ?? asked.name;
    const segment = token.segment ?? asked.segment ?? defaultSegment;
    const labels_json = token.labels_json ?? JSON.stringify(asked.labels ?? {});
    const id = randomUUID();
    const certificate = await this.#authority.issue(asked.csr, { id });
    await this.#db.transaction().execute(async (transaction) => {
      const used = await transaction
        .updateTable("join_token")
        .set(({ eb }) => ({ uses_left: eb("uses_left", "-", 1) }))
        .where("id", "=", token.id)
        .where("uses_left", ">", 0)
        .returning("uses_left")
        .executeTakeFirst();
      if (used === undefined) throw refuse("it was used before");
      const taken = await transaction.selectFrom("node").select("id").where("name", "=", name).executeTakeFirst();
      if (taken !== undefined) throw refuse(`there is a node called '${name}' already`);
      const row = {
        id,
        name,
        state: "active",
        facts_json: JSON.stringify({ name }),
        enrolled_at: Date.now(),
        seen_at: null,
        segment,
        labels_json,
        member_json: null,
      };
      await transaction.insertInto("node").values(row).execute();
    });
    await this.#audit.record(`token ${token.id}`, "node.enrol", name, { id, segment });
    for (const watcher of this.#watchers) watcher.enrolled({ id, name, segment });
    return jsonAnswer({
      id,
      certificate,
      authority: this.#authority.certificate,
      signingKey: this.#authority.signingKey,
    });
  }

  async renew(request: HttpRequest): Promise<HttpAnswer> {
    const { csr } = await readRenewRequest(request.body);
    return jsonAnswer({ certificate: await this.#authority.issue(csr, { id: request.peerId }) });
  }

  /** From now on the node is refused. Its name is free for another. */
  async revoke(idOrName: string, by: string): Promise<string> {
    const row = await findNode(this.#db, idOrName);
    await this.#audit.record(by, "node.revoke", row.name, { id: row.id });
    const revoked = { state: "revoked", name: `${row.name}~${row.id}` };
    await this.#db.transaction().execute(async (transaction) => {
      await transaction.updateTable("node").set(revoked).where("id", "=", row.id).execute();
      await demandNewKey(transaction, row.segment, Date.now());
    });
    this.#revoked.add(row.id);
    for (const watcher of this.#watchers) watcher.revoked(row.id);
    return row.id;
  }
}
