import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { readConfig } from "../../../config/load.ts";
import { runAgent } from "../../../core/agent/run-agent.ts";
import type { PluginUse } from "../../../core/kernel/loader.ts";
import type { JobRequest } from "../../../core/control/jobs/job-request.ts";
import type { ControlEvent } from "../../../core/control/events.ts";
import type { Job } from "../../../core/control/jobs/job.ts";
import type { ControlOptions } from "../../../core/control/control.ts";
import { runControl } from "../../../core/control/run-control.ts";
import type { RunningControl } from "../../../core/control/run-control.ts";
import { realIo } from "../../../core/runtime/io.ts";
import { emptyDatabase } from "../../embedded.ts";
import { testDatabaseUrl } from "../../postgres.ts";
import { quietLog } from "./store/quiet-log.ts";

/** Both databases that control can have. */
export const databases = ["embedded", "PostgreSQL"] as const;
export type Database = (typeof databases)[number];

interface RunningAgent {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** A control and its agents in this process, over real links, with a real database. */
export class Trial implements AsyncDisposable {
  readonly directory: string;
  readonly database: string | undefined;
  readonly log = quietLog();
  readonly #agents = new Map<string, RunningAgent>();
  #running: RunningControl | undefined;
  plugins: readonly PluginUse[] = [];
  /** What control gets instead of the usual, from its next start on. */
  options: Partial<ControlOptions> = {};
  io = realIo;
  /** Where agents look for control, if not at its own port. */
  agentPort: number | undefined;

  private constructor(directory: string, database: string | undefined) {
    this.directory = directory;
    this.database = database;
  }

  /** With control running, and no nodes. */
  static async start(database: Database, plugins: readonly PluginUse[] = []): Promise<Trial> {
    const directory = mkdtempSync(join(tmpdir(), "distributary-trial-"));
    const trial = new Trial(directory, database === "embedded" ? undefined : await testDatabaseUrl());
    if (database === "embedded") cpSync(await emptyDatabase(), join(trial.data, "database"), { recursive: true });
    writeFileSync(join(directory, "local.yaml"), stringify({ roots: { "*": "./nodes/{name}/{site}" } }));
    trial.plugins = plugins;
    await trial.startControl();
    return trial;
  }

  get data(): string {
    return join(this.directory, "control");
  }

  get control(): RunningControl["control"] {
    if (this.#running === undefined) throw new Error("control does not run");
    return this.#running.control;
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.#running?.apiPort}`;
  }

  #linkPort = 0;

  async startControl(): Promise<void> {
    const { directory, log, plugins, database } = this;
    const link = { host: "127.0.0.1", port: this.#linkPort };
    const options = {
      directory: this.data,
      link,
      api: { host: "127.0.0.1", port: 0 },
      plugins,
      pluginDirectory: directory,
      log,
    };
    this.#running = await runControl(
      { ...options, ...(database === undefined ? {} : { databaseUrl: database }), ...this.options },
      this.io,
    );
    this.#linkPort = this.control.linkPort;
  }

  async stopControl(): Promise<void> {
    await this.#running?.[Symbol.asyncDispose]();
    this.#running = undefined;
  }

  async restartControl(): Promise<void> {
    await this.stopControl();
    await this.startControl();
  }

  /** Resolves when the node is connected; it enrols if it is new. */
  async startAgent(
    name: string,
    options: { labels?: Record<string, string>; segment?: string; plugins?: readonly PluginUse[] } = {},
  ): Promise<void> {
    const { control, directory, log } = this;
    const stop = new AbortController();
    const connected = this.event((event) => event.type === "node" && event.name === name && event.connected);
    const { text } = await control.enrolment.createToken({ uses: 1, lifeMs: 60_000, by: "test" });
    const ended = runAgent(
      {
        name,
        directory: join(directory, "agents", name),
        control: { host: "127.0.0.1", port: this.agentPort ?? this.#linkPort },
        labels: options.labels ?? {},
        ...(options.segment === undefined ? {} : { segment: options.segment }),
        policyFile: join(directory, "local.yaml"),
        token: text,
        plugins: options.plugins ?? [],
        pluginDirectory: directory,
        log,
      },
      realIo,
      stop.signal,
    );
    this.#agents.set(name, { stop, ended });
    await Promise.race([connected, ended]);
  }

  /** Resolves when control has noticed. */
  async stopAgent(name: string): Promise<void> {
    const agent = this.#agents.get(name);
    const id = await this.nodeId(name);
    const gone = !this.control.hub.isConnected(id)
      ? undefined
      : this.event((event) => event.type === "node" && event.node === id && !event.connected);
    agent?.stop.abort();
    await Promise.all([agent?.ended, gone]);
    this.#agents.delete(name);
  }

  async nodeId(name: string): Promise<string> {
    return (await this.control.db.selectFrom("node").select("id").where("name", "=", name).executeTakeFirstOrThrow())
      .id;
  }

  /** Declares what a configuration with these sections declares. */
  async declare(sections: object): Promise<void> {
    const { config } = readConfig(stringify(sections), join(this.directory, "deployment.yaml"));
    for (const name of Object.keys(config.sites)) mkdirSync(this.staging(name), { recursive: true });
    await this.control.declare(config);
  }

  staging(site: string): string {
    return join(this.directory, "staging", site);
  }

  live(node: string, site: string): string {
    return join(this.directory, "nodes", node, site, "live");
  }

  /** The next event that fits. Begins to listen at once. */
  event(fits: (event: ControlEvent) => boolean): Promise<ControlEvent> {
    const stop = new AbortController();
    const events = this.control.events.listen(stop.signal)[Symbol.asyncIterator]();
    return (async () => {
      for (let next = await events.next(); next.done !== true; next = await events.next()) {
        if (!fits(next.value)) continue;
        stop.abort();
        return next.value;
      }
      throw new Error("control stopped");
    })();
  }

  /** The job once `fits`; it may do so already. */
  async jobWhen(id: string, fits: (job: Job) => boolean): Promise<Job> {
    const { events } = this.control;
    const stop = new AbortController();
    try {
      const iterator = events.listen(stop.signal)[Symbol.asyncIterator]();
      for (;;) {
        const next = iterator.next();
        const found = await this.job(id);
        if (fits(found)) return found;
        await next;
      }
    } finally {
      stop.abort();
    }
  }

  async job(id: string): Promise<Job> {
    const response = await this.api("GET", `/v1/jobs/${id}`, await this.token("viewer"));
    return (await response.json()) as Job;
  }

  ended(id: string): Promise<Job> {
    return this.jobWhen(id, ({ state }) => !["queued", "running"].includes(state));
  }

  inPhase(id: string, phase: string): Promise<Job> {
    return this.jobWhen(id, (job) => job.phase === phase);
  }

  /** Asks for a job, and waits for its end. */
  async run(request: JobRequest): Promise<Job> {
    return this.ended((await this.control.ask(request, "test")).id);
  }

  readonly #tokens = new Map<string, string>();

  /** An API token of an account with this role. */
  async token(role: "viewer" | "operator" | "admin"): Promise<string> {
    const known = this.#tokens.get(role);
    if (known !== undefined) return known;
    await this.control.accounts.put(`the-${role}`, role);
    const token = await this.control.accounts.createToken(`the-${role}`, "test");
    this.#tokens.set(role, token);
    return token;
  }

  api(method: string, path: string, token?: string, body?: unknown): Promise<Response> {
    return fetch(this.apiUrl + path, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { stop } of this.#agents.values()) stop.abort();
    await Promise.allSettled([...this.#agents.values()].map(({ ended }) => ended));
    await this.stopControl();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
