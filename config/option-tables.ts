import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ObjectSchema, Plugin, Schema } from "distributary/sdk";

const pluginsDirectory = join(import.meta.dirname, "..", "plugins");
const marked = /(<!-- options -->\n)[^]*?(<!-- \/options -->)/;

/** The options of a schema as a Markdown table; nested ones as `outer.inner`. */
export function optionTable(schema: ObjectSchema): string {
  const rows = rowsOf(schema, "");
  if (rows.length === 0) return "It has no options.";
  const head = ["Option", "Value", "Default", "Meaning"];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(escaped).join(" | ")} |`).join("\n");
}

/** `readme` with the table of `schema` between its markers. Throws if it has none. */
export function withOptionTable(readme: string, schema: ObjectSchema): string {
  if (!marked.test(readme)) throw new Error("no <!-- options --> and <!-- /options --> in it");
  return readme.replace(marked, (_, start: string, end: string) => `${start}${optionTable(schema)}\n${end}`);
}

/** Writes the table into the README of every plugin folder. Resolves with the names of those it changed. */
export async function writeOptionTables(): Promise<string[]> {
  const changed: string[] = [];
  const folders = (await readdir(pluginsDirectory, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  for (const { name } of folders) {
    const file = join(pluginsDirectory, name, "README.md");
    const { default: plugin } = (await import(`../plugins/${name}/index.ts`)) as { default: Plugin };
    const before = await readFile(file, "utf8");
    const after = withOptionTable(before, plugin.options ?? { type: "object", properties: {} });
    if (after === before) continue;
    await writeFile(file, after);
    changed.push(name);
  }
  return changed;
}

function rowsOf(schema: ObjectSchema, prefix: string): string[][] {
  return Object.entries(schema.properties).flatMap(([name, property]) => {
    const isRequired = schema.required?.includes(name) === true;
    const shown = `\`${prefix}${name}\``;
    const row = [shown, valueOf(property), defaultOf(property, isRequired), property.description ?? ""];
    const isObject = property.type === "object" && "properties" in property;
    return [row, ...(isObject ? rowsOf(property, `${prefix}${name}.`) : [])];
  });
}

function valueOf(schema: Schema): string {
  if (schema.type === "array") return `list of ${valueOf(schema.items)}`;
  if (schema.type === "object" && "properties" in schema) return "object";
  if (schema.type === "object") return `map of ${valueOf(schema.additionalProperties)}`;
  if (schema.type === "boolean") return "`true` or `false`";
  if (schema.type === "string") return schema.enum?.map((word) => `\`${word}\``).join(", ") ?? schema.format ?? "text";
  const kind = schema.type === "integer" ? "whole number" : "number";
  const range = rangeOf(schema.minimum, schema.maximum);
  return range === "" ? kind : `${kind}, ${range}`;
}

function rangeOf(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum !== undefined && maximum !== undefined) return `${minimum} … ${maximum}`;
  if (minimum !== undefined) return `at least ${minimum}`;
  return maximum === undefined ? "" : `at most ${maximum}`;
}

function defaultOf(schema: Schema, isRequired: boolean): string {
  if (isRequired) return "required";
  return schema.default === undefined ? "" : `\`${JSON.stringify(schema.default)}\``;
}

function escaped(cell: string): string {
  return cell.replaceAll("|", "\\|").replaceAll("\n", " ");
}

if (import.meta.main) {
  const changed = await writeOptionTables();
  console.log(changed.length === 0 ? "every option table is up to date" : `changed: ${changed.join(", ")}`);
}
