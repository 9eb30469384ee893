import { describe, expect, it, onTestFinished } from "vitest";
import { ControlStream } from "../../core/agent/control-stream.ts";
import { runCommand } from "../../core/cli/terminal/run-command.ts";
import { nodes } from "../../core/cli/nodes.ts";
import { status } from "../../core/cli/status.ts";
import { readStatus } from "../../core/control/status.ts";
import { watchForSilence } from "../../core/control/silent-nodes.ts";
import { linkPaths } from "../../core/protocol/messages.ts";
import { SimClock } from "../../sdk/testkit/sim/clock.ts";
import { SimNetwork } from "../../sdk/testkit/sim/http.ts";
import { simIo } from "../../sdk/testkit/sim/io.ts";
import { RecordedTerminal } from "../core/cli/terminal/recorded-terminal.ts";
import { Trial } from "../core/control/trial.ts";
import { quietLog } from "../core/control/store/quiet-log.ts";

const hour = 60 * 60 * 1000;
const never = new AbortController().signal;

describe("SEC-21: a node that is kept from hearing what is new", () => {
  it("says since when, and raises an alarm after a day, until it hears of control again", async () => {
    const clock = new SimClock();
    const network = new SimNetwork(clock);
    const welcome = Buffer.from(`${JSON.stringify({ type: "welcome", node: "n", control: "c" })}\n`);
    const control = network.http("control");
    control.serve(linkPaths.report, async () => ({ status: 204, body: [] }));
    control.serve(linkPaths.stream, async () => ({ status: 200, body: [welcome] }));
    const log = quietLog();
    const stop = new AbortController();
    const stream = new ControlStream(simIo({ clock, http: network.http("node") }), network.peer("control"), log);
    const running = stream.run({ greet: () => ({ type: "room", job: "", able: true }), take: () => {} }, stop.signal);
    onTestFinished(async () => {
      stop.abort();
      await clock.advance(1);
      await running;
    });
    /** Levels of what was said, each once, and how long it says it has heard nothing. */
    const said = async (ms: number) => {
      log.entries.splice(0);
      await clock.advance(ms);
      const about = log.entries.filter(({ text }) => text !== "connected to control");
      const last = about.at(-1)?.fields as { silent?: string } | undefined;
      return [[...new Set(about.map(({ level }) => level))], last?.silent];
    };
    await clock.advance(1_000);
    network.down("control");
    expect(await said(hour)).toEqual([["warn"], expect.stringMatching(/^(59m|1h)/)]);
    await clock.advance(22.5 * hour);
    expect(await said(hour)).toEqual([["warn", "error"], expect.stringMatching(/^1d/)]);
    await clock.advance(22.5 * hour);
    expect(await said(hour)).toEqual([["error"], expect.stringMatching(/^(1d23h|2d)/)]);
    network.up("control");
    await clock.advance(10_000);
    network.down("control");
    expect(await said(hour)).toEqual([["warn"], expect.stringMatching(/^(59m|1h)/)]);
  });
});

describe("SEC-21: control", () => {
  it("shows who has what is live, and since when a node was not heard of, also after a restart", async () => {
    await using trial = await Trial.start("embedded");
    await trial.declare({
      groups: { web: { nodes: ["a", "b"] } },
      sites: { www: { staging: "./staging/www", group: "web", policy: { quorum: "1" } } },
    });
    for (const name of ["a", "b"]) await trial.startAgent(name);
    await trial.run({ kind: "publish", site: "www", allowEmpty: true });
    const begun = Date.now();
    await trial.stopAgent("b");
    await expect.poll(async () => (await node(trial, "b")).seenAt, { timeout: 10_000 }).toBeGreaterThanOrEqual(begun);
    expect(await node(trial, "a")).toMatchObject({ connected: true, silentMs: 0 });
    expect((await readStatus(trial.control)).nodes).toEqual({ enrolled: 2, connected: 1, silent: [] });

    await trial.control.db
      .updateTable("node")
      .set({ seen_at: begun - 50 * hour })
      .where("name", "=", "b")
      .execute();
    await trial.restartControl();
    const { nodes: seen, sites } = await readStatus(trial.control);
    expect(seen.silent).toEqual([{ name: "b", silentMs: expect.any(Number) as number }]);
    expect(seen.silent[0]?.silentMs).toBeGreaterThanOrEqual(50 * hour);
    expect(sites[0]).toMatchObject({ nodes: 2 });
    expect(await shown(trial, status)).toContain("b was not heard of for 2d2h and may serve something old");
    expect(await shown(trial, nodes)).toMatch(/^b +no, for 2d2h /m);

    const log = quietLog();
    await watchForSilence(trial.control.db, trial.control.hub, log);
    expect(log.entries).toMatchObject([{ level: "error", fields: { count: 1, nodes: ["b"] } }]);
  });

  it("notes every hour who is there, so that a crash does not make them look silent", async () => {
    await using trial = await Trial.start("embedded");
    await trial.startAgent("a");
    const { db, hub } = trial.control;
    await db.updateTable("node").set({ seen_at: 1 }).execute();
    await watchForSilence(db, hub, trial.log);
    const { seen_at } = await db.selectFrom("node").select("seen_at").executeTakeFirstOrThrow();
    expect(seen_at).toBeGreaterThan(Date.now() - hour);
  });
});

interface NodeRow {
  readonly name: string;
  readonly connected: boolean;
  readonly seenAt: number;
  readonly silentMs: number;
}

async function node(trial: Trial, name: string): Promise<NodeRow> {
  const rows = (await (await trial.api("GET", "/v1/nodes", await trial.token("viewer"))).json()) as NodeRow[];
  return rows.find((row) => row.name === name) as NodeRow;
}

/** What a command prints for people. */
async function shown(trial: Trial, command: typeof nodes | typeof status): Promise<string> {
  const terminal = new RecordedTerminal({ columns: 200 });
  const program = { name: "distributary", version: "0", about: "", commands: [command] };
  expect(await runCommand(program, [command.name, "--data", trial.data], terminal, never)).toBe(0);
  return terminal.out;
}
