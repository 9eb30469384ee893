import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Kysely } from "kysely";
import { failure, removeTree } from "distributary/sdk";
import type { Io, Log } from "distributary/sdk";
import { makeDirectories, readFile, replaceFile } from "../content/durable-file.ts";
import packageJson from "../../package.json" with { type: "json" };
import { Kernel } from "../kernel/kernel.ts";
import type { PluginUse } from "../kernel/loader.ts";
import { createLink } from "../runtime/http.ts";
import type { Link } from "../runtime/http.ts";
import { Accounts } from "./accounts.ts";
import { Assignments } from "./assignments.ts";
import { Audit } from "./audit.ts";
import { openAuthority } from "./authority.ts";
import type { Authority } from "./authority.ts";
import { Catalog } from "./catalog.ts";
import type { Declaration } from "./catalog.ts";
import { checkProviders } from "./check-providers.ts";
import { Enrolment } from "./enrolment.ts";
import { Events } from "./events.ts";
import type { Job, JobKind, JobParams } from "./jobs/job.ts";
import { Jobs } from "./jobs/jobs.ts";
import { Planner } from "./jobs/planner.ts";
import { serveNodes } from "./node-routes.ts";
import { NodeHub } from "./node-hub.ts";
import { SerialLedger } from "./serial-ledger.ts";
import { openStore } from "./store/open-store.ts";
import type { Schema } from "./store/schema.ts";

export interface ControlOptions {
  /** Data directory: database, objects, keys. */
  readonly directory: string;
  readonly databaseUrl?: string;
  readonly link: { readonly host: string; readonly port: number };
  readonly plugins: readonly PluginUse[];
  /** Where local plugins and packages are looked for. */
  readonly pluginDirectory: string;
  readonly log: Log;
}

/** The role that plans, distributes and records. */
export class Control implements AsyncDisposable {
  readonly log: Log;
  readonly db: Kysely<Schema>;
  readonly events = new Events();
  readonly catalog: Catalog;
  readonly hub: NodeHub;
  readonly accounts: Accounts;
  readonly audit: Audit;
  readonly enrolment: Enrolment;
  readonly assignments: Assignments;
  readonly jobs: Jobs;
  readonly #options: ControlOptions;
  readonly #io: Io;
  readonly #resources: AsyncDisposableStack;
  #kernel: Kernel;
  #planner: Planner;
  #transports = new DisposableStack();
  linkPort = 0;

  private constructor(
    options: ControlOptions,
    parts: { db: Kysely<Schema>; kernel: Kernel; io: Io; authority: Authority; resources: AsyncDisposableStack; enrolment: Enrolment; audit: Audit; ledger: SerialLedger },
  ) {
    const { directory, log } = options;
    const { disk, clock } = parts.io;
    this.#options = options;
    this.#io = parts.io;
    this.#kernel = parts.kernel;
    this.#planner = this.#newPlanner(options.plugins);
    this.#resources = parts.resources;
    this.log = log;
    this.db = parts.db;
    this.enrolment = parts.enrolment;
    this.audit = parts.audit;
    this.catalog = new Catalog(parts.db);
    this.accounts = new Accounts(parts.db);
    this.hub = new NodeHub(parts.db, this.events, log);
    this.assignments = new Assignments(parts.db, disk, join(directory, "assignments"), parts.authority, parts.ledger);
    const { catalog, hub, assignments, events } = this;
    this.jobs = new Jobs({
      ...{ db: parts.db, catalog, hub, assignments, events, log, clock, disk, directory },
      kernel: () => this.#kernel,
      planner: () => this.#planner,
    });
  }

  /** Starts everything; what was started is stopped again if something fails. `io` lacks `http`, which control makes itself. */
  static async start(options: ControlOptions, io: Omit<Io, "http">): Promise<Control> {
    await using resources = new AsyncDisposableStack();
    const { directory, log } = options;
    makeDirectories(io.disk, directory);
    const kernel = resources.use(await loadKernel(options, options.plugins));
    const url = options.databaseUrl === undefined ? {} : { url: options.databaseUrl };
    const pluginMigrations = Object.fromEntries(kernel.extensions.migrations);
    const store = resources.use(await openStore({ directory, log, pluginMigrations, ...url }));
    const authority = await openAuthority(join(directory, "authority"));
    const ledger = resources.use(new SerialLedger(io.disk, join(directory, "serials")));
    const audit = new Audit(store.db);
    const enrolment = new Enrolment(store.db, authority, audit);
    await enrolment.load();
    const link = await createLink(await authority.controlIdentity(), { ...options.link, denied: (peer) => enrolment.isRevoked(peer), log });
    resources.defer(() => link.close());
    const renewal = setInterval(() => void renewIdentity(authority, link, log), renewalMs);
    resources.defer(() => clearInterval(renewal));
    const control = new Control(options, {
      ...{ db: store.db, kernel, io: { ...io, http: link }, authority, enrolment, audit, ledger },
      resources: new AsyncDisposableStack(),
    });
    await control.#begin(link);
    control.#resources.use(resources.move());
    return control;
  }

  async #begin(link: Link): Promise<void> {
    const { directory } = this.#options;
    const resources = this.#resources;
    this.linkPort = link.port;
    removeTree(this.#io.disk, join(directory, "building"));
    await this.#ensureAdmin();
    await this.#kernel.start("control", this.#io);
    resources.defer(() => this.#planner[Symbol.asyncDispose]());
    resources.defer(() => this.#kernel[Symbol.asyncDispose]());
    const { hub, assignments, enrolment, log } = this;
    resources.use(serveNodes(link, { hub, assignments, enrolment, log }));
    this.#transports = this.#serveTransports(this.#kernel);
    resources.defer(() => this.#transports.dispose());
    resources.defer(() => hub.close());
    await this.jobs.start();
    resources.defer(() => this.jobs.stop());
  }

  /** The kernel of the present generation. */
  get kernel(): Kernel {
    return this.#kernel;
  }

  /** The first account, whose token the command line on this host finds in a file that only its owner can read. */
  async #ensureAdmin(): Promise<void> {
    const path = join(this.#options.directory, "admin-token");
    if (readFile(this.#io.disk, path) !== undefined) return;
    await this.accounts.put("admin", "admin");
    replaceFile(this.#io.disk, path, [Buffer.from(await this.accounts.createToken("admin", "command line on this host"))]);
  }

  #serveTransports(kernel: Kernel): DisposableStack {
    const served = new DisposableStack();
    for (const { provider } of kernel.registries.transports.entries()) {
      if (provider.reach === "peer") served.use(provider.serve(this.#io, (id, peer) => this.assignments.find(id, peer)));
    }
    return served;
  }

  /** A new generation: loads and starts the plugins anew, takes over, then stops the old ones. If that fails, the old ones stay. */
  async reload(plugins: readonly PluginUse[]): Promise<void> {
    const next = await loadKernel(this.#options, plugins);
    await next.start("control", this.#io);
    const [kernel, planner] = [this.#kernel, this.#planner];
    this.#kernel = next;
    this.#planner = this.#newPlanner(plugins);
    this.#transports.dispose();
    this.#transports = this.#serveTransports(next);
    await kernel[Symbol.asyncDispose]();
    await planner[Symbol.asyncDispose]();
    this.log.info({ plugins: plugins.map(({ use }) => use) }, "plugins loaded anew");
  }

  #newPlanner(plugins: readonly PluginUse[]): Planner {
    const { directory, pluginDirectory } = this.#options;
    return new Planner({ directory, pluginDirectory, plugins });
  }

  /** Throws DIST_ERR_PROVIDER_UNKNOWN if a policy names something nobody provides. */
  checkProviders(declaration: Declaration): void {
    checkProviders(this.#kernel, declaration);
  }

  /** Asks for a job as the API does: names become ids, and a checkpoint its version. */
  async ask(request: JobRequest, by: string): Promise<Job> {
    const { kind, site, checkpoint, nodes, ...params } = request;
    const version = checkpoint === undefined ? params.version : await this.#checkpointVersion(site, checkpoint);
    const ids = nodes === undefined ? undefined : await this.#nodeIds(nodes);
    await this.audit.record(by, `job.${kind}`, site, request);
    const given = { ...params, ...(version === undefined ? {} : { version }), ...(ids === undefined ? {} : { nodes: ids }) };
    return this.jobs.propose(kind, site, given, by);
  }

  async #checkpointVersion(site: string, wanted: string): Promise<number> {
    await this.catalog.site(site);
    const rows = await this.db.selectFrom("checkpoint").selectAll().where("site", "=", site).orderBy("created_at", "desc").execute();
    const found = rows.find(({ id, label }) => id === wanted || label === wanted);
    if (found !== undefined) return found.version;
    throw failure("DIST_ERR_CHECKPOINT_UNKNOWN", { site, checkpoint: wanted, known: rows.map(({ label }) => label).join(", ") || "none" });
  }

  async #nodeIds(names: readonly string[]): Promise<string[]> {
    const rows = await this.db.selectFrom("node").select(["id", "name"]).where("state", "=", "active").execute();
    return names.map((wanted) => {
      const found = rows.find(({ id, name }) => id === wanted || name === wanted);
      if (found === undefined) throw failure("DIST_ERR_NODE_UNKNOWN", { node: wanted });
      return found.id;
    });
  }

  /** What a publish would change and send. Version 0 holds what was found; it is overwritten every time. */
  async dryRun(name: string): Promise<object> {
    const { site, policy, liveVersion } = await this.catalog.site(name);
    const request = { job: randomUUID(), site: name, config: site, policy, liveVersion, allowEmpty: true, version: 0 };
    const found = await this.#planner.scan(request, () => {});
    if (!found.isChanged) return { ...found, contentBytes: 0, travelBytes: 0 };
    const directory = join(this.#options.directory, "building", randomUUID());
    try {
      const build = await this.#planner.build({ site: name, policy, baseVersion: liveVersion, targetVersion: 0, directory }, () => {});
      const travelBytes = build.sections.reduce((sum, { content }) => sum + content.data.sizeBytes, 0);
      return { ...found, contentBytes: build.contentBytes, travelBytes };
    } finally {
      removeTree(this.#io.disk, directory);
    }
  }

  async status(): Promise<object> {
    const [sites, nodes] = await Promise.all([
      this.catalog.sites(),
      this.db.selectFrom("node").select(["id", "name"]).where("state", "=", "active").execute(),
    ]);
    const withNodes = await Promise.all(
      sites.map(async ({ name, site, liveVersion, backupVersion, lastVersion }) => {
        const members = await this.catalog.members(site.group);
        const states = await this.hub.states(name);
        const current = members.filter(({ id }) => liveVersion !== undefined && states.get(id)?.live?.version === liveVersion);
        return { site: name, group: site.group, staging: site.staging, liveVersion, backupVersion, lastVersion, nodes: members.length, current: current.length };
      }),
    );
    return {
      version: packageJson.version,
      directory: this.#options.directory,
      database: this.#options.databaseUrl === undefined ? "embedded" : "postgresql",
      linkPort: this.linkPort,
      nodes: { enrolled: nodes.length, connected: this.hub.connectedNodes().length },
      sites: withNodes,
    };
  }

  plugins(): object[] {
    return this.#kernel.plugins.map(({ id, plugin, builtIn, skipped }) => {
      const { name, description, stability } = plugin;
      return { id, name, description, stability, builtIn, ...(skipped === undefined ? { usable: true } : { usable: false, reason: skipped }) };
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

/** Control's own certificate is good for weeks; a fresh one every day keeps it from ever running out. */
const renewalMs = 24 * 60 * 60 * 1000;

async function renewIdentity(authority: Authority, link: Link, log: Log): Promise<void> {
  try {
    link.use(await authority.controlIdentity());
  } catch (error) {
    log.error({ error: (error as Error).message }, "control's certificate was not renewed");
  }
}

export interface JobRequest extends Omit<JobParams, "nodes"> {
  readonly kind: JobKind;
  readonly site: string;
  /** Restore: a checkpoint by id or label. */
  readonly checkpoint?: string;
  /** By id or name. */
  readonly nodes?: readonly string[];
}

function loadKernel({ pluginDirectory, log }: ControlOptions, plugins: readonly PluginUse[]): Promise<Kernel> {
  return Kernel.load({ plugins, directory: pluginDirectory, role: "control", log });
}
