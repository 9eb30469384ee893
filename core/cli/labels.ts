import { failure } from "distributary/sdk";

/** The option by which labels are given. */
export const labelOption = {
  type: "array",
  items: { type: "string", pattern: "^[^=,]+=", maxLength: 10_000, description: "`name=value`, or several by commas." },
  default: [],
} as const;

/** Labels as they stand on a command line: `tier=web`, or `tier=web,rack=r7`. Throws DIST_ERR_USAGE. */
export function parseLabels(command: string, given: readonly string[]): Record<string, string> {
  const pairs = given.flatMap((text) => text.split(","));
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
      if (name === undefined || value === undefined)
        throw failure("DIST_ERR_USAGE", { command: `distributary ${command}`, problem: `'${pair}' is no label` });
      return [name, value];
    }),
  );
}
