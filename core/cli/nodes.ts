import { failure } from "distributary/sdk";
import { formatBytes, formatDuration } from "../../config/units.ts";
import type { SiteState } from "../protocol/messages.ts";
import { Client, controlOptions } from "./client.ts";
import { labelOption, parseLabels } from "./labels.ts";
import { defineCommand, jsonOption } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";
import { formatTable } from "./terminal/table.ts";

interface NodeRow {
  readonly id: string;
  readonly name: string;
  readonly connected: boolean;
  /** How long nothing was heard of it. */
  readonly silentMs: number;
  readonly segment: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What it says of itself and does not count. */
  readonly claims?: object;
  readonly leader?: string;
  readonly leaderSince?: number;
  readonly platform?: string;
  readonly location?: string;
  readonly freeDiskBytes?: number;
  readonly sites: readonly SiteState[];
}

export const nodes = defineCommand({
  name: "nodes",
  summary: "Lists nodes with what each has, puts one elsewhere, or revokes one.",
  options: {
    type: "object",
    properties: {
      node: { type: "string", maxLength: 200, description: "A node, by name or id." },
      segment: { type: "string", format: "name", description: "Puts the node into this segment." },
      label: { ...labelOption, description: "Gives the node a label: `tier=web`." },
      unlabel: {
        type: "array",
        items: { type: "string", description: "The name of a label." },
        default: [],
        description: "Takes a label of this name from the node.",
      },
      group: { type: "string", format: "name", description: "Puts the node into this group." },
      revoke: {
        type: "boolean",
        default: false,
        description: "Makes the node's certificate count for nothing any more.",
      },
      json: jsonOption,
      ...controlOptions,
    },
  },
  positionals: ["node"],
  examples: [
    { line: "nodes", does: "lists all nodes" },
    { line: "nodes web-3 --segment hall-2 --label tier=web", does: "puts web-3 into hall-2, and labels it" },
    { line: "nodes web-3 --group www", does: "lets web-3 serve what the group www serves" },
    { line: "nodes web-3 --revoke", does: "locks web-3 out" },
  ],
  async run({ values, terminal, print, signal }) {
    const client = Client.find(values);
    const path = `/v1/nodes/${encodeURIComponent(values.node ?? "")}`;
    const list = () => client.get<NodeRow[]>("/v1/nodes", signal);
    const changes = changesIn(values);
    if (values.node === undefined && (values.revoke || changes !== undefined))
      throw failure("DIST_ERR_USAGE", { command: "distributary nodes", problem: "which node?" });
    if (values.revoke) await client.delete(path, signal);
    else if (changes !== undefined) {
      const before = (await list()).find(({ id, name }) => id === values.node || name === values.node);
      await client.put(path, changes(before?.labels ?? {}), signal);
    }
    const all = await list();
    const wanted = values.revoke ? undefined : values.node;
    const found = all.filter(({ id, name }) => wanted === undefined || wanted === id || wanted === name);
    print(values.json ? JSON.stringify(found) : formatTable(titles, found.map(rowOf), terminal.columns));
    return exitCodes.ok;
  },
});

/** What is to change of a node that has these labels; undefined if nothing is. */
function changesIn(values: {
  readonly segment?: string;
  readonly group?: string;
  readonly label: readonly string[];
  readonly unlabel: readonly string[];
}): ((labels: NodeRow["labels"]) => object) | undefined {
  const { segment, group, label, unlabel } = values;
  const given = parseLabels("nodes", label);
  const isRelabelled = label.length + unlabel.length > 0;
  if (segment === undefined && group === undefined && !isRelabelled) return undefined;
  const kept = ([name]: [string, string]) => !unlabel.includes(name);
  return (before) => ({
    ...(segment === undefined ? {} : { segment }),
    ...(group === undefined ? {} : { group }),
    ...(isRelabelled ? { labels: Object.fromEntries(Object.entries({ ...before, ...given }).filter(kept)) } : {}),
  });
}

const titles = [
  { title: "node" },
  { title: "connected" },
  { title: "segment" },
  { title: "leader" },
  { title: "labels" },
  { title: "sites: live version" },
  { title: "free disk", align: "right" },
  { title: "location" },
  { title: "platform" },
  { title: "id" },
] as const;

function rowOf(node: NodeRow) {
  const { id, name, connected, silentMs, segment, leader, leaderSince, platform, location, freeDiskBytes, sites } =
    node;
  const leading = leaderSince === undefined ? "" : `, for ${formatDuration(Math.max(0, Date.now() - leaderSince))}`;
  const labels = Object.entries(node.labels).map(([label, value]) => `${label}=${value}`);
  const claims = node.claims === undefined ? [] : [`(says ${JSON.stringify(node.claims)})`];
  const live = sites.map(
    ({ site, live, damage }) => `${site}: ${live?.version ?? "nothing"}${damage === undefined ? "" : " (damaged)"}`,
  );
  return [
    name,
    connected ? "yes" : `no, for ${formatDuration(silentMs)}`,
    segment,
    leader === undefined ? "none" : leader === name ? `itself${leading}` : `${leader}${leading}`,
    [...labels, ...claims].join(", "),
    live.join(", "),
    freeDiskBytes === undefined ? undefined : formatBytes(freeDiskBytes),
    location,
    platform,
    id,
  ];
}
