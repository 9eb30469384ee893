import { failure } from "distributary/sdk";
import type { ObjectSchema, Plugin } from "distributary/sdk";
import { compileSchema } from "../../config/validate.ts";

const noOptions: ObjectSchema = { type: "object", properties: {} };

/**
 * Checks a plugin's options, fills in defaults and freezes them; relative paths are relative to `directory`. Throws
 * DIST_ERR_OPTIONS_INVALID with every problem at once. */
export function readOptions(
  id: string,
  plugin: Plugin,
  given: Readonly<Record<string, unknown>>,
  directory: string,
  context: { where?: string } = {},
): Readonly<Record<string, unknown>> {
  const checked = compileSchema(plugin.options ?? noOptions, { directory })(given);
  const owner = `plugin '${id}'`;
  if (!checked.ok) {
    const problems = checked.problems.map(({ path, message }) => `${["options", ...path].join(".")} ${message}`).join("; ");
    throw failure("DIST_ERR_OPTIONS_INVALID", { owner, problems }, context);
  }
  const options = checked.value as Readonly<Record<string, unknown>>;
  const problem = plugin.check?.(options as never);
  if (problem !== undefined) throw failure("DIST_ERR_OPTIONS_INVALID", { owner, problems: problem }, context);
  return options;
}
