import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { failure } from "distributary/sdk";
import type { SegmentSummary } from "../../control/segments/view.ts";
import { Client } from "../client.ts";

/** `.ts` in the repository and `.js` as published. */
const mainModule = fileURLToPath(import.meta.url.replace(/demo\/fleet\.(\w+)$/, "main.$1"));

/** How long processes may take to start, and to stop before they are killed. */
const startMs = 60_000;
const stopMs = 5_000;
const pollMs = 50;

/** Control and agents as processes of their own on this host, below one directory. */
export class Fleet implements AsyncDisposable {
  readonly directory: string;
  readonly config: string;
  readonly nodes: readonly string[];
  /** Which nodes share a LAN, as far as a demo on one host can have it. */
  readonly segments: ReadonlyMap<string, readonly string[]>;
  readonly #children = new Map<string, ChildProcess>();
  readonly #isKept: boolean;

  /** `isKept`: they outlive this process. */
  constructor(directory: string, staging: string, nodes: readonly string[], isKept: boolean) {
    this.directory = directory;
    this.nodes = nodes;
    this.#isKept = isKept;
    this.config = join(directory, "demo.yaml");
    mkdirSync(directory, { recursive: true });
    this.segments = inSegments(nodes);
    writeFileSync(this.config, configuration(staging, nodes, [...this.segments.keys()]));
    writeFileSync(join(directory, "policy.yaml"), `roots:\n  "*": ./nodes/{name}/{site}\n`);
  }

  /** Starts control and waits until its API answers. */
  async startControl(signal: AbortSignal): Promise<Client> {
    this.#spawn("control", ["control", "--config", this.config, "--pretty"], {});
    await this.#until("control", signal, () => {
      try {
        return readFileSync(join(this.directory, "control", "address"), "utf8");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
    });
    return Client.find({ data: join(this.directory, "control") });
  }

  /** Enrols and starts every agent, and waits until control knows them all. */
  async startAgents(client: Client, signal: AbortSignal): Promise<void> {
    const { linkPort } = await client.get<{ linkPort: number }>("/v1/status", signal);
    for (const [segment, name] of this.#placed()) {
      const { text } = await client.post<{ text: string }>("/v1/join-tokens", { node: name, segment }, signal);
      const args = ["agent", "--config", this.config, "--name", name, "--control", `127.0.0.1:${linkPort}`, "--pretty"];
      this.#spawn(name, args, { DISTRIBUTARY_JOIN_TOKEN: text });
    }
    for (const name of this.nodes) {
      await this.#until(name, signal, async () => {
        const nodes = await client.get<{ name: string; connected: boolean }[]>("/v1/nodes", signal);
        return nodes.find((node) => node.name === name && node.connected);
      });
    }
  }

  #placed(): (readonly [segment: string, node: string])[] {
    return [...this.segments].flatMap(([segment, nodes]) => nodes.map((node) => [segment, node] as const));
  }

  /** Waits until every segment has a leader, another than the one given, which the others follow. */
  async untilLed(client: Client, signal: AbortSignal, gone?: string): Promise<SegmentSummary[]> {
    return this.#until("control", signal, async () => {
      const segments = await client.get<SegmentSummary[]>("/v1/segments", signal);
      const isLed = ({ state, leader, members, connected }: SegmentSummary) =>
        state === "led" && leader !== gone && members === connected;
      return segments.every(isLed) ? segments : undefined;
    });
  }

  /** Kills a node's agent as a power failure would. */
  async kill(node: string): Promise<void> {
    const child = this.#children.get(node);
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  /** Where a node serves the site from. */
  liveDirectory(node: string, site: string): string {
    return join(this.directory, "nodes", node, site, "live");
  }

  /** Process ids, control's first. */
  processIds(): number[] {
    return [...this.#children.values()].flatMap(({ pid }) => pid ?? []);
  }

  /** Lets the processes run when this one ends. */
  leave(): void {
    for (const child of this.#children.values()) child.unref();
    this.#children.clear();
  }

  #spawn(name: string, args: readonly string[], environment: Readonly<Record<string, string>>): void {
    const log = openSync(join(this.directory, `${name}.log`), "a");
    const child = spawn(process.execPath, [mainModule, ...args], {
      stdio: ["ignore", log, log],
      env: { ...process.env, ...environment },
      detached: this.#isKept,
    });
    closeSync(log);
    this.#children.set(name, child);
  }

  /**
   * Polls until there is something; throws DIST_ERR_DEMO_PROCESS with the end of its log if the process ends before, or
   * takes too long.
   */
  async #until<Value>(
    name: string,
    signal: AbortSignal,
    look: () => Value | undefined | Promise<Value | undefined>,
  ): Promise<Value> {
    const deadline = performance.now() + startMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      const { exitCode = 0 } = this.#children.get(name) ?? {};
      if (exitCode !== null || performance.now() > deadline) {
        const log = readFileSync(join(this.directory, `${name}.log`), "utf8")
          .trim()
          .split("\n")
          .slice(-5)
          .join("\n");
        throw failure("DIST_ERR_DEMO_PROCESS", {
          name,
          problem: exitCode === null ? "did not start in time" : "ended",
          log,
        });
      }
      await sleep(pollMs, undefined, { signal });
    }
  }

  /** Stops everything that still runs: asks first, then kills. */
  async [Symbol.asyncDispose](): Promise<void> {
    const running = [...this.#children.values()].filter(
      ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
    );
    const ended = running.map((child) => new Promise((resolve) => child.once("exit", resolve)));
    for (const child of running) child.kill("SIGTERM");
    const timer = setTimeout(() => {
      for (const child of running) child.kill("SIGKILL");
    }, stopMs);
    await Promise.all(ended);
    clearTimeout(timer);
  }
}

/** Two segments, or three from six nodes on. */
function inSegments(nodes: readonly string[]): Map<string, string[]> {
  const count = nodes.length < 6 ? 2 : 3;
  return Map.groupBy(nodes, (node) => `hall-${Math.floor((nodes.indexOf(node) * count) / nodes.length) + 1}`);
}

function configuration(staging: string, nodes: readonly string[], segments: readonly string[]): string {
  return [
    "control:",
    "  data: ./control",
    "  api: 127.0.0.1:0      # any free port; control/address says which",
    "  link: 127.0.0.1:0",
    "agent:",
    "  data: ./agents/{name}",
    "  control: 127.0.0.1:7401",
    "  policy: ./policy.yaml",
    "segments:",
    ...segments.map((segment) => `  ${segment}: { timings: fast }`),
    "groups:",
    `  web: { nodes: [${nodes.join(", ")}] }`,
    "sites:",
    `  demo: { staging: ${JSON.stringify(staging)}, group: web }`,
    "",
  ].join("\n");
}
