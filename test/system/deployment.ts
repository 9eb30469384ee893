import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { emptyDatabase } from "../embedded.ts";
import type { Host, Lan } from "./lan/lan.ts";
import { Program, main } from "./program.ts";
import type { ProgramOptions } from "./program.ts";

/** What differs between deployments; the rest of their file is written by `Deployment`. */
export interface Declared {
  readonly plugins?: readonly unknown[];
  readonly groups?: Readonly<Record<string, unknown>>;
  readonly segments?: Readonly<Record<string, object>>;
  readonly sites?: Readonly<Record<string, object>>;
  readonly policies?: Readonly<Record<string, object>>;
  readonly databaseUrl?: string;
  /** The nodes' own policy. */
  readonly local?: object;
  /** Where it runs, if not on this host: control and commands on control's host, node `n3` on host 3. */
  readonly lan?: Lan;
}

export interface CommandResult {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Control, agents and command line as real processes, in a temporary directory with ports of their own. */
export class Deployment implements AsyncDisposable {
  readonly directory: string;
  readonly linkPort: number;
  readonly agents = new Map<string, Program>();
  control: Program | undefined;
  readonly #programs = new Set<Program>();
  #declared: Declared;
  #token: Promise<CommandResult> | undefined;

  private constructor(directory: string, linkPort: number, declared: Declared) {
    this.directory = directory;
    this.linkPort = linkPort;
    this.#declared = declared;
  }

  /** Writes the configuration; starts nothing. */
  static async create(declared: Declared): Promise<Deployment> {
    const directory = mkdtempSync(join(tmpdir(), "distributary-system-"));
    const deployment = new Deployment(directory, await freePort(), declared);
    if (declared.databaseUrl === undefined)
      cpSync(await emptyDatabase(), join(deployment.data, "database"), { recursive: true });
    deployment.declare(declared);
    return deployment;
  }

  get config(): string {
    return join(this.directory, "distributary.yaml");
  }

  /** Control's data directory. */
  get data(): string {
    return join(this.directory, "control");
  }

  /** Writes the configuration anew; what is not given stays. */
  declare(changes: Declared): void {
    this.#declared = { ...this.#declared, ...changes };
    const { plugins = [], groups = {}, segments = {}, sites = {}, policies = {} } = this.#declared;
    const { databaseUrl, local = {}, lan } = this.#declared;
    const link = `${lan === undefined ? "127.0.0.1" : lan.address("control")}:${this.linkPort}`;
    const withStaging = Object.entries(sites).map(([name, site]) => [name, { staging: `./staging/${name}`, ...site }]);
    const file = {
      plugins,
      control: {
        data: this.data,
        api: "127.0.0.1:0",
        link,
        ...(databaseUrl === undefined ? {} : { database: { url: { file: "./database-url" } } }),
      },
      agent: { data: "./agents/{name}", control: link, policy: "./local.yaml" },
      groups,
      ...(Object.keys(segments).length === 0 ? {} : { segments }),
      sites: Object.fromEntries(withStaging),
      policies,
    };
    mkdirSync(this.directory, { recursive: true });
    if (databaseUrl !== undefined) writeFileSync(join(this.directory, "database-url"), databaseUrl, { mode: 0o600 });
    writeFileSync(join(this.directory, "local.yaml"), stringify({ roots: { "*": "./nodes/{name}/{site}" }, ...local }));
    writeFileSync(this.config, stringify(file));
    for (const name of Object.keys(sites)) mkdirSync(this.staging(name), { recursive: true });
  }

  staging(site: string): string {
    return join(this.directory, "staging", site);
  }

  /** A site's directory on a node. */
  site(node: string, site: string): string {
    return join(this.directory, "nodes", node, site);
  }

  live(node: string, site: string): string {
    return join(this.site(node, site), "live");
  }

  spawn(args: readonly string[], options: ProgramOptions = {}, host: Host = "control"): Program {
    const { lan } = this.#declared;
    const inPlace = { cwd: this.directory, ...options };
    if (lan === undefined) return this.own(Program.distributary(args, inPlace));
    return this.own(lan.run(host, [process.execPath, main, ...args], inPlace));
  }

  /** The same program, stopped with the deployment. */
  own(program: Program): Program {
    this.#programs.add(program);
    const forget = () => this.#programs.delete(program);
    program.ended.then(forget, forget);
    return program;
  }

  /** Resolves when its API answers. */
  async startControl(...args: string[]): Promise<Program> {
    this.control = this.spawn(["control", "--config", this.config, ...args]);
    await this.control.says("control runs");
    return this.control;
  }

  /** Enrols the node if it is new; resolves when it is connected. */
  async startAgent(name: string, ...args: string[]): Promise<Program> {
    const isNew = !this.agents.has(name);
    const token = isNew ? ["--token", await this.#joinToken(name)] : [];
    const host = Number(/\d*$/.exec(name)?.[0]);
    const agent = this.spawn(["agent", "--config", this.config, "--name", name, ...token, ...args], {}, host);
    this.agents.set(name, agent);
    await agent.says("connected to control");
    return agent;
  }

  /** Control, its configuration applied, and these agents. */
  async startAll(...names: string[]): Promise<void> {
    await this.startControl();
    await this.run("apply", "--file", this.config);
    await Promise.all(names.map((name) => this.startAgent(name)));
  }

  agent(name: string): Program {
    const agent = this.agents.get(name);
    if (agent === undefined) throw new RangeError(`no agent ${name}`);
    return agent;
  }

  /** Runs a command to its end. */
  async run(...args: string[]): Promise<CommandResult> {
    const place = ["check", "agent", "control"].includes(args[0] ?? "") ? [] : ["--config", this.config];
    const program = this.spawn([...args, ...place]);
    const code = await program.ended;
    return { code, output: program.output, errors: program.errors };
  }

  /** Runs a command that must succeed, and reads the JSON it prints. */
  async json<Value>(...args: string[]): Promise<Value> {
    const { code, output, errors } = await this.run(...args, "--json");
    if (code !== 0) throw new Error(`distributary ${args.join(" ")} ended with ${code}: ${output}${errors}`);
    return JSON.parse(output) as Value;
  }

  async #joinToken(node: string): Promise<string> {
    if (this.#declared.lan !== undefined) {
      this.#token ??= this.run("token", "--uses", "200");
      return (await this.#token).output.trim();
    }
    return (await this.api<{ text: string }>("POST", "/v1/join-tokens", { node })).text;
  }

  /** Calls the API with the token of the command line; throws what it refuses. Not on a LAN, where this process is not. */
  async api<Value>(method: string, path: string, body?: object): Promise<Value> {
    const [address, token] = ["address", "admin-token"].map((name) =>
      readFileSync(join(this.data, name), "utf8").trim(),
    );
    const response = await fetch(`${address}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as Value;
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Stops every program that still runs. Files stay, for another start. */
  async stop(): Promise<void> {
    await Promise.all([...this.#programs].map((program) => program[Symbol.asyncDispose]()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A port of the loopback that nobody uses at the moment. */
export async function freePort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  listener.close();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
