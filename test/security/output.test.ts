import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadIdentity } from "../../core/agent/enrol.ts";
import { jobs } from "../../core/cli/jobs.ts";
import { nodes } from "../../core/cli/nodes.ts";
import { status } from "../../core/cli/status.ts";
import { runCommand } from "../../core/cli/terminal/run-command.ts";
import { linkPaths } from "../../core/protocol/messages.ts";
import { LinkClient } from "../../core/runtime/link-client.ts";
import { RecordedTerminal } from "../core/cli/terminal/recorded-terminal.ts";
import { Trial } from "../core/control/trial.ts";

/** Clears the screen, sets a title, begins a line, is C1 for the first, turns the direction, ends a line for others. */
const nasty = "\x1b[2J\x1b]0;t\x07\r\nforged: yes\x9b2J\u202egnp.exe\u2028next\u2066\x7f";
const obeyed = /[\0-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

it.each([true, false])(
  "SEC-45: an entry of the log is one line, whatever others put into it (pretty: %s)",
  (pretty) => {
    const module = new URL("../../core/runtime/log.ts", import.meta.url).href;
    const program = `
    import { createLog } from ${JSON.stringify(module)};
    const nasty = ${JSON.stringify(nasty)};
    const log = createLog({ level: "debug", pretty: ${pretty} });
    for (const level of ["debug", "info", "warn", "error"]) log[level]({ error: nasty }, "x");
    log.info({ [nasty]: [nasty, { [nasty]: nasty }] }, nasty);
    log.child({ node: nasty }).info({ err: Object.assign(new Error(nasty), { code: nasty }) }, nasty + nasty);
  `;
    const { stderr, status: code } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
      encoding: "utf8",
    });
    expect(code, stderr).toBe(0);
    expect(stderr.split("\n")).toHaveLength(7);
    expect(stderr).not.toMatch(obeyed);
    if (pretty) return;
    const [first] = stderr.split("\n");
    expect(JSON.parse(first ?? "")).toMatchObject({ error: nasty, msg: "x" });
  },
);

describe("SEC-45: what a node says of itself", () => {
  let trial: Trial;
  beforeAll(async () => {
    trial = await Trial.start("embedded");
    await trial.declare({
      groups: { web: { nodes: ["a"] } },
      sites: { www: { staging: "./staging/www", group: "web" } },
    });
    await trial.startAgent("a");
    const staging = trial.staging("www");
    mkdirSync(staging, { recursive: true });
    execFileSync("mkfifo", [join(staging, "pipe\x1b[2J")]);
    writeFileSync(join(staging, "name\x1b[2J\n"), "1");
    await trial.run({ kind: "publish", site: "www" });
    await trial.stopAgent("a");
    const hello = {
      ...{ type: "hello", bootId: nasty, name: nasty, labels: { [nasty]: nasty }, location: nasty, platform: nasty },
      ...{ version: nasty, cpuCount: 1, memoryBytes: 1, freeDiskBytes: 1, providers: { [nasty]: [nasty] } },
      sites: [{ site: "www", lastSerial: 1, damage: nasty }],
    };
    const identity = loadIdentity(join(trial.directory, "agents/a"));
    if (identity === undefined) throw new Error("it is not enrolled");
    const link = new LinkClient(identity);
    const { status: answer } = await link.request(
      { id: "control", host: "127.0.0.1", port: trial.control.linkPort },
      linkPaths.report,
      { method: "POST", body: Buffer.from(JSON.stringify(hello)) },
    );
    link.close();
    expect(answer).toBe(204);
  });
  afterAll(() => trial[Symbol.asyncDispose]());

  async function printed(...args: string[]): Promise<string> {
    const terminal = new RecordedTerminal({ columns: 1_000 });
    const program = { name: "distributary", version: "0", about: "", commands: [nodes, jobs, status] };
    await runCommand(program, [...args, "--data", trial.data], terminal, new AbortController().signal);
    expect(terminal.error).not.toMatch(obeyed);
    return terminal.out;
  }

  it.each([["nodes"], ["status"], ["jobs"], ["nodes", "--json"], ["status", "--json"], ["jobs", "--json"]])(
    "does not reach the terminal as it is, by %s %s",
    async (...args) => {
      const out = await printed(...args);
      expect(out).not.toMatch(obeyed);
      expect(out).not.toMatch(/^forged/m);
    },
  );

  it("and the names of files, mean the same to a program that reads the JSON", async () => {
    expect(JSON.parse(await printed("nodes", "--json"))).toMatchObject([
      { name: "a", location: nasty, claims: { labels: { [nasty]: nasty } }, sites: [{ damage: nasty }] },
    ]);
    const [job] = JSON.parse(await printed("jobs", "--json")) as { stats: { passedOver: string[] } }[];
    expect(job?.stats.passedOver).toEqual(["pipe\x1b[2J"]);
  });

  it("is no line of its own in an error either", async () => {
    for (const json of [[], ["--json"]]) {
      const terminal = new RecordedTerminal();
      const program = { name: "distributary", version: "0", about: "", commands: [jobs] };
      await runCommand(
        program,
        ["jobs", nasty.slice(0, 60), ...json, "--data", trial.data],
        terminal,
        AbortSignal.any([]),
      );
      expect(terminal.error).toContain("DIST_ERR_");
      expect(terminal.error).not.toMatch(obeyed);
      expect(terminal.error).not.toMatch(/^forged/m);
    }
  });
});
