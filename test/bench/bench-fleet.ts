import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../config/load.ts";
import type { Client } from "../../core/cli/client.ts";
import { Fleet } from "../../core/cli/demo/fleet.ts";
import type { Job } from "../../core/control/jobs/job.ts";

/** A job that ended or holds, and how many milliseconds it spent in each of its phases. */
export interface MeasuredJob {
  readonly job: Job;
  readonly phaseMs: Readonly<Record<string, number>>;
}

/** Control and one agent as processes of their own, for sites that are measured. */
export class BenchFleet implements AsyncDisposable {
  readonly directory: string;
  readonly #fleet: Fleet;
  readonly #client: Client;

  private constructor(directory: string, fleet: Fleet, client: Client) {
    this.directory = directory;
    this.#fleet = fleet;
    this.#client = client;
  }

  /** `sites` are staging directories by name, below the directory that `make` fills. */
  static async start(make: (directory: string) => Readonly<Record<string, string>>): Promise<BenchFleet> {
    const directory = mkdtempSync(join(tmpdir(), "distributary-bench-"));
    const sites = make(directory);
    const fleet = new Fleet(directory, directory, ["n1"], false);
    const signal = new AbortController().signal;
    const client = await fleet.startControl(signal);
    const { groups } = loadConfig(fleet.config).config;
    const declared = Object.entries(sites).map(([name, staging]) => [name, { staging, group: "web" }]);
    await client.put("/v1/declaration", { groups, sites: Object.fromEntries(declared) });
    await fleet.startAgents(client, signal);
    return new BenchFleet(directory, fleet, client);
  }

  /** Publishes a site; with `commit: "manual"` until it holds. Throws if it does neither end well nor hold. */
  async publish(site: string, commit: "auto" | "manual" = "auto"): Promise<MeasuredJob> {
    const watching = new AbortController();
    try {
      const events = await this.#client.events(watching.signal);
      const phaseMs: Record<string, number> = {};
      let [phase, since] = ["queued", performance.now()];
      const { id } = await this.#client.post<Job>("/v1/jobs", { kind: "publish", site, commit });
      for await (const event of events) {
        if (event.type !== "job" || event.job !== id) continue;
        const now = performance.now();
        phaseMs[phase] = (phaseMs[phase] ?? 0) + now - since;
        [phase, since] = [event.phase, now];
        if (phase === "holding" || (event.state !== "queued" && event.state !== "running")) break;
      }
      const job = await this.#client.get<Job>(`/v1/jobs/${id}`);
      if (job.state !== "done" && job.phase !== "holding") throw new Error(`${job.state}: ${job.reason}`);
      return { job, phaseMs };
    } finally {
      watching.abort();
    }
  }

  /** Gives up a job that holds. */
  async abort({ job }: MeasuredJob): Promise<void> {
    await this.#client.post(`/v1/jobs/${job.id}/abort`, {});
  }

  /** What Linux says of the memory of control and of the agent, in MiB: `VmRSS` now, `VmHWM` at most. */
  memory(field: "VmRSS" | "VmHWM"): { readonly control: number; readonly agent: number } {
    const [control = 0, agent = 0] = this.#fleet.processIds().map((pid) => {
      const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
      return Number(line?.[1]) / 1024;
    });
    return { control, agent };
  }

  cpu() {
    return this.#fleet.processIds().map((pid) => {
      const f = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
      return [Number(f[11]) / 100, Number(f[12]) / 100];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fleet[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
