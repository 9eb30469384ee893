import { failure } from "distributary/sdk";
import { groupSchema, segmentSchema, siteSchema } from "../../../config/schema.ts";
import { policyProblems, policySchema } from "../../../config/policy.ts";
import type { Policy } from "../../../config/policy.ts";
import { compileSchema } from "../../../config/validate.ts";
import type { Declaration } from "../catalog.ts";
import { defineRoute } from "./route.ts";

const { policy: _, ...siteProperties } = siteSchema.properties;
/** A site names its policy or brings its own; the API takes the two under different names. */
const declaredSite = {
  ...siteSchema,
  properties: {
    ...siteProperties,
    policy: { type: "string", default: "default", description: "The name of a policy." },
    ownPolicy: policySchema,
  },
} as const;

/** What is declared: sites, groups, segments and policies. */
export const declarationRoutes = [
  defineRoute({
    method: "GET",
    path: "/v1/declaration",
    role: "viewer",
    summary: "All groups, segments, sites and policies, as they were applied.",
    answer: async ({ control }) => control.catalog.export(),
  }),
  defineRoute({
    method: "PUT",
    path: "/v1/declaration",
    role: "admin",
    summary: "Declares groups, segments, sites and policies: those named are made or changed, others stay.",
    body: {
      type: "object",
      properties: {
        groups: { type: "object", additionalProperties: groupSchema, default: {}, description: "Groups by name." },
        segments: {
          type: "object",
          additionalProperties: segmentSchema,
          default: {},
          description: "Segments by name.",
        },
        sites: { type: "object", additionalProperties: declaredSite, default: {}, description: "Sites by name." },
        policies: { type: "object", additionalProperties: policySchema, default: {}, description: "Policies by name." },
      },
    },
    async answer({ control, body, caller }) {
      const sites = Object.entries(body.sites).map(([name, { ownPolicy, ...site }]) => [
        name,
        { ...site, policy: ownPolicy ?? site.policy },
      ]);
      const declaration = { ...body, sites: Object.fromEntries(sites) } as Declaration;
      const { groups, segments, policies } = body;
      for (const section of [groups, segments, body.sites, policies]) Object.keys(section).forEach(checkName);
      for (const [name, policy] of Object.entries(body.policies)) checkPolicy(`policies.${name}`, policy);
      for (const [name, { ownPolicy }] of Object.entries(body.sites))
        if (ownPolicy !== undefined) checkPolicy(`sites.${name}.policy`, ownPolicy);
      control.checkProviders(declaration);
      await control.audit.record(caller.name, "declaration.put", "declaration", body);
      await control.declare(declaration);
      return {
        applied: {
          groups: Object.keys(body.groups),
          segments: Object.keys(body.segments),
          sites: Object.keys(body.sites),
          policies: Object.keys(body.policies),
        },
      };
    },
  }),
];

/** Rules between the parts of a policy, beyond its schema. */
function checkPolicy(where: string, policy: Policy): void {
  const [problem] = policyProblems(policy);
  if (problem === undefined) return;
  throw failure("DIST_ERR_API_REQUEST", { problem: `${[where, ...problem.path].join(".")} ${problem.message}` });
}

const isName = compileSchema({ type: "string", format: "name" });

function checkName(name: string): void {
  if (!isName(name).ok)
    throw failure("DIST_ERR_API_REQUEST", { problem: `'${name}' is no name: lower case letters, digits and hyphens` });
}
