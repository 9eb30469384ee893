import { isPlainObject } from "./copy.ts";
import { formats, isName } from "./formats.ts";
import type { Problem } from "./problem.ts";
import { suggestion } from "./suggest.ts";

/** What is wrong between parts of any value: names that lead nowhere, are no names, or stand twice. */
export function referenceProblems(value: unknown): Problem[] {
  if (!isPlainObject(value)) return [];
  const { groups, segments, sites, policies, plugins } = value;
  return [
    ...Object.entries({ groups, segments, sites, policies }).flatMap((section) => nameProblems(...section)),
    ...entriesOf(sites).flatMap(([name, site]) => [
      ...lookUp(["sites", name, "group"], site["group"], "group", keysOf(groups)),
      ...lookUp(["sites", name, "policy"], site["policy"], "policy", [...keysOf(policies), "default"]),
    ]),
    ...entriesOf(groups).flatMap(([name, { nodes }]) => repeated(nodes, (at) => ["groups", name, "nodes", at], "node")),
    ...entriesOf(groups).flatMap(([name, { match }]) => matchProblems(["groups", name, "match"], match)),
    ...entriesOf(segments).flatMap(([name, segment]) => leaderProblems(["segments", name], segment)),
    ...repeatedIds(plugins),
  ];
}

function nameProblems(section: string, value: unknown): Problem[] {
  const wrong = keysOf(value).filter((name) => !isName(name));
  return wrong.map((name) => ({ path: [section, name], message: `is not ${formats.name.wanted}` }));
}

function matchProblems(path: Problem["path"], match: unknown): Problem[] {
  const isEmpty = isPlainObject(match) && Object.keys(match).length === 0;
  return isEmpty ? [{ path, message: "matches no node", hint: "say which `labels`, or which `segment`" }] : [];
}

/** A node is named once, as a leader or as one that never leads. */
function leaderProblems(path: Problem["path"], { leaders, ineligible }: Readonly<Record<string, unknown>>): Problem[] {
  const first = Array.isArray(leaders) ? leaders.length : 0;
  const all: unknown[] = [leaders, ineligible].flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []));
  const pathOf = (at: number) => [...path, ...(at < first ? ["leaders", at] : ["ineligible", at - first])];
  return repeated(all, pathOf, "node");
}

function lookUp(path: Problem["path"], name: unknown, kind: string, known: readonly string[]): Problem[] {
  if (typeof name !== "string" || known.includes(name)) return [];
  const hint = known.length === 0 ? `there is no ${kind}; declare one` : `known: ${[...known].sort().join(", ")}`;
  return [{ path, message: `there is no ${kind} '${name}'${suggestion(name, known)}`, hint }];
}

function repeatedIds(plugins: unknown): Problem[] {
  const ids = Array.isArray(plugins)
    ? plugins.map((plugin: unknown) => (isPlainObject(plugin) ? (plugin["as"] ?? plugin["use"]) : undefined))
    : [];
  const problems = repeated(ids, (at) => ["plugins", at], "plugin");
  return problems.map((problem) => ({ ...problem, hint: "give one of them another id with `as:`" }));
}

function repeated(items: unknown, pathOf: (at: number) => Problem["path"], what: string): Problem[] {
  const seen = new Set<unknown>();
  return (Array.isArray(items) ? items : []).flatMap((item: unknown, at) => {
    if (typeof item !== "string") return [];
    if (seen.has(item)) return [{ path: pathOf(at), message: `names the ${what} '${item}' a second time` }];
    seen.add(item);
    return [];
  });
}

function keysOf(value: unknown): string[] {
  return isPlainObject(value) ? Object.keys(value) : [];
}

function entriesOf(value: unknown): [string, Readonly<Record<string, unknown>>][] {
  return isPlainObject(value)
    ? Object.entries(value).filter((entry): entry is [string, Readonly<Record<string, unknown>>] =>
        isPlainObject(entry[1]),
      )
    : [];
}
