import { join } from "node:path";
import type { Kysely } from "kysely";
import { removeTree } from "distributary/sdk";
import type { Io, Log } from "distributary/sdk";
import { makeDirectories, readFile, replaceFile } from "../content/durable-file.ts";
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
import { dryRun } from "./jobs/dry-run.ts";
import type { Job } from "./jobs/job.ts";
import { readJobRequest } from "./jobs/job-request.ts";
import type { JobRequest } from "./jobs/job-request.ts";
import { Jobs } from "./jobs/jobs.ts";
import { Planner } from "./jobs/planner.ts";
import { serveNodes } from "./node-routes.ts";
import { NodeHub } from "./node-hub.ts";
import { Segments } from "./segments/segments.ts";
import { SerialLedger } from "./serial-ledger.ts";
import { Ledger } from "./store/ledger.ts";
import { watchForSilence } from "./silent-nodes.ts";
import { openStore } from "./store/open-store.ts";
import type { Store } from "./store/open-store.ts";
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
  /** How its database is opened, if not as usual. */
  readonly openStore?: typeof openStore;
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
  readonly segments: Segments;
  readonly #options: ControlOptions;
  readonly #io: Io;
  #resources: AsyncDisposableStack;
  readonly #stopping = new AbortController();
  #kernel: Kernel;
  #planner: Planner;
  #transports = new DisposableStack();
  #reloading: Promise<void> = Promise.resolve();
  linkPort = 0;

  private constructor(
    options: ControlOptions,
    parts: {
      db: Kysely<Schema>;
      kernel: Kernel;
      io: Io;
      authority: Authority;
      resources: AsyncDisposableStack;
      enrolment: Enrolment;
      audit: Audit;
      ledger: SerialLedger;
    },
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
    const segments = (this.segments = new Segments({ ...parts, hub, events, log, kernel: () => this.#kernel }));
    this.jobs = new Jobs({
      ...{ db: parts.db, catalog, hub, assignments, segments, events, log, clock, disk, directory },
      stopping: this.#stopping.signal,
      startedAt: clock.now(),
      kernel: () => this.#kernel,
      planner: () => this.#planner,
    });
  }

  /**
   * Starts everything; what was started is stopped again if something fails. `io` lacks `http`, which control makes
   * itself.
   */
  static async start(options: ControlOptions, io: Omit<Io, "http">): Promise<Control> {
    await using resources = new AsyncDisposableStack();
    const { directory, log } = options;
    makeDirectories(io.disk, directory);
    const kernel = resources.use(await loadKernel(options, options.plugins));
    const url = options.databaseUrl === undefined ? {} : { url: options.databaseUrl };
    const pluginMigrations = Object.fromEntries(kernel.extensions.migrations);
    const open = options.openStore ?? openStore;
    const store = resources.use(await open({ directory, log, pluginMigrations, ...url }));
    const care = setInterval(() => void careFor(store, log), careMs);
    resources.defer(() => clearInterval(care));
    const authority = await openAuthority(join(directory, "authority"));
    const ledger = resources.use(new SerialLedger(io.disk, join(directory, "serials")));
    const audit = new Audit(store.db, resources.use(new Ledger(join(directory, "audit"), io.disk)));
    const enrolment = new Enrolment(store.db, authority, audit);
    await enrolment.load();
    const link = await createLink(await authority.controlIdentity(), {
      ...options.link,
      denied: (peer) => enrolment.isRevoked(peer),
      log,
    });
    resources.defer(() => link.close());
    const renewal = setInterval(() => void renewIdentity(authority, link, log), renewalMs);
    resources.defer(() => clearInterval(renewal));
    const control = new Control(options, {
      ...{ db: store.db, kernel, io: { ...io, http: link }, authority, enrolment, audit, ledger },
      resources,
    });
    await control.#begin(link);
    control.#resources = resources.move();
    return control;
  }

  async #begin(link: Link): Promise<void> {
    const { directory } = this.#options;
    const resources = this.#resources;
    this.linkPort = link.port;
    removeTree(this.#io.disk, join(directory, "building"));
    await this.assignments.sweep();
    await this.#ensureAdmin();
    await this.#kernel.start("control", this.#io);
    resources.defer(() => this.#planner[Symbol.asyncDispose]());
    resources.defer(() => this.#kernel[Symbol.asyncDispose]());
    const { hub, assignments, enrolment, segments, log } = this;
    await resources.use(segments).start();
    resources.use(serveNodes(link, { hub, assignments, enrolment, segments, log }));
    this.#transports = this.#serveTransports(this.#kernel);
    resources.defer(() => this.#transports.dispose());
    resources.defer(() => hub.close());
    const watch = setInterval(() => void watchForSilence(this.db, hub, log), careMs);
    resources.defer(() => clearInterval(watch));
    resources.defer(() => {
      this.#stopping.abort(new Error("control stops"));
      return this.jobs.stop();
    });
    await this.jobs.start();
  }

  get directory(): string {
    return this.#options.directory;
  }

  get database(): "embedded" | "postgresql" {
    return this.#options.databaseUrl === undefined ? "embedded" : "postgresql";
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
    replaceFile(this.#io.disk, path, [
      Buffer.from(await this.accounts.createToken("admin", "command line on this host")),
    ]);
  }

  #serveTransports(kernel: Kernel): DisposableStack {
    const served = new DisposableStack();
    for (const { provider } of kernel.registries.transports.entries()) {
      if (provider.reach === "peer")
        served.use(provider.serve(this.#io, (id, peer) => this.assignments.find(id, peer)));
    }
    return served;
  }

  /**
   * A new generation: loads and starts the plugins anew, takes over, then stops the old ones. If that fails, the old
   * ones stay.
   */
  reload(plugins: readonly PluginUse[]): Promise<void> {
    const reloaded = this.#reloading.then(() => this.#reload(plugins));
    this.#reloading = reloaded.catch(() => undefined);
    return reloaded;
  }

  async #reload(plugins: readonly PluginUse[]): Promise<void> {
    const next = await loadKernel(this.#options, plugins);
    await next.start("control", this.#io);
    const [kernel, planner] = [this.#kernel, this.#planner];
    this.#kernel = next;
    this.#planner = this.#newPlanner(plugins);
    this.#transports.dispose();
    this.#transports = this.#serveTransports(next);
    await planner.retire();
    await kernel[Symbol.asyncDispose]();
    this.log.info({ plugins: plugins.map(({ use }) => use) }, "plugins loaded anew");
  }

  #newPlanner(plugins: readonly PluginUse[]): Planner {
    const { directory, pluginDirectory } = this.#options;
    return new Planner({ directory, pluginDirectory, plugins });
  }

  /** Throws DIST_ERR_PROVIDER_UNKNOWN if a policy or a segment names something nobody provides. */
  checkProviders(declaration: Declaration): void {
    checkProviders(this.#kernel, declaration);
  }

  /** Puts a declaration in place, and has those it concerns know. */
  async declare(declaration: Declaration): Promise<void> {
    await this.catalog.apply(declaration);
    await this.segments.declared();
  }

  /** Asks for a job as the API does: names become ids, and a checkpoint its version. */
  async ask(request: JobRequest, by: string): Promise<Job> {
    const params = await readJobRequest(this.db, this.catalog, request);
    await this.audit.record(by, `job.${request.kind}`, request.site, request);
    return this.jobs.propose(request.kind, request.site, params, by);
  }

  /** What a publish would change and send. */
  async dryRun(name: string): Promise<object> {
    return dryRun(this.#planner, this.#io.disk, this.#options.directory, await this.catalog.site(name));
  }

  plugins(): object[] {
    return this.#kernel.plugins.map(({ id, plugin, builtIn, skipped }) => {
      const { name, description, stability } = plugin;
      return {
        id,
        name,
        description,
        stability,
        builtIn,
        ...(skipped === undefined ? { usable: true } : { usable: false, reason: skipped }),
      };
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

/** How often the embedded database is dumped, and tidied as a server does by itself; and silent nodes looked for. */
const careMs = 60 * 60 * 1000;

async function careFor(store: Store, log: Log): Promise<void> {
  try {
    await store.tidy();
    await store.dump();
  } catch (error) {
    log.error({ error: (error as Error).message }, "the database could not be dumped");
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

function loadKernel({ pluginDirectory, log }: ControlOptions, plugins: readonly PluginUse[]): Promise<Kernel> {
  return Kernel.load({ plugins, directory: pluginDirectory, role: "control", log });
}
