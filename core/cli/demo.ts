import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failure } from "distributary/sdk";
import { loadConfig } from "../../config/load.ts";
import { formatBytes, formatDuration } from "../../config/units.ts";
import type { Job } from "../control/jobs/job.ts";
import type { Client } from "./client.ts";
import { copyContent, editContent, hashContent, removeContent } from "./demo/content.ts";
import { Fleet } from "./demo/fleet.ts";
import { followJob } from "./follow-job.ts";
import type { JobDetail } from "./follow-job.ts";
import { defineCommand } from "./terminal/command.ts";
import type { CommandContext } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";
import { formatTable } from "./terminal/table.ts";

const site = "demo";

export const demo = defineCommand({
  name: "demo",
  summary: "Shows all of it on this host: publish, delta, commit, rollback, with real processes.",
  details: [
    "Everything happens in a temporary directory and with free ports; nothing is left behind, also after Ctrl-C.",
  ],
  options: {
    type: "object",
    properties: {
      directory: {
        type: "string",
        format: "path",
        description: "What to publish; it is copied, not touched. Absent: some npm packages.",
      },
      nodes: { type: "integer", minimum: 3, maximum: 30, default: 3, description: "How many agents." },
      keep: {
        type: "boolean",
        default: false,
        description: "Leaves control and agents running, and says how to stop them.",
      },
    },
  },
  positionals: ["directory"],
  examples: [
    { line: "demo", does: "publishes some npm packages to three agents" },
    {
      line: "demo ./public --nodes 9 --keep",
      does: "publishes ./public to nine agents, and leaves them running to look at",
    },
  ],
  async run(context) {
    const { values, print } = context;
    const directory = mkdtempSync(join(tmpdir(), "distributary-demo-"));
    const names = Array.from({ length: values.nodes }, (_, index) => `node-${index + 1}`);
    let isLeft = false;
    try {
      const staging = join(directory, "staging");
      copyContent(values.directory, staging);
      await using fleet = new Fleet(directory, staging, names, values.keep);
      await new Show(context, fleet, staging).run();
      if (values.keep) {
        print(`\nIt runs on in ${directory}: edit ${staging}, then for instance`);
        print(`  DISTRIBUTARY_DATA=${join(directory, "control")} distributary publish ${site}`);
        print(`To stop it: kill ${fleet.processIds().join(" ")}; rm -r ${directory}`);
        fleet.leave();
        isLeft = true;
      }
      return exitCodes.ok;
    } finally {
      if (!isLeft) removeContent(directory);
    }
  },
});

type Row = readonly [step: string, there: string, changed: string, travelled: string, ratio: string, took: string];

/** The demo's course, step by step; every node is checked by hash after each. */
class Show {
  readonly #context: CommandContext<{ readonly keep: boolean }>;
  readonly #fleet: Fleet;
  readonly #staging: string;
  readonly #rows: Row[] = [];

  constructor(context: CommandContext<{ readonly keep: boolean }>, fleet: Fleet, staging: string) {
    this.#context = context;
    this.#fleet = fleet;
    this.#staging = staging;
  }

  async run(): Promise<void> {
    const { print, terminal, signal } = this.#context;
    const { nodes } = this.#fleet;
    const first = hashContent(this.#staging);
    print(`${first.fileCount} files, ${formatBytes(first.sizeBytes)}, to be published to ${nodes.length} nodes`);
    print("\n1. control and agents start");
    const client = await this.#fleet.startControl(signal);
    const { groups, segments, sites, policies } = loadConfig(this.#fleet.config).config;
    await client.put("/v1/declaration", { groups, segments, sites, policies }, signal);
    await this.#fleet.startAgents(client, signal);
    for (const { segment, leader, members } of await this.#fleet.untilLed(client, signal))
      print(`   ${segment}: ${members} ${members === 1 ? "node" : "nodes"}, led by ${leader}`);

    print("\n2. the first publish: everything");
    await this.#job(client, "publish, all of it", () =>
      client.post<Job>("/v1/jobs", { kind: "publish", site }, signal),
    );
    this.#check(first.hash);

    const { changed, added, removed, renamed } = editContent(this.#staging);
    const second = hashContent(this.#staging);
    print(
      `\n3. ${changed} files edited, ${added} added, ${removed} removed, ${renamed} renamed: only what changed travels`,
    );
    await this.#job(client, "publish, the delta", () =>
      client.post<Job>("/v1/jobs", { kind: "publish", site, commit: "manual" }, signal),
    );
    print("   prepared beside what is live; until the commit every node serves the old version:");
    this.#check(first.hash);

    print("\n4. commit: all go live at once");
    const commit = await this.#job(client, "commit", () => client.post<Job>(`/v1/sites/${site}/commit`, {}, signal));
    print(`   between the first and the last node: ${(commit.stats.switchSkewMs ?? 0).toFixed(1)} ms`);
    this.#check(second.hash);

    print("\n5. rollback: all go back at once");
    await this.#job(client, "rollback", () => client.post<Job>("/v1/jobs", { kind: "rollback", site }, signal));
    this.#check(first.hash);

    if (!this.#context.values.keep) await this.#loseLeader(client);

    print("");
    print(formatTable(titles, this.#rows, terminal.columns));
    print(
      "\nWhere to look: core/cli/demo.ts is this demo, ARCHITECTURE.md the way of the data,\n" +
        "config/examples/ deployments to start from.",
    );
  }

  /** Kills the leader of the largest segment; the others elect another one. */
  async #loseLeader(client: Client): Promise<void> {
    const { print, signal } = this.#context;
    const before = await this.#fleet.untilLed(client, signal);
    const { segment, leader = "" } = before.reduce((most, each) => (each.members > most.members ? each : most));
    print(`\n6. the leader of ${segment}, ${leader}, is killed: the others elect another one`);
    const startedAt = performance.now();
    await this.#fleet.kill(leader);
    const after = await this.#fleet.untilLed(client, signal, leader);
    const next = after.find((each) => each.segment === segment)?.leader;
    print(`   ${next} leads ${segment}, ${formatDuration(Math.round(performance.now() - startedAt))} later`);
  }

  /** Runs a job to its end and notes what it moved. */
  async #job(client: Client, step: string, ask: () => Promise<Job>): Promise<JobDetail> {
    const { terminal, signal, print } = this.#context;
    const startedAt = performance.now();
    const job = await followJob(client, ask, terminal, signal);
    if (job.state !== "done" && job.phase !== "holding") {
      throw failure("DIST_ERR_JOB_REFUSED", { reason: `${job.kind} ${job.state}: ${job.reason}` });
    }
    const took = formatDuration(Math.round(performance.now() - startedAt));
    const { contentBytes = 0, travelBytes = 0, sizeBytes = 0 } = job.stats;
    const isTransfer = job.kind === "publish" && step !== "commit";
    const perNode = travelBytes / this.#fleet.nodes.length;
    const ratio =
      isTransfer && perNode > 0 ? `1 : ${(sizeBytes / perNode).toFixed(sizeBytes / perNode < 100 ? 1 : 0)}` : "";
    const shown = isTransfer ? [formatBytes(sizeBytes), formatBytes(contentBytes), formatBytes(perNode)] : ["", "", ""];
    this.#rows.push([step, shown[0] ?? "", shown[1] ?? "", shown[2] ?? "", ratio, took]);
    print(`   ${job.reason === "" ? "prepared" : job.reason}, ${took}`);
    return job;
  }

  /** Reads every file on every node. */
  #check(wanted: string): void {
    for (const node of this.#fleet.nodes) {
      const { hash, fileCount } = hashContent(this.#fleet.liveDirectory(node, site));
      if (hash !== wanted) throw failure("DIST_ERR_DEMO_DIFFERS", { node, found: hash, wanted });
      this.#context.print(`   ${node}: ${fileCount} files, hash ${hash.slice(0, 16)}… as in staging`);
    }
  }
}

const titles = [
  { title: "step" },
  { title: "there is", align: "right" },
  { title: "in changed files", align: "right" },
  { title: "travelled to each", align: "right" },
  { title: "ratio", align: "right" },
  { title: "took", align: "right" },
] as const;
