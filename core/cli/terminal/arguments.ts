import { parseArgs } from "node:util";
import { failure, printable } from "distributary/sdk";
import type { DistributaryError, Schema } from "distributary/sdk";
import { suggestion } from "../../../config/suggest.ts";
import { compileSchema } from "../../../config/validate.ts";
import type { Problem } from "../../../config/validate.ts";
import type { Command } from "./command.ts";

/** The flag of a property: `pieceBytes` is `--piece-bytes`. */
export function flagOf(property: string): string {
  return `--${property.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** What stood on the command line: a request for help, or checked values. */
export type Arguments =
  { readonly help: true } | { readonly help: false; readonly values: Readonly<Record<string, unknown>> };

/**
 * Reads the arguments behind a command's name. Relative paths become absolute.
 * Throws DIST_ERR_USAGE with the first thing that is wrong.
 */
export function readArguments(command: Command, args: readonly string[], program: string): Arguments {
  const usage = (problem: string) => failure("DIST_ERR_USAGE", { command: `${program} ${command.name}`, problem });
  const raw = new Map<string, unknown>();
  const rest: string[] = [];
  for (const token of tokensOf(command, args)) {
    if (token.kind === "positional") rest.push(token.value);
    if (token.kind !== "option") continue;
    if (token.name === "help") return { help: true };
    takeOption(command, token, raw, usage);
  }
  takePositionals(command, rest, raw, usage);
  const checked = compileSchema(command.options, { directory: process.cwd() })(Object.fromEntries(raw));
  if (!checked.ok) throw usage(checked.problems.map((problem) => say(command, problem)).join("; "));
  return { help: false, values: checked.value };
}

type Usage = (problem: string) => DistributaryError;

interface OptionToken {
  readonly rawName: string;
  readonly name: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function optionsOf({ options, positionals = [] }: Command): [string, Schema][] {
  return Object.entries(options.properties).filter(([name]) => !positionals.includes(name));
}

function tokensOf(command: Command, args: readonly string[]) {
  const letters = new Map(Object.entries(command.short ?? {}).map(([letter, name]) => [name, letter]));
  const declared = optionsOf(command).map(([name, schema]) => {
    const short = letters.get(name);
    const type = schema.type === "boolean" ? ("boolean" as const) : ("string" as const);
    return [flagOf(name).slice(2), { type, ...(short === undefined ? {} : { short }) }] as const;
  });
  const options = { ...Object.fromEntries(declared), help: { type: "boolean" as const, short: "h" } };
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

function takeOption(command: Command, token: OptionToken, raw: Map<string, unknown>, usage: Usage): void {
  const known = optionsOf(command);
  const find = (flag: string) => known.find(([name]) => flagOf(name) === flag);
  const isNegated = token.name.startsWith("no-") && find(`--${token.name.slice(3)}`)?.[1].type === "boolean";
  const [name, schema] = find(`--${isNegated ? token.name.slice(3) : token.name}`) ?? [];
  if (name === undefined || schema === undefined) {
    const shown = printable(token.rawName);
    const meant = token.rawName.startsWith("--")
      ? suggestion(token.rawName, [...known.map(([option]) => flagOf(option)), "--help"])
      : "";
    throw usage(`there is no option '${shown}'${meant}`);
  }
  if (schema.type === "boolean") {
    if (token.inlineValue === true) throw usage(`${flagOf(name)} takes no value`);
    raw.set(name, !isNegated);
    return;
  }
  const { value } = token;
  // A forgotten value would swallow the next option; `--x=-y` says that it is meant.
  if (value === undefined || (token.inlineValue !== true && /^-./.test(value)))
    throw usage(`${flagOf(name)} needs a value`);
  if (schema.type === "array") {
    raw.set(name, [...((raw.get(name) as unknown[] | undefined) ?? []), valueOf(schema.items, value)]);
    return;
  }
  if (raw.has(name)) throw usage(`${flagOf(name)} stands there twice`);
  raw.set(name, valueOf(schema, value));
}

function takePositionals(
  { options, positionals = [] }: Command,
  given: readonly string[],
  raw: Map<string, unknown>,
  usage: Usage,
): void {
  let at = 0;
  for (const name of positionals) {
    const schema = options.properties[name];
    if (schema === undefined || at >= given.length) continue;
    if (schema.type === "array") {
      raw.set(
        name,
        given.slice(at).map((text) => valueOf(schema.items, text)),
      );
      at = given.length;
    } else {
      raw.set(name, valueOf(schema, given[at] ?? ""));
      at += 1;
    }
  }
  if (at < given.length) throw usage(`'${printable(given[at] ?? "")}' is too much`);
}

/** The text, or the number it says where a number is wanted; what is wrong with it, the schema's check finds. */
function valueOf(schema: Schema, text: string): unknown {
  if (schema.type !== "integer" && schema.type !== "number") return text;
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function say({ positionals = [] }: Command, { path, message }: Problem): string {
  const name = String(path[0] ?? "");
  return `${positionals.includes(name) ? `<${flagOf(name).slice(2)}>` : flagOf(name)} ${message}`;
}
