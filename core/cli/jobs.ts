import { formatBytes, formatDuration } from "../../config/units.ts";
import type { Job } from "../control/jobs/job.ts";
import { Client, controlOptions } from "./client.ts";
import { reportJob } from "./follow-job.ts";
import type { JobDetail } from "./follow-job.ts";
import { defineCommand, jsonOption } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";
import { formatTable } from "./terminal/table.ts";

export const jobs = defineCommand({
  name: "jobs",
  summary: "Lists jobs, shows one, or gives one up.",
  options: {
    type: "object",
    properties: {
      job: { type: "string", maxLength: 64, description: "A job, by its id." },
      site: { type: "string", format: "name", description: "Only jobs of this site." },
      limit: { type: "integer", minimum: 1, maximum: 1_000, default: 20, description: "How many at most." },
      abort: { type: "boolean", default: false, description: "Gives the job up, unless its commit was ordered." },
      json: jsonOption,
      ...controlOptions,
    },
  },
  positionals: ["job"],
  examples: [
    { line: "jobs", does: "lists the newest jobs" },
    { line: "jobs 5f0c2f3e-… --abort", does: "gives a job up" },
  ],
  async run({ values, terminal, print, signal }) {
    const client = Client.find(values);
    if (values.job !== undefined) {
      if (values.abort) await client.post(`/v1/jobs/${values.job}/abort`, {}, signal);
      const detail = await client.get<JobDetail>(`/v1/jobs/${values.job}`, signal);
      reportJob(detail, { json: values.json, terminal, print });
      return exitCodes.ok;
    }
    const site = values.site === undefined ? "" : `&site=${values.site}`;
    const found = await client.get<Job[]>(`/v1/jobs?limit=${values.limit}${site}`, signal);
    print(values.json ? JSON.stringify(found) : formatTable(titles, found.map(rowOf), terminal.columns));
    return exitCodes.ok;
  },
});

const titles = [
  { title: "job" },
  { title: "kind" },
  { title: "site" },
  { title: "version", align: "right" },
  { title: "state" },
  { title: "took", align: "right" },
  { title: "travelled", align: "right" },
  { title: "why", leastWidth: 20 },
] as const;

function rowOf({ id, kind, site, version, state, phase, reason, startedAt, endedAt, stats }: Job) {
  const took = startedAt === undefined || endedAt === undefined ? undefined : formatDuration(endedAt - startedAt);
  const travelled = stats.travelBytes === undefined ? undefined : formatBytes(stats.travelBytes);
  return [id, kind, site, version, state === "running" ? phase : state, took, travelled, reason];
}
