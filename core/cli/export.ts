import { exportConfig } from "../../config/export.ts";
import type { Declaration } from "../control/catalog.ts";
import { Client, controlOptions } from "./client.ts";
import { defineCommand, jsonOption } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";

export const exportCommand = defineCommand({
  name: "export",
  summary: "Writes all sites, groups, segments and policies back as YAML.",
  options: { type: "object", properties: { json: jsonOption, ...controlOptions } },
  examples: [{ line: "export > deployment.yaml", does: "writes what is declared to a file" }],
  async run({ values, terminal, print, signal }) {
    const declaration = await Client.find(values).get<Declaration>("/v1/declaration", signal);
    if (values.json) print(JSON.stringify(declaration));
    else terminal.write(exportConfig(declaration));
    return exitCodes.ok;
  },
});
