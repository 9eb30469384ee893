import { failure, printable } from "distributary/sdk";
import { suggestion } from "../../../config/suggest.ts";
import { escapeControls } from "../../runtime/log.ts";
import { readArguments } from "./arguments.ts";
import type { Command } from "./command.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { commandHelp, programHelp } from "./help.ts";
import { printError } from "./print-error.ts";
import type { Terminal } from "./terminal.ts";

export interface Program {
  readonly name: string;
  readonly version: string;
  /** One sentence. */
  readonly about: string;
  /** In the order in which help lists them. */
  readonly commands: readonly Command[];
  /** Others, asked for when a name is none of those. */
  moreCommands?(): Promise<readonly Command[]>;
}

/** Runs what a command line asks for; resolves with the exit code and never rejects. `signal` interrupts. */
export async function runCommand(
  program: Program,
  args: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  try {
    return await dispatch(program, args, terminal, signal);
  } catch (error) {
    if (signal.aborted && exitCodeOf(error) === exitCodes.interrupted) return exitCodes.interrupted;
    const behind = args.indexOf("--");
    const isJson = (behind === -1 ? args : args.slice(0, behind)).includes("--json");
    printError(error, terminal, isJson ? "json" : "text");
    return exitCodeOf(error);
  }
}

async function dispatch(
  program: Program,
  args: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const [first, ...rest] = args;
  const help = () => `${programHelp(program.commands, program.name, program.about, terminal.columns)}\n`;
  const print = (line: string) => terminal.write(`${escapeControls(line)}\n`);
  if (first === undefined) {
    terminal.writeError(help());
    return exitCodes.usage;
  }
  if (first === "--version" || first === "-V") {
    print(program.version);
    return exitCodes.ok;
  }
  if (first === "--help" || first === "-h" || (first === "help" && rest.length === 0)) {
    terminal.write(help());
    return exitCodes.ok;
  }
  const command = await find(program, first === "help" ? (rest[0] ?? "") : first);
  const given = first === "help" ? { help: true as const } : readArguments(command, rest, program.name);
  if (given.help) {
    print(commandHelp(command, program.name, terminal.columns));
    return exitCodes.ok;
  }
  return command.run({ values: given.values, terminal, print, signal });
}

async function find(program: Program, wanted: string): Promise<Command> {
  const { name } = program;
  const isIn = (candidates: readonly Command[]) => candidates.find((candidate) => candidate.name === wanted);
  const command = isIn(program.commands);
  if (command !== undefined) return command;
  const more = wanted.startsWith("-") ? [] : ((await program.moreCommands?.()) ?? []);
  const added = isIn(more);
  if (added !== undefined) return added;
  const commands = [...program.commands, ...more];
  const what = wanted.startsWith("-") ? "option" : "command";
  const meant =
    what === "command"
      ? suggestion(
          wanted,
          commands.map((known) => known.name),
        )
      : "";
  throw failure("DIST_ERR_USAGE", { command: name, problem: `there is no ${what} '${printable(wanted)}'${meant}` });
}
