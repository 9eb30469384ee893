import { failure } from "distributary/sdk";
import { formatDuration } from "../../config/units.ts";
import type { SegmentMemberView, SegmentSummary, SegmentView } from "../control/segments/view.ts";
import { Client, controlOptions } from "./client.ts";
import { defineCommand, jsonOption } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";
import { formatTable } from "./terminal/table.ts";

export const segments = defineCommand({
  name: "segments",
  summary: "Lists segments with their leaders, or shows the nodes of one.",
  options: {
    type: "object",
    properties: {
      segment: { type: "string", format: "name", description: "A segment." },
      move: {
        type: "string",
        format: "address",
        description: "Moves the segment to this channel: a multicast address below 239, and a port.",
      },
      report: { type: "boolean", default: false, description: "Asks the leader to report now." },
      json: jsonOption,
      ...controlOptions,
    },
  },
  positionals: ["segment"],
  examples: [
    { line: "segments", does: "lists all segments" },
    { line: "segments hall-1", does: "shows the nodes of hall-1" },
    { line: "segments hall-1 --move 239.1.2.3:7402", does: "moves hall-1 to another channel" },
  ],
  async run({ values, terminal, print, signal }) {
    const client = Client.find(values);
    const { segment, move, report } = values;
    const say = (value: unknown, text: string) => print(values.json ? JSON.stringify(value) : text);
    const now = Date.now();
    if (segment === undefined && (move !== undefined || report))
      throw failure("DIST_ERR_USAGE", {
        command: "distributary segments",
        problem: "name the segment to move or to ask",
      });
    if (segment === undefined) {
      const all = await client.get<SegmentSummary[]>("/v1/segments", signal);
      const rows = all.map((one) => rowOf(one, now));
      say(all, formatTable(titles, rows, terminal.columns));
      return exitCodes.ok;
    }
    const path = `/v1/segments/${encodeURIComponent(segment)}`;
    if (move !== undefined) {
      const moved = await client.post<{ channel: { group: string; port: number } }>(
        `${path}/move`,
        { channel: move },
        signal,
      );
      say(moved, `${segment} moves to ${moved.channel.group}:${moved.channel.port}`);
      return exitCodes.ok;
    }
    if (report) {
      const { asked } = await client.post<{ asked: string[] }>(`${path}/report`, {}, signal);
      say({ asked }, asked.length === 0 ? `${segment} has no leader to ask` : `asked ${asked.join(", ")}`);
      return exitCodes.ok;
    }
    const view = await client.get<SegmentView>(path, signal);
    say(
      view,
      [formatTable(titles, [rowOf(view, now)], terminal.columns), "", memberTable(view, terminal.columns)].join("\n"),
    );
    return exitCodes.ok;
  },
});

const titles = [
  { title: "segment" },
  { title: "leader" },
  { title: "for", align: "right" },
  { title: "members", align: "right" },
  { title: "reach" },
  { title: "state" },
] as const;

function rowOf(summary: SegmentSummary, now: number) {
  const { segment, leader, leaderSince, members, enrolled, reach } = summary;
  const leading = leaderSince === undefined ? undefined : formatDuration(Math.max(0, now - leaderSince));
  return [segment, leader, leading, `${members} of ${enrolled}`, reach, stateText(summary, now)];
}

/** The state of a segment with its reason: `no word for 5m: its leader web-1 is not connected to control`. */
export function stateText({ state, reason, since }: SegmentSummary, now: number): string {
  const forLong = since === undefined ? "" : ` for ${formatDuration(Math.max(0, now - since))}`;
  return reason === "" ? `${state}${forLong}` : `${state}${forLong}: ${reason}`;
}

const memberTitles = [
  { title: "node" },
  { title: "is" },
  { title: "follows" },
  { title: "connected" },
  { title: "address" },
  { title: "reach" },
  { title: "loss", align: "right" },
  { title: "note" },
] as const;

function memberTable({ nodes }: SegmentView, columns: number): string {
  return formatTable(memberTitles, nodes.map(memberRow), columns);
}

function memberRow({ name, is, leader, connected, address, port, byUnicast, lostPermille, reason }: SegmentMemberView) {
  return [
    name,
    is,
    is === "member" ? leader : undefined,
    connected ? "yes" : "no",
    address === undefined ? undefined : `${address}:${port}`,
    byUnicast === undefined ? undefined : byUnicast ? "unicast" : "multicast",
    lostPermille === undefined ? undefined : `${lostPermille / 10} %`,
    reason,
  ];
}
