import packageJson from "../../../package.json" with { type: "json" };
import { toJsonSchema } from "../../../config/to-json-schema.ts";
import type { ApiRoute } from "./route.ts";

/** The API in OpenAPI 3.1, from the table of its routes. */
export function openApi(routes: readonly ApiRoute[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Distributary control", version: packageJson.version, license: { name: packageJson.license } },
    security: [{ token: [] }],
    paths,
    components: { securitySchemes: { token: { type: "http", scheme: "bearer" } }, schemas: { Error: errorSchema } },
  };
}

const errorSchema = {
  type: "object",
  required: ["code", "message"],
  properties: {
    code: { type: "string" },
    message: { type: "string" },
    hint: { type: "string" },
    request: { type: "string" },
  },
};

function operation({ method, path, summary, role, body }: ApiRoute): object {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const schema = body === undefined ? undefined : toJsonSchema(body, {});
  const inQuery =
    body === undefined || method !== "GET"
      ? []
      : Object.entries(body.properties).map(([name, property]) => ({
          name,
          in: "query",
          description: property.description,
          schema: toJsonSchema(property, {}),
        }));
  return {
    summary,
    description: `For ${role}s.`,
    parameters: [...inPath, ...inQuery],
    ...(schema === undefined || method === "GET"
      ? {}
      : { requestBody: { content: { "application/json": { schema } } } }),
    responses: {
      "200": { description: "Done." },
      default: {
        description: "Refused or failed.",
        content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
      },
    },
  };
}
