import type { CliCommand, Infer, ObjectSchema } from "distributary/sdk";
import type { Terminal } from "./terminal.ts";

/** What a command gets. */
export interface CommandContext<Values> {
  /** Options and positionals: checked, with their defaults, and frozen. */
  readonly values: Values;
  readonly terminal: Terminal;
  /** Writes a line to standard output. */
  print(line: string): void;
  /** Aborts at the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
}

/**
 * A command of the command line. Options are declared in the grammar of plugin options: booleans are flags
 * (`--no-x` turns one off), lists may be given several times, and `pieceBytes` is written `--piece-bytes`.
 */
export interface Command<Options extends ObjectSchema = ObjectSchema> {
  readonly name: string;
  /** One sentence for the list of commands. */
  readonly summary: string;
  /** More for `--help`, in paragraphs. */
  readonly details?: readonly string[];
  readonly options: Options;
  /** Properties given by position instead of by name; a list takes all that remain. */
  readonly positionals?: readonly (keyof Options["properties"] & string)[];
  /** Letters for options: `{ c: "config" }`. */
  readonly short?: Readonly<Record<string, keyof Options["properties"] & string>>;
  /** Command lines without the program's name, and what each does. */
  readonly examples?: readonly { readonly line: string; readonly does: string }[];
  /** Resolves with the exit code; an error decides it by itself. */
  run(context: CommandContext<Infer<Options>>): Promise<number> | number;
}

/** Declares a command; the values its `run` gets are typed by its options. */
export function defineCommand<const Options extends ObjectSchema>(command: Command<Options>): Command {
  return command as unknown as Command;
}

/** The option of every command that can answer in JSON; `--json` also makes errors JSON. */
export const jsonOption = { type: "boolean", default: false, description: "Answers in JSON, for scripts." } as const;

/** The option of every command that reads a configuration. */
export const configOption = {
  type: "string",
  format: "path",
  default: "distributary.yaml",
  description: "The configuration file.",
} as const;

const rawArguments = {
  type: "array",
  items: { type: "string" },
  default: [],
  description: "Its arguments; its options stand behind `--`.",
} as const;

/** A command that a plugin brought; it takes its arguments as they are. */
export function pluginCommand(name: string, { description, run }: CliCommand): Command {
  return defineCommand({
    name,
    summary: description,
    options: { type: "object", properties: { args: rawArguments } },
    positionals: ["args"],
    run: ({ values, print }) => run(values.args, print),
  });
}
