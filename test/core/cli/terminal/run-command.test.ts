import { describe, expect, it } from "vitest";
import { DistributaryError, failure } from "distributary/sdk";
import { defineCommand, jsonOption, pluginCommand } from "../../../../core/cli/terminal/command.ts";
import { exitCodeMeanings, exitCodeOf, exitCodes } from "../../../../core/cli/terminal/exit-codes.ts";
import { runCommand } from "../../../../core/cli/terminal/run-command.ts";
import type { Program } from "../../../../core/cli/terminal/run-command.ts";
import { RecordedTerminal } from "./recorded-terminal.ts";

const publish = defineCommand({
  name: "publish",
  summary: "Publishes a site to its group.",
  details: [
    "Compares staging with what is live and sends what changed. Nodes go live together once enough of them have it.",
  ],
  options: {
    type: "object",
    required: ["site"],
    properties: {
      site: { type: "string", format: "name", description: "The site." },
      nodes: { type: "array", items: { type: "string" }, default: [], description: "Only these nodes." },
      wait: { type: "boolean", default: true, description: "Waits until it is live." },
      timeout: {
        type: "string",
        format: "duration",
        default: "10m",
        description: "How long to wait, after which the job goes on by itself and the command ends.",
      },
      commit: { type: "string", enum: ["auto", "manual"], description: "When it goes live." },
      json: jsonOption,
    },
  },
  positionals: ["site"],
  short: { n: "nodes" },
  examples: [{ line: "publish www --no-wait", does: "Starts it and returns." }],
  run({ values, print }) {
    if (values.site === "broken") throw failure("DIST_ERR_EXEC_FAILED", { file: "x", problem: "failed\x1b[2J" });
    print(`${values.site} ${values.wait} ${values.timeout}`);
    return values.site === "later" ? exitCodes.waiting : exitCodes.ok;
  },
});

const shout = pluginCommand("shout", {
  description: "Shouts.",
  run: (args, print) => {
    print(args.join(" ").toUpperCase());
    return Promise.resolve(exitCodes.ok);
  },
});

const program: Program = { name: "distributary", version: "1.2.3", about: "Publish once.", commands: [publish, shout] };

async function run(...args: string[]) {
  const terminal = new RecordedTerminal();
  const code = await runCommand(program, args, terminal, new AbortController().signal);
  return { code, out: terminal.out, error: terminal.error };
}

describe("runCommand", () => {
  it("runs a command with its values and answers with its exit code", async () => {
    expect(await run("publish", "www")).toEqual({ code: 0, out: "www true 10m\n", error: "" });
    expect(await run("publish", "later", "--no-wait")).toMatchObject({ code: 5, out: "later false 10m\n" });
  });

  it("hands a plugin's command its arguments", async () => {
    expect(await run("shout", "a", "--", "--loud")).toEqual({ code: 0, out: "A --LOUD\n", error: "" });
  });

  it("shows what there is without a command, as wrong usage", async () => {
    const { code, out, error } = await run();
    expect([code, out]).toEqual([2, ""]);
    expect(error).toContain("Usage: distributary <command> [options]");
  });

  it.each([["--help"], ["-h"], ["help"]])("shows what there is for %s", async (...args) => {
    const { code, out } = await run(...args);
    expect(code).toBe(0);
    expect(out).toMatch(/\n {2}publish {2}Publishes a site to its group.\n {2}shout {4}Shouts.\n/);
    for (const meaning of Object.values(exitCodeMeanings)) expect(out).toContain(meaning);
  });

  it("shows its version", async () => expect(await run("--version")).toEqual({ code: 0, out: "1.2.3\n", error: "" }));

  it("explains a command", async () => {
    const { out } = await run("publish", "--help");
    expect((await run("help", "publish")).out).toBe(out);
    expect(out).toBe(`Publishes a site to its group.

Compares staging with what is live and sends what changed. Nodes go live
together once enough of them have it.

Usage: distributary publish [options] <site>

Arguments:
  <site>  The site.

Options:
  -n, --nodes <text>…         Only these nodes.
      --[no-]wait             Waits until it is live.
      --timeout <duration>    How long to wait, after which the job goes on by
                              itself and the command ends. (default: 10m)
      --commit <auto|manual>  When it goes live.
      --json                  Answers in JSON, for scripts.
  -h, --help                  Shows this.

Examples:
  distributary publish www --no-wait
      Starts it and returns.
`);
  });

  it.each<[string[], string]>([
    [
      ["publsh"],
      "DIST_ERR_USAGE  distributary: there is no command 'publsh', did you mean 'publish'?\n" +
        "  hint: see `distributary --help`\n",
    ],
    [["--wait"], "DIST_ERR_USAGE  distributary: there is no option '--wait'\n  hint: see `distributary --help`\n"],
    [
      ["publish"],
      "DIST_ERR_USAGE  distributary publish: <site> is required\n  hint: see `distributary publish --help`\n",
    ],
  ])("refuses %j", async (args, error) => expect(await run(...args)).toEqual({ code: 2, out: "", error }));

  it("shows errors in words, safely, and in JSON for scripts", async () => {
    expect(await run("publish", "broken")).toEqual({
      code: 1,
      out: "",
      error: "DIST_ERR_EXEC_FAILED  'x' failed\\x1b[2J\n",
    });
    const { code, error } = await run("publish", "broken", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(error)).toEqual({
      error: { code: "DIST_ERR_EXEC_FAILED", message: "'x' failed\x1b[2J", retryable: true },
    });
    expect(JSON.parse((await run("publish", "--json")).error)).toMatchObject({ error: { code: "DIST_ERR_USAGE" } });
  });

  it("says nothing when it is interrupted", async () => {
    const stop = new AbortController();
    const terminal = new RecordedTerminal();
    const command = defineCommand({
      name: "wait",
      summary: "Waits.",
      options: { type: "object", properties: {} },
      run({ signal }) {
        stop.abort();
        signal.throwIfAborted();
        return 0;
      },
    });
    expect(await runCommand({ ...program, commands: [command] }, ["wait"], terminal, stop.signal)).toBe(130);
    expect(terminal.error).toBe("");
  });
});

describe("exitCodeOf", () => {
  const error = (status: number) => new DistributaryError("A_ERR_B", "b", { status });
  it.each<[string, unknown, number]>([
    ["not signed in", error(401), 3],
    ["not allowed", error(403), 3],
    ["not there", error(404), 1],
    ["busy", error(503), 4],
    ["broken", error(500), 1],
    [
      "a refused connection below",
      new DistributaryError("A_ERR_B", "b", {
        cause: new Error("c", { cause: Object.assign(new Error("d"), { code: "ECONNREFUSED" }) }),
      }),
      4,
    ],
    ["an abort", new DOMException("stop", "AbortError"), 130],
    ["a mistake of ours", new TypeError("x"), 1],
    ["no error at all", "x", 1],
  ])("tells what is %s", (_, thrown, code) => expect(exitCodeOf(thrown)).toBe(code));
});
