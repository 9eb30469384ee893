import { formatDuration } from "../../config/units.ts";
import type { Status } from "../control/status.ts";
import { Client, controlOptions } from "./client.ts";
import { stateText } from "./segments.ts";
import { defineCommand, jsonOption } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";
import { formatTable } from "./terminal/table.ts";

/** Troubled segments that are shown; there may be hundreds after a large failure. */
const mostShown = 20;

export const status = defineCommand({
  name: "status",
  summary: "Shows control, its sites, and how many nodes have what is live.",
  options: { type: "object", properties: { json: jsonOption, ...controlOptions } },
  examples: [{ line: "status", does: "shows how things are" }],
  async run({ values, terminal, print, signal }) {
    const found = await Client.find(values).get<Status>("/v1/status", signal);
    if (values.json) {
      print(JSON.stringify(found));
      return exitCodes.ok;
    }
    print(
      `Distributary ${found.version}, ${found.database} database, data in ${found.directory}, ` +
        `agents at port ${found.linkPort}`,
    );
    print(`${found.nodes.connected} of ${found.nodes.enrolled} nodes are connected`);
    for (const { name, silentMs } of found.nodes.silent)
      print(`${name} was not heard of for ${formatDuration(silentMs)} and may serve something old`);
    const { count, troubled } = found.segments;
    const inTrouble = troubled.length === 0 ? "none" : troubled.length;
    print(`${count} segment${count === 1 ? "" : "s"}, ${inTrouble} of them in trouble`);
    for (const segment of troubled.slice(0, mostShown))
      print(`segment ${segment.segment}: ${stateText(segment, Date.now())}`);
    if (troubled.length > mostShown) print("`distributary segments` shows the others");
    const titles = [
      { title: "site" },
      { title: "group" },
      { title: "live", align: "right" },
      { title: "backup", align: "right" },
      { title: "nodes with it", align: "right" },
      { title: "staging" },
    ] as const;
    const rows = found.sites.map((site) => [
      site.site,
      site.group,
      site.liveVersion,
      site.backupVersion,
      `${site.current} of ${site.nodes}`,
      site.staging,
    ]);
    print(formatTable(titles, rows, terminal.columns));
    return exitCodes.ok;
  },
});
