import { readFileSync, writeFileSync } from "node:fs";
import { loadConfig } from "../../config/load.ts";
import type { Client } from "../../core/cli/client.ts";
import { Fleet } from "../../core/cli/demo/fleet.ts";
import type { Job } from "../../core/control/jobs/job.ts";
import { OwnDisk } from "./own-disk.ts";

/** A job that ended, and how many milliseconds it spent in each of its phases. */
export interface MeasuredJob {
  readonly job: Job;
  readonly phaseMs: Readonly<Record<string, number>>;
}

/** Of Linux's USER_HZ, on every common machine. */
const ticksPerSecond = 100;

/** Control and one agent as processes of their own, for sites that are measured, on a disk of their own. */
export class BenchFleet implements AsyncDisposable {
  readonly #resources: AsyncDisposable;
  readonly #fleet: Fleet;
  readonly #client: Client;

  private constructor(resources: AsyncDisposable, fleet: Fleet, client: Client) {
    this.#resources = resources;
    this.#fleet = fleet;
    this.#client = client;
  }

  get directory(): string {
    return this.#fleet.directory;
  }

  /** `sites` are staging directories by name, which `make` fills below the directory it gets. */
  static async start(
    gibibytes: number,
    make: (directory: string) => Readonly<Record<string, string>>,
  ): Promise<BenchFleet> {
    await using resources = new AsyncDisposableStack();
    const disk = resources.use(new OwnDisk(gibibytes));
    const sites = make(disk.path);
    const fleet = resources.use(new Fleet(disk.path, disk.path, ["n1"], false));
    const signal = new AbortController().signal;
    const client = await fleet.startControl(signal);
    const { groups } = loadConfig(fleet.config).config;
    const declared = Object.entries(sites).map(([name, staging]) => [name, { staging, group: "web" }]);
    await client.put("/v1/declaration", { groups, sites: Object.fromEntries(declared) });
    await fleet.startAgents(client, signal);
    // What it took to start does not count.
    for (const pid of fleet.processIds()) writeFileSync(`/proc/${pid}/clear_refs`, "5");
    return new BenchFleet(resources.move(), fleet, client);
  }

  /** Publishes a site. Throws if that does not end well. */
  async publish(site: string): Promise<MeasuredJob> {
    const watching = new AbortController();
    try {
      const events = await this.#client.events(watching.signal);
      const phaseMs: Record<string, number> = {};
      let [phase, since] = ["queued", performance.now()];
      const { id } = await this.#client.post<Job>("/v1/jobs", { kind: "publish", site });
      for await (const event of events) {
        if (event.type !== "job" || event.job !== id) continue;
        const now = performance.now();
        phaseMs[phase] = (phaseMs[phase] ?? 0) + now - since;
        [phase, since] = [event.phase, now];
        if (event.state !== "queued" && event.state !== "running") break;
      }
      const job = await this.#client.get<Job>(`/v1/jobs/${id}`);
      if (job.state !== "done") throw new Error(`${job.state}: ${job.reason}`);
      return { job, phaseMs };
    } finally {
      watching.abort();
    }
  }

  /** What Linux says of the memory of control and of the agent, in MiB: `VmRSS` now, `VmHWM` at most. */
  memory(field: "VmRSS" | "VmHWM"): { readonly control: number; readonly agent: number } {
    const [control = 0, agent = 0] = this.#fleet.processIds().map((pid) => {
      const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
      return Number(line?.[1]) / 1024;
    });
    return { control, agent };
  }

  /** What the agent has used of the processors since it was started, in seconds. */
  agentSeconds(): number {
    const stat = readFileSync(`/proc/${this.#fleet.processIds()[1]}/stat`, "utf8");
    const [user, system] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13)
      .map(Number);
    return ((user ?? 0) + (system ?? 0)) / ticksPerSecond;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}
