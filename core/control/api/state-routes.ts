import { readStatus } from "../status.ts";
import { defineRoute } from "./route.ts";

const limit = { type: "integer", minimum: 1, maximum: 1_000, default: 100, description: "How many at most." } as const;

/** What there is and how it is. */
export const stateRoutes = [
  defineRoute({
    method: "GET",
    path: "/v1/status",
    role: "viewer",
    summary: "Control itself, its sites and how many nodes have what is live.",
    answer: async ({ control }) => readStatus(control),
  }),
  defineRoute({
    method: "GET",
    path: "/v1/plugins",
    role: "viewer",
    summary: "Plugins of control, with what they provide and why one is not usable here.",
    answer: async ({ control }) => control.plugins(),
  }),
  defineRoute({
    method: "GET",
    path: "/v1/events",
    role: "viewer",
    summary: "What happens from now on, as server-sent events.",
    answer: ({ control, signal }) => control.events.listen(signal),
  }),
  defineRoute({
    method: "GET",
    path: "/v1/audit",
    role: "admin",
    summary: "Who did what, newest first.",
    body: { type: "object", properties: { limit } },
    async answer({ control, body }) {
      const [entries, brokenAt] = await Promise.all([control.audit.read(body.limit), control.audit.verify()]);
      return { entries, ...(brokenAt === undefined ? {} : { brokenAt }) };
    },
  }),
];
