import type { Job } from "../control/jobs/job.ts";
import { Client, controlOptions } from "./client.ts";
import { followJob, reportJob } from "./follow-job.ts";
import { jsonOption } from "./terminal/command.ts";
import type { CommandContext } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";

/** Options of every command that asks for a job of one site. */
export const jobOptions = {
  site: { type: "string", format: "name", description: "The site." },
  wait: { type: "boolean", default: true, description: "Waits until the job has ended; --no-wait only asks for it." },
  json: jsonOption,
  ...controlOptions,
} as const;

interface JobValues {
  readonly site: string;
  readonly wait: boolean;
  readonly json: boolean;
  readonly url?: string;
  readonly data?: string;
  readonly config?: string;
}

/** Asks for a job and, unless told not to, watches it to its end. */
export function askForJob(context: CommandContext<JobValues>, path: string, body: object): Promise<number> {
  const { values, terminal, print, signal } = context;
  const client = Client.find(values);
  return run(() => client.post<Job>(path, body, signal));

  async function run(ask: () => Promise<Job>): Promise<number> {
    if (values.wait)
      return reportJob(await followJob(client, ask, terminal, signal), { json: values.json, terminal, print });
    const job = await ask();
    print(values.json ? JSON.stringify(job) : `job ${job.id} is ${job.state}`);
    return exitCodes.waiting;
  }
}
