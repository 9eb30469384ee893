import { formatBytes, formatDuration } from "../../config/units.ts";
import type { SiteState } from "../protocol/messages.ts";
import { Client, controlOptions } from "./client.ts";
import { defineCommand, jsonOption } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";
import { formatTable } from "./terminal/table.ts";

interface NodeRow {
  readonly id: string;
  readonly name: string;
  readonly connected: boolean;
  /** How long nothing was heard of it. */
  readonly silentMs: number;
  readonly platform?: string;
  readonly location?: string;
  readonly freeDiskBytes?: number;
  readonly sites: readonly SiteState[];
}

export const nodes = defineCommand({
  name: "nodes",
  summary: "Lists nodes with what each has, or revokes one.",
  options: {
    type: "object",
    properties: {
      node: { type: "string", maxLength: 200, description: "A node, by name or id." },
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
    { line: "nodes web-3 --revoke", does: "locks web-3 out" },
  ],
  async run({ values, terminal, print, signal }) {
    const client = Client.find(values);
    if (values.revoke && values.node !== undefined)
      await client.delete(`/v1/nodes/${encodeURIComponent(values.node)}`, signal);
    const all = await client.get<NodeRow[]>("/v1/nodes", signal);
    const wanted = values.revoke ? undefined : values.node;
    const found = all.filter(({ id, name }) => wanted === undefined || wanted === id || wanted === name);
    print(values.json ? JSON.stringify(found) : formatTable(titles, found.map(rowOf), terminal.columns));
    return exitCodes.ok;
  },
});

const titles = [
  { title: "node" },
  { title: "connected" },
  { title: "sites: live version" },
  { title: "free disk", align: "right" },
  { title: "location" },
  { title: "platform" },
  { title: "id" },
] as const;

function rowOf({ id, name, connected, silentMs, platform, location, freeDiskBytes, sites }: NodeRow) {
  const live = sites.map(
    ({ site, live, damage }) => `${site}: ${live?.version ?? "nothing"}${damage === undefined ? "" : " (damaged)"}`,
  );
  return [
    name,
    connected ? "yes" : `no, for ${formatDuration(silentMs)}`,
    live.join(", "),
    freeDiskBytes === undefined ? undefined : formatBytes(freeDiskBytes),
    location,
    platform,
    id,
  ];
}
