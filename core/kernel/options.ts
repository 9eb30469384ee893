import { failure, isFailure } from "distributary/sdk";
import type { ObjectSchema, Plugin } from "distributary/sdk";
import type { Surroundings } from "../../config/secret.ts";
import { compileSchema } from "../../config/validate.ts";

const noOptions: ObjectSchema = { type: "object", properties: {} };

/**
 * Checks a plugin's options, fills in defaults and freezes them; relative paths are relative to `directory`.
 * Throws DIST_ERR_OPTIONS_INVALID with every problem at once, and DIST_ERR_PLUGIN_SHAPE if the schema itself is wrong.
 */
export function readOptions(
  id: string,
  plugin: Plugin,
  given: Readonly<Record<string, unknown>>,
  { where, ...surroundings }: { readonly where?: string } & Surroundings = {},
): Readonly<Record<string, unknown>> {
  const context = where === undefined ? {} : { where };
  const checked = checkerOf(plugin, surroundings, context)(given);
  const owner = `plugin '${id}'`;
  if (!checked.ok) {
    const problems = checked.problems
      .map(({ path, message }) => `${["options", ...path].join(".")} ${message}`)
      .join("; ");
    throw failure("DIST_ERR_OPTIONS_INVALID", { owner, problems }, context);
  }
  const options = checked.value as Readonly<Record<string, unknown>>;
  const problem = plugin.check?.(options as never);
  if (problem !== undefined) throw failure("DIST_ERR_OPTIONS_INVALID", { owner, problems: problem }, context);
  return options;
}

function checkerOf(plugin: Plugin, surroundings: Surroundings, context: { where?: string }) {
  try {
    return compileSchema(plugin.options ?? noOptions, surroundings);
  } catch (cause) {
    if (!isFailure(cause, "DIST_ERR_OPTIONS_SCHEMA")) throw cause;
    throw failure("DIST_ERR_PLUGIN_SHAPE", { plugin: plugin.name, problem: cause.message }, { ...context, cause });
  }
}
