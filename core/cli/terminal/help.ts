import type { Schema } from "distributary/sdk";
import { flagOf } from "./arguments.ts";
import type { Command } from "./command.ts";
import { exitCodeMeanings, exitCodes } from "./exit-codes.ts";
import { pad, widthOf, wrap } from "./terminal.ts";

const mostColumns = 100;

/** What `<command> --help` prints, at most 100 columns wide. */
export function commandHelp(command: Command, program: string, columns: number): string {
  const width = Math.min(columns, mostColumns);
  const { options, positionals = [], short = {}, examples = [], details = [] } = command;
  const isRequired = (name: string) => options.required?.includes(name) === true;
  const places = positionals.map(
    (name) => [placeOf(name, options.properties[name], isRequired(name)), options.properties[name]] as const,
  );
  const named = Object.entries(options.properties).filter(([name]) => !positionals.includes(name));
  const letters = new Map(Object.entries(short).map(([letter, name]) => [name as string, letter]));
  const rows = named.map(
    ([name, schema]) => [flagLine(name, schema, letters.get(name)), describe(schema, isRequired(name))] as const,
  );
  const usage = ["Usage:", program, command.name, "[options]", ...places.map(([place]) => place)].join(" ");
  return [
    ...wrap(command.summary, width),
    ...details.flatMap((paragraph) => ["", ...wrap(paragraph, width)]),
    "",
    usage,
    ...section(
      "Arguments",
      places.map(([place, schema]) => [place, schema === undefined ? "" : describe(schema, false)]),
      width,
    ),
    ...section("Options", [...rows, ["-h, --help", "Shows this."]], width),
    ...(examples.length === 0 ? [] : ["", "Examples:"]),
    ...examples.flatMap(({ line, does }) => [
      `  ${program} ${line}`,
      ...wrap(does, width - 6).map((text) => `      ${text}`),
    ]),
  ].join("\n");
}

/** What the program prints without a command or with `--help`. */
export function programHelp(commands: readonly Command[], program: string, about: string, columns: number): string {
  const width = Math.min(columns, mostColumns);
  const codes = Object.entries(exitCodes).map(
    ([name, code]) => [String(code), exitCodeMeanings[name as keyof typeof exitCodes]] as const,
  );
  return [
    ...wrap(about, width),
    "",
    `Usage: ${program} <command> [options]`,
    ...section(
      "Commands",
      commands.map(({ name, summary }) => [name, summary] as const),
      width,
    ),
    ...section("Exit codes", codes, width),
    "",
    `\`${program} <command> --help\` tells more about a command.`,
  ].join("\n");
}

function section(title: string, rows: readonly (readonly [string, string])[], width: number): string[] {
  if (rows.length === 0) return [];
  const left = Math.min(Math.max(...rows.map(([name]) => widthOf(name))), 32);
  const lines = rows.flatMap(([name, text]) => {
    const wrapped = wrap(text, Math.max(20, width - left - 4));
    const isLong = widthOf(name) > left;
    const first = isLong ? [`  ${name}`] : [`  ${pad(name, left)}  ${wrapped.shift() ?? ""}`.trimEnd()];
    return [...first, ...wrapped.map((line) => `${" ".repeat(left + 4)}${line}`)];
  });
  return ["", `${title}:`, ...lines];
}

function placeOf(name: string, schema: Schema | undefined, isRequired: boolean): string {
  const place = `<${flagOf(name).slice(2)}>${schema?.type === "array" ? "…" : ""}`;
  return isRequired ? place : `[${place}]`;
}

function flagLine(name: string, schema: Schema, letter: string | undefined): string {
  const isOn = schema.type === "boolean" && schema.default === true;
  const flag = isOn ? flagOf(name).replace("--", "--[no-]") : flagOf(name);
  const value = schema.type === "boolean" ? "" : ` <${placeholder(schema)}>${schema.type === "array" ? "…" : ""}`;
  return `${letter === undefined ? "    " : `-${letter}, `}${flag}${value}`;
}

function placeholder(schema: Schema): string {
  if (schema.type === "array") return placeholder(schema.items);
  if (schema.type === "string") return schema.enum?.join("|") ?? schema.format ?? "text";
  return schema.type === "integer" || schema.type === "number" ? "number" : schema.type;
}

function describe(schema: Schema, isRequired: boolean): string {
  const value = schema.default;
  const isTold = value !== undefined && typeof value !== "boolean" && !(Array.isArray(value) && value.length === 0);
  const ending = isRequired
    ? " (required)"
    : isTold
      ? ` (default: ${Array.isArray(value) ? value.join(", ") : String(value)})`
      : "";
  return `${schema.description ?? ""}${ending}`;
}
