import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodes as nodesCommand } from "../../../core/cli/nodes.ts";
import { segments } from "../../../core/cli/segments.ts";
import { status } from "../../../core/cli/status.ts";
import { runCommand } from "../../../core/cli/terminal/run-command.ts";
import { token } from "../../../core/cli/token.ts";
import type { SegmentSummary } from "../../../core/control/segments/view.ts";
import { SpokenNode, reportOf } from "../control/segments/members.ts";
import { Trial } from "../control/trial.ts";
import { RecordedTerminal } from "./terminal/recorded-terminal.ts";

let trial: Trial;
let one: SpokenNode;
let two: SpokenNode;

beforeAll(async () => {
  trial = await Trial.start("embedded");
  await trial.declare({
    segments: { "hall-1": {} },
    groups: { www: { nodes: [] } },
    sites: { site: { staging: "./staging/site", group: "www" } },
  });
  one = await SpokenNode.enrol(trial, "web-1", { segment: "hall-1" });
  two = await SpokenNode.enrol(trial, "web-2", { segment: "hall-1", labels: { tier: "web" } });
  await one.connect();
});
afterAll(async () => {
  await one[Symbol.asyncDispose]();
  await two[Symbol.asyncDispose]();
  await trial[Symbol.asyncDispose]();
});

async function run(line: string) {
  const terminal = new RecordedTerminal({ columns: 200 });
  const program = { name: "distributary", version: "0", about: "", commands: [segments, nodesCommand, status, token] };
  const args = [...line.split(" "), "--data", trial.data];
  const code = await runCommand(program, args, terminal, new AbortController().signal);
  return { code, out: terminal.out, error: terminal.error };
}
/** The cells of the line that begins so. */
const cells = (text: string, first: string) =>
  text
    .split("\n")
    .map((line) => line.trim().split(/ {2,}/))
    .find(([name]) => name === first);

describe("distributary segments", () => {
  it("says which segments nobody leads, and why", async () => {
    const { out } = await run("segments");
    const [name, leader, , members, , state] = cells(out, "hall-1") ?? [];
    expect([name, leader, members]).toEqual(["hall-1", "-", "0 of 2"]);
    expect(state).toMatch(/^no leader for \S+: no leader has reported$/);
    expect((await run("status")).out).toMatch(/1 segment, 1 of them in trouble\nsegment hall-1: no leader for /);
  });

  it("says who leads, since when, who follows, and how", async () => {
    await one.grant({ address: "192.0.2.1", port: 7000 });
    await one.report(reportOf(one.id, [two.id], { leadingMs: 7_200_000 }), "hall-1");
    expect(cells((await run("segments")).out, "hall-1")).toEqual([
      "hall-1",
      "web-1",
      "2h",
      "2 of 2",
      "multicast",
      "led",
    ]);
    const { out } = await run("segments hall-1");
    expect(cells(out, "web-1")).toEqual(["web-1", "leader", "-", "yes", "192.0.2.1:7000", "-", "-", "-"]);
    expect(cells(out, "web-2")?.slice(0, 7)).toEqual([
      ...["web-2", "member", "web-1", "no", "127.0.0.1:7500", "multicast", "0 %"],
    ]);
    expect((await run("status")).out).toContain("1 segment, none of them in trouble");
    expect(JSON.parse((await run("segments --json")).out)).toEqual([
      expect.objectContaining({ segment: "hall-1", leader: "web-1", state: "led" }),
    ] satisfies Partial<SegmentSummary>[]);
  });

  it("moves one, and has its leader report", async () => {
    const told = one.order("segment-move");
    expect((await run("segments hall-1 --move 239.1.1.1:7500")).out).toBe("hall-1 moves to 239.1.1.1:7500\n");
    expect((await told).channel.group).toBe("239.1.1.1");
    const asked = one.order("segment-report");
    expect((await run("segments hall-1 --report")).out).toBe("asked web-1\n");
    await asked;
  });

  it("refuses what is none", async () => {
    for (const line of ["segments none", "segments hall-1 --move 10.1.1.1:7500", "segments hall-1 --move 239.1.1.1"])
      expect((await run(line)).code, line).not.toBe(0);
  });
});

describe("distributary nodes", () => {
  it("shows segment, leader and labels, and what a node says that does not count", async () => {
    await one.say({
      ...{ type: "hello", bootId: "x", name: "web-1", segment: "hall-9", labels: { a: "b" }, providers: {}, sites: [] },
      ...{ platform: "linux", version: "0", cpuCount: 1, memoryBytes: 1, freeDiskBytes: 1 },
    });
    const { out } = await run("nodes");
    const says = '(says {"segment":"hall-9","labels":{"a":"b"}})';
    expect(cells(out, "web-1")?.slice(0, 5)).toEqual([
      "web-1",
      "yes",
      "hall-1",
      expect.stringMatching(/^itself, for 2h/),
      says,
    ]);
    expect(cells(out, "web-2")?.slice(2, 5)).toEqual(["hall-1", expect.stringMatching(/^web-1, for 2h/), "tier=web"]);
  });

  it("puts a node into a segment and a group, and labels it", async () => {
    const { out, code } = await run(
      "nodes web-2 --segment hall-2 --group www --label rack=r7,row=3 --label x= --unlabel tier",
    );
    expect(code).toBe(0);
    expect(cells(out, "web-2")?.slice(2, 5)).toEqual(["hall-2", "none", "rack=r7, row=3, x="]);
    expect((await trial.control.catalog.members("www")).map(({ name }) => name)).toEqual(["web-2"]);
  });

  it("refuses changes of no node, and labels that are none", async () => {
    for (const line of [
      "nodes --segment hall-2",
      "nodes --revoke",
      "nodes web-2 --label rack",
      "nodes web-9 --label a=b",
    ])
      expect((await run(line)).code, line).not.toBe(0);
  });
});

describe("distributary token", () => {
  it("binds segment and labels", async () => {
    const { out } = await run("token web-3 --segment hall-3 --label tier=edge,rack=r1");
    const [, id = ""] = out.trim().split(".");
    const row = await trial.control.db.selectFrom("join_token").selectAll().where("id", "=", id).executeTakeFirst();
    expect(row).toMatchObject({ node_name: "web-3", segment: "hall-3", labels_json: '{"tier":"edge","rack":"r1"}' });
  });
});
