import { Ajv } from "ajv";
import { failure } from "distributary/sdk";
import type { Infer, ObjectSchema, Plugin, Schema } from "distributary/sdk";

/** What a plugin's `setup` gets for `given`: checked, with defaults, frozen. Throws DIST_ERR_OPTIONS_INVALID. */
export function readOptions<Options extends ObjectSchema>(plugin: Plugin<Options>, given: object): Infer<Options> {
  const owner = `plugin '${plugin.name}'`;
  const refuse = (problems: string) => failure("DIST_ERR_OPTIONS_INVALID", { owner, problems });
  const ajv = new Ajv({ useDefaults: true, allErrors: true, validateFormats: false });
  const options: unknown = structuredClone(given);
  const schema = closed(plugin.options ?? { type: "object", properties: {} });
  if (!ajv.validate(schema, options)) throw refuse(ajv.errorsText(ajv.errors, { dataVar: "options" }));
  const checked = deepFreeze(options) as Infer<Options>;
  const problem = plugin.check?.(checked);
  if (problem !== undefined) throw refuse(problem);
  return checked;
}

/** JSON Schema proper: objects take nothing that is not declared. */
function closed(schema: Schema): object {
  if (schema.type === "array") return { ...schema, items: closed(schema.items) };
  if (schema.type !== "object") return schema;
  if ("additionalProperties" in schema) return { ...schema, additionalProperties: closed(schema.additionalProperties) };
  const properties = Object.entries(schema.properties).map(([name, property]) => [name, closed(property)]);
  return { ...schema, properties: Object.fromEntries(properties), additionalProperties: false };
}

function deepFreeze(value: unknown): unknown {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}
