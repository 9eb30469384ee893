import { describe, expect, it } from "vitest";
import { reportJob } from "../../../core/cli/follow-job.ts";
import type { JobDetail } from "../../../core/cli/follow-job.ts";
import type { Came } from "../../../core/control/jobs/spreading.ts";
import { RecordedTerminal } from "./terminal/recorded-terminal.ts";

/** What is printed of a job whose data came so. */
function printed(came: Came | undefined): string[] {
  const node = { stage: "switched", reason: null };
  const job: JobDetail = {
    ...{ id: "x", kind: "publish", site: "www", params: {}, state: "done", phase: "ended", reason: "3 switched" },
    ...{
      askedBy: "ada",
      askedAt: 0,
      startedAt: 0,
      endedAt: 1,
      version: 7,
      stats: { travelBytes: 2_048, ...(came && { came }) },
    },
    nodes: ["web-1", "web-2", null].map((name, index) => ({ ...node, node: `id-${index + 1}`, name })),
  };
  const lines: string[] = [];
  const terminal = new RecordedTerminal();
  expect(reportJob(job, { json: false, terminal, print: (line) => void lines.push(line) })).toBe(0);
  return lines.slice(2);
}

const nothing: Came = { transports: {}, spreads: [], apart: [] };

describe("what is printed of a job", () => {
  it("says by which ways its data came, and to how many", () => {
    const transports = { mctp: { nodes: 8, bytes: 48 * 2 ** 20 }, http: { nodes: 1, bytes: 6 * 2 ** 20 } };
    expect(printed({ ...nothing, transports })).toEqual([
      "it came: 48 MiB by mctp to 8 nodes, 6 MiB by http to 1 node",
    ]);
  });

  it("says nothing of it where nothing came, and of jobs from before", () => {
    expect([printed(nothing), printed(undefined)]).toEqual([[], []]);
  });

  it("names those that could not be served with the others, and why", () => {
    const apart = [
      { node: "id-2", bytes: 2_048, reason: "it loses more than the others" },
      { node: "id-3", bytes: 1, reason: "it did not hear the leader send" },
    ];
    expect(printed({ ...nothing, apart })).toEqual([
      "web-2 got 2 KiB by itself: it loses more than the others",
      "id-3 got 1 B by itself: it did not hear the leader send",
    ]);
  });

  it("names 20 of them, and counts the others", () => {
    const apart = Array.from({ length: 23 }, (_, index) => ({ node: `n${index}`, bytes: 1, reason: "lost" }));
    const lines = printed({ ...nothing, apart });
    expect([lines.length, lines.at(-1)]).toEqual([21, "and 3 more got some of it by themselves"]);
    expect(printed({ ...nothing, apart: apart.slice(0, 20) })).toHaveLength(20);
  });

  it("shows nothing that a terminal would obey", () => {
    const transports = { "x\x1b[2J": { nodes: 1, bytes: 1 } };
    const lines = printed({ transports, spreads: [], apart: [{ node: "id-1", bytes: 1, reason: "a\nb\x1b]0;x\x07" }] });
    expect(lines.join("")).not.toMatch(/\p{Cc}/u);
  });
});
