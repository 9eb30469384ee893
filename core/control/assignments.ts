import { join } from "node:path";
import type { Kysely } from "kysely";
import { removeTree } from "distributary/sdk";
import type { Command, Disk, PieceStore } from "distributary/sdk";
import { makeDirectories, readFile, replaceFile } from "../content/durable-file.ts";
import type { Header } from "../assignment/assignment.ts";
import { noData } from "../assignment/assignment.ts";
import { decodeAssignment } from "../assignment/decode.ts";
import { encodeAssignment } from "../assignment/encode.ts";
import { PieceFile } from "../assignment/piece-file.ts";
import { sealAssignment, signatureBytes } from "../assignment/seal.ts";
import { hexHashOf, toHex } from "../content/hash.ts";
import type { AssignmentNotice } from "../protocol/messages.ts";
import type { Authority } from "./authority.ts";
import type { Schema } from "./store/schema.ts";
import type { SerialLedger } from "./serial-ledger.ts";

/** An assignment to be: everything but what `issue` gives it. */
export interface Proposal {
  readonly job: string;
  readonly header: Omit<
    Header,
    "serial" | "previous" | "issuedAt" | "expiresAt" | "section" | "after" | "data" | "parts"
  >;
  readonly section: readonly [number, number];
  readonly baseVersion: number | undefined;
  readonly commands?: readonly Command[];
  readonly content?: Pick<Header, "data" | "parts">;
  /** Moved into the assignment's own directory. */
  readonly dataFile?: string;
  readonly key?: Uint8Array;
  readonly summary: object;
}

export interface Issued {
  readonly id: string;
  readonly serial: number;
  readonly type: string;
  readonly site: string;
  readonly version: number;
  readonly section: number;
  readonly baseVersion: number | undefined;
  readonly sizeBytes: number;
  readonly dataBytes: number;
  readonly nodes: readonly string[];
}

const lifeMs = 7 * 24 * 60 * 60 * 1000;
/** Sealed buffers up to this size travel with their notice. */
const inlineBytes = 256 << 10;

/** Signs assignments, keeps them, and finds them for those who may have them. */
export class Assignments {
  readonly #db: Kysely<Schema>;
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #authority: Authority;
  readonly #ledger: SerialLedger;
  readonly #stores = new Map<string, { store: PieceStore; nodes: ReadonlySet<string> }>();
  /** Nodes that hand an assignment on though it need not be for them. */
  readonly #carriers = new Map<string, Set<string>>();

  constructor(db: Kysely<Schema>, disk: Disk, directory: string, authority: Authority, ledger: SerialLedger) {
    this.#db = db;
    this.#disk = disk;
    this.#directory = directory;
    this.#authority = authority;
    this.#ledger = ledger;
  }

  /** The serial that the next assignment of a site gets. Durable in two places before it is used for anything. */
  async #takeSerial(site: string): Promise<{ serial: number; previous: Header["previous"] }> {
    const row = await this.#db.transaction().execute(async (transaction) => {
      const before = await transaction
        .selectFrom("site")
        .select("last_serial")
        .where("name", "=", site)
        .forUpdate()
        .executeTakeFirstOrThrow();
      const serial = Math.max(before.last_serial, this.#ledger.highest(site)) + 1;
      await transaction.updateTable("site").set({ last_serial: serial }).where("name", "=", site).execute();
      const previous = await transaction
        .selectFrom("assignment")
        .innerJoin("site", "site.last_assignment", "assignment.id")
        .select(["assignment.serial", "assignment.id"])
        .where("site.name", "=", site)
        .executeTakeFirst();
      return { serial, previous };
    });
    await this.#ledger.take(site, row.serial);
    return row;
  }

  /** The sections of one update, each naming the one before. */
  async issueAll(proposals: readonly Proposal[]): Promise<Issued[]> {
    const issued: Issued[] = [];
    for (const proposal of proposals) issued.push(await this.issue(proposal, issued.at(-1)?.id));
    return issued;
  }

  /** Gives a proposal its serial and signature. When it resolves, everything is durable and may leave. */
  async issue(proposal: Proposal, after?: string): Promise<Issued> {
    const { header: given, job, section, key, content, commands } = proposal;
    const { serial, previous } = await this.#takeSerial(given.site);
    const issuedAt = Date.now();
    const header: Header = {
      ...given,
      serial,
      section,
      ...(after === undefined ? {} : { after }),
      ...(previous === undefined ? {} : { previous }),
      issuedAt,
      expiresAt: issuedAt + lifeMs,
      data: content?.data ?? noData,
      parts: content?.parts ?? [],
    };
    const buffer = encodeAssignment(header, commands ?? []);
    const sealed = sealAssignment(buffer, (bytes) => this.#authority.sign(bytes));
    const id = hexHashOf(buffer);
    this.#store(id, sealed, proposal.dataFile);
    const row = {
      id,
      site: header.site,
      serial,
      job,
      type: header.type,
      version: header.version,
      section: section[0],
      base_version: proposal.baseVersion ?? null,
      size_bytes: sealed.length,
      data_bytes: header.data.sizeBytes,
      data_key: key === undefined ? null : toHex(key),
      audience_json: JSON.stringify(header.audience.nodes),
      summary_json: JSON.stringify(proposal.summary),
      issued_at: issuedAt,
      expires_at: header.expiresAt,
    };
    await this.#db.transaction().execute(async (transaction) => {
      await transaction.insertInto("assignment").values(row).execute();
      await transaction.updateTable("site").set({ last_assignment: id }).where("name", "=", header.site).execute();
    });
    return toIssued(row);
  }

  #store(id: string, sealed: Uint8Array, dataFile: string | undefined): void {
    const directory = join(this.#directory, id);
    makeDirectories(this.#disk, directory);
    if (dataFile !== undefined) this.#disk.rename(dataFile, join(directory, "data"));
    replaceFile(this.#disk, join(directory, "sealed"), [sealed]);
    this.#disk.sync(this.#directory);
  }

  /** What was issued for a job, in the order of serials. */
  async ofJob(job: string): Promise<Issued[]> {
    const rows = await this.#db.selectFrom("assignment").selectAll().where("job", "=", job).orderBy("serial").execute();
    return rows.map(toIssued);
  }

  notice(issued: Issued, transports: readonly string[]): AssignmentNotice {
    const { id, site, serial, sizeBytes } = issued;
    const sealed = sizeBytes <= inlineBytes ? { sealed: Buffer.from(this.sealed(id)).toString("base64") } : {};
    return { id, site, serial, sizeBytes, ...sealed, transports };
  }

  /** The sealed buffer of an assignment that was issued. */
  sealed(id: string): Uint8Array {
    const bytes = readFile(this.#disk, join(this.#directory, id, "sealed"));
    if (bytes === undefined) throw new RangeError(`assignment ${id} has no file`);
    return bytes;
  }

  /** Whether a node is in the audience of an assignment, with the key of its data. */
  async forNode(id: string, node: string): Promise<{ key: string | null } | undefined> {
    const row = await this.#db
      .selectFrom("assignment")
      .select(["audience_json", "data_key"])
      .where("id", "=", id)
      .executeTakeFirst();
    if (row === undefined || !(JSON.parse(row.audience_json) as string[]).includes(node)) return undefined;
    return { key: row.data_key };
  }

  /** The data of an assignment, for transports; undefined for a node that neither is in its audience nor carries it. */
  find(id: string, node: string): PieceStore | undefined {
    const known = this.#stores.get(id) ?? this.#openStore(id);
    return known?.nodes.has(node) === true || this.#isCarrier(id, node) ? known?.store : undefined;
  }

  /** Lets a node have an assignment and its data, but not the key to it, so that it can hand them on. */
  carry(id: string, node: string): void {
    const carriers = this.#carriers.get(id);
    if (carriers === undefined) this.#carriers.set(id, new Set([node]));
    else carriers.add(node);
  }

  endCarrying(id: string): void {
    this.#carriers.delete(id);
  }

  #isCarrier(id: string, node: string): boolean {
    return this.#carriers.get(id)?.has(node) === true;
  }

  /** Whether a node may have a sealed buffer: it is for it, or it hands it on. */
  async mayHave(id: string, node: string): Promise<boolean> {
    return this.#isCarrier(id, node) || (await this.forNode(id, node)) !== undefined;
  }

  #openStore(id: string): { store: PieceStore; nodes: ReadonlySet<string> } | undefined {
    if (!/^[0-9a-f]{64}$/.test(id) || this.#disk.stat(join(this.#directory, id, "data")) === undefined)
      return undefined;
    const sealed = this.sealed(id);
    const { header } = decodeAssignment(sealed.subarray(0, sealed.length - signatureBytes));
    const store = new PieceFile(this.#disk, join(this.#directory, id, "data"), id, header.data);
    const known = { store, nodes: new Set(header.audience.nodes) };
    this.#stores.set(id, known);
    return known;
  }

  /** Deletes the files of a job's assignments; what was signed stays in the database. */
  async discardFiles(job: string): Promise<void> {
    for (const { id } of await this.ofJob(job)) this.discard(id);
  }

  /** Deletes the files that no job needs any more, which a crash left behind. To be called before jobs go on. */
  async sweep(): Promise<void> {
    if (this.#disk.stat(this.#directory) === undefined) return;
    const rows = await this.#db
      .selectFrom("assignment")
      .innerJoin("job", "job.id", "assignment.job")
      .select("assignment.id")
      .where("job.state", "in", ["queued", "running", "deferred"])
      .execute();
    const needed = new Set(rows.map(({ id }) => id));
    for (const id of this.#disk.list(this.#directory)) if (!needed.has(id)) this.discard(id);
  }

  discard(id: string): void {
    this.#stores.delete(id);
    removeTree(this.#disk, join(this.#directory, id));
  }

  /** Whether the files of an assignment are still there. */
  isKept(id: string): boolean {
    return this.#disk.stat(join(this.#directory, id, "sealed")) !== undefined;
  }
}

function toIssued(row: Schema["assignment"]): Issued {
  return {
    id: row.id,
    serial: row.serial,
    type: row.type,
    site: row.site,
    version: row.version,
    section: row.section,
    baseVersion: row.base_version ?? undefined,
    sizeBytes: row.size_bytes,
    dataBytes: row.data_bytes,
    nodes: JSON.parse(row.audience_json) as string[],
  };
}
