import { Client, controlOptions } from "./client.ts";
import { labelOption, parseLabels } from "./labels.ts";
import { defineCommand, jsonOption } from "./terminal/command.ts";
import { exitCodes } from "./terminal/exit-codes.ts";

export const token = defineCommand({
  name: "token",
  summary: "Makes a token with which a node enrols; or, with --account, one for the API.",
  options: {
    type: "object",
    properties: {
      node: {
        type: "string",
        format: "name",
        description: "The name the node will have. Absent: the one it asks for.",
      },
      segment: {
        type: "string",
        format: "name",
        description: "The segment the node will be in. Absent: the one it asks for.",
      },
      label: {
        ...labelOption,
        description: "A label the node will have, and no others than given: `tier=web`. Absent: those it asks for.",
      },
      uses: { type: "integer", minimum: 1, maximum: 10_000, default: 1, description: "How many nodes may use it." },
      life: { type: "string", format: "duration", description: "How long it is good for. Join tokens: 1h if absent." },
      account: { type: "string", format: "name", description: "Makes an API token of this account instead." },
      role: {
        type: "string",
        enum: ["viewer", "operator", "admin"],
        description: "Makes the account first, or gives it this role.",
      },
      json: jsonOption,
      ...controlOptions,
    },
  },
  positionals: ["node"],
  examples: [
    { line: "token web-1", does: "prints a token for the node web-1, good for an hour and once" },
    {
      line: "token --uses 20 --segment hall-1 --label tier=web",
      does: "prints a token for twenty nodes of the segment hall-1 with the label tier=web",
    },
    { line: "token --uses 20 --life 1d", does: "prints a token for twenty nodes that bring their own names" },
    { line: "token --account deploy --role operator", does: "prints an API token for a build server" },
  ],
  async run({ values, print, signal }) {
    const client = Client.find(values);
    const life = values.life === undefined ? {} : { life: values.life };
    const { account, role, node, segment, label, uses } = values;
    if (account !== undefined) {
      if (role !== undefined) await client.put(`/v1/accounts/${account}`, { role }, signal);
      const made = await client.post<{ token: string }>(`/v1/accounts/${account}/tokens`, life, signal);
      print(values.json ? JSON.stringify(made) : made.token);
      return exitCodes.ok;
    }
    const made = await client.post<{ text: string; expiresAt: number }>(
      "/v1/join-tokens",
      {
        uses,
        ...life,
        ...(node === undefined ? {} : { node }),
        ...(segment === undefined ? {} : { segment }),
        ...(label.length === 0 ? {} : { labels: parseLabels("token", label) }),
      },
      signal,
    );
    print(values.json ? JSON.stringify(made) : made.text);
    return exitCodes.ok;
  },
});
