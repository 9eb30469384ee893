#!/usr/bin/env node
import packageJson from "../../package.json" with { type: "json" };
import { agent } from "./agent.ts";
import { apply } from "./apply.ts";
import { check } from "./check.ts";
import { checkpoint } from "./checkpoint.ts";
import { commit } from "./commit.ts";
import { control } from "./control.ts";
import { demo } from "./demo.ts";
import { exportCommand } from "./export.ts";
import { jobs } from "./jobs.ts";
import { newCommand } from "./new.ts";
import { nodes } from "./nodes.ts";
import { plugins } from "./plugins.ts";
import { loadPluginCommands } from "./plugin-commands.ts";
import { publish } from "./publish.ts";
import { remove } from "./remove.ts";
import { restore } from "./restore.ts";
import { rollback } from "./rollback.ts";
import { segments } from "./segments.ts";
import { status } from "./status.ts";
import { runCommand } from "./terminal/run-command.ts";
import { processTerminal } from "./terminal/terminal.ts";
import { token } from "./token.ts";

const program = {
  name: "distributary",
  version: packageJson.version,
  about: packageJson.description,
  commands: [
    demo,
    publish,
    commit,
    rollback,
    checkpoint,
    restore,
    remove,
    status,
    jobs,
    nodes,
    segments,
    apply,
    exportCommand,
    check,
    control,
    agent,
    token,
    plugins,
    newCommand,
  ],
  moreCommands: loadPluginCommands,
};

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupt.abort());
process.exitCode = await runCommand(program, process.argv.slice(2), processTerminal(), interrupt.signal);
