import { printable } from "distributary/sdk";
import { formatBytes } from "../../config/units.ts";
import type { Job } from "../control/jobs/job.ts";
import type { Client } from "./client.ts";
import { exitCodes } from "./terminal/exit-codes.ts";
import { Progress } from "./terminal/progress.ts";
import type { Bar } from "./terminal/progress.ts";
import { formatTable } from "./terminal/table.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** A job as the API tells it. */
export interface JobDetail extends Job {
  readonly nodes: readonly {
    readonly node: string;
    readonly name: string | null;
    readonly stage: string;
    readonly reason: string | null;
  }[];
}

const mostApartShown = 20;
const labels: Readonly<Record<string, string>> = { scan: "scan", build: "delta, compress", transfer: "transfer" };

/**
 * Asks for a job and watches it until it ends, or until it waits for "commit". Events only make it prompt:
 * what counts is read from the job itself.
 */
export async function followJob(
  client: Client,
  ask: () => Promise<Job>,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<JobDetail> {
  const watching = new AbortController();
  try {
    const events = await client.events(AbortSignal.any([signal, watching.signal]));
    const { id, phase } = await ask();
    // Who says "commit" to a job that holds does not wait for it to hold.
    const isOver = (job: { readonly state: string; readonly phase: string }) =>
      isEnded(job) || (job.phase === "holding" && phase !== "holding");
    const nodes = await client.get<{ id: string; name: string }[]>("/v1/nodes", signal);
    using bars = new JobBars(terminal, new Map(nodes.map(({ id: node, name }) => [node, name])));
    const detail = await client.get<JobDetail>(`/v1/jobs/${id}`, signal);
    if (isOver(detail)) return detail;
    for await (const event of events) {
      if (!("job" in event) || event.job !== id) continue;
      if (event.type === "progress") bars.update(event.what, event.node, event.done, event.total);
      if (event.type === "job" && isOver(event)) break;
    }
    return await client.get<JobDetail>(`/v1/jobs/${id}`, signal);
  } finally {
    watching.abort();
  }
}

function isEnded({ state }: { readonly state: string }): boolean {
  return state !== "queued" && state !== "running";
}

/** A bar for each thing a job does, and for each node's transfer. */
class JobBars implements Disposable {
  readonly #progress: Progress;
  readonly #names: ReadonlyMap<string, string>;
  readonly #bars = new Map<string, Bar>();

  /** `names` are those of nodes by their ids. */
  constructor(terminal: Terminal, names: ReadonlyMap<string, string>) {
    this.#progress = new Progress(terminal);
    this.#names = names;
  }

  update(what: string, node: string | undefined, done: number, total: number): void {
    const known = total > 0 ? total : undefined;
    const label = [labels[what] ?? what, node === undefined ? [] : (this.#names.get(node) ?? node)].flat().join(" ");
    const bar = this.#bars.get(label) ?? this.#progress.bar(label, known, what === "scan" ? "count" : "bytes");
    this.#bars.set(label, bar);
    if (known !== undefined) bar.setTotal(known);
    bar.update(done);
    if (done === total) bar.finish();
  }

  [Symbol.dispose](): void {
    this.#progress[Symbol.dispose]();
  }
}

/** Prints what became of a job, and answers the exit code that says it. */
export function reportJob(
  job: JobDetail,
  { json, terminal, print }: { json: boolean; terminal: Terminal; print(line: string): void },
): number {
  if (json) print(JSON.stringify(job));
  else for (const line of describeJob(job, terminal.columns)) print(line);
  if (job.state === "done") return exitCodes.ok;
  return job.state === "deferred" || job.phase === "holding" ? exitCodes.waiting : exitCodes.failed;
}

/** By which transports data came to the nodes, and which of them could not be served with all others of a segment. */
function describeWays({ stats, nodes }: JobDetail): string[] {
  const { transports = {}, apart = [] } = stats.came ?? {};
  const ways = Object.entries(transports).map(([name, { nodes: count, bytes }]) => {
    return `${formatBytes(bytes)} by ${printable(name)} to ${count} node${count === 1 ? "" : "s"}`;
  });
  const names = new Map(nodes.map(({ node, name }) => [node, name ?? node]));
  const lines = apart.slice(0, mostApartShown).map(({ node, bytes, reason }) => {
    return `${names.get(node) ?? node} got ${formatBytes(bytes)} by itself: ${printable(reason)}`;
  });
  const more = apart.length - lines.length;
  return [
    ...(ways.length === 0 ? [] : [`it came: ${ways.join(", ")}`]),
    ...lines,
    ...(more === 0 ? [] : [`and ${more} more got some of it by themselves`]),
  ];
}

function describeJob(job: JobDetail, columns: number): string[] {
  const { stats } = job;
  const waits = job.phase === "holding" ? "prepared; `distributary commit` makes it live" : job.reason;
  const version = job.version === undefined ? "" : ` version ${job.version}`;
  const lines = [`${job.kind} ${job.site}${version}: ${job.state}, ${printable(waits)}`];
  if (stats.summary !== undefined && job.kind === "publish") {
    const { added, removed, changed, attributes, unchanged } = stats.summary;
    lines.push(
      `changes: ${added} new, ${changed} changed, ${removed} gone, ` +
        `${attributes} with other permissions or times, ${unchanged} as before`,
    );
  }
  if (stats.travelBytes !== undefined) {
    const there = stats.sizeBytes === undefined ? "" : ` of ${formatBytes(stats.sizeBytes)} there are`;
    lines.push(
      `travelled: ${formatBytes(stats.travelBytes)} to ${job.nodes.length} nodes, ` +
        `for ${formatBytes(stats.contentBytes ?? 0)} of changed files${there}`,
    );
  }
  lines.push(...describeWays(job));
  if (stats.passedOver !== undefined && stats.passedOver.length > 0)
    lines.push(`passed over, being no files: ${stats.passedOver.map(printable).join(", ")}`);
  const failed = job.nodes.filter(({ stage }) => stage === "failed");
  if (failed.length > 0) {
    lines.push(
      formatTable(
        [{ title: "node" }, { title: "failed because", leastWidth: 40 }],
        failed.map(({ name, node, reason }) => [name ?? node, reason ?? ""]),
        columns,
      ),
    );
  }
  return lines;
}
