import type { SiteState } from "../../protocol/messages.ts";
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
    path: "/v1/nodes",
    role: "viewer",
    summary: "Nodes with their facts, and what they have of each site.",
    async answer({ control }) {
      const [nodes, states] = await Promise.all([
        control.db.selectFrom("node").selectAll().where("state", "=", "active").orderBy("name").execute(),
        control.db.selectFrom("node_site").selectAll().orderBy("site").execute(),
      ]);
      const sitesOf = Map.groupBy(states, ({ node }) => node);
      const now = Date.now();
      const seenAt = (id: string, noted: number | null) => (control.hub.isConnected(id) ? now : noted);
      return nodes.map(({ id, name, facts_json, enrolled_at, seen_at }) => ({
        ...(JSON.parse(facts_json) as object),
        id,
        name,
        connected: control.hub.isConnected(id),
        enrolledAt: enrolled_at,
        seenAt: seenAt(id, seen_at),
        silentMs: now - (seenAt(id, seen_at) ?? enrolled_at),
        sites: (sitesOf.get(id) ?? []).map(({ state_json }) => JSON.parse(state_json) as SiteState),
      }));
    },
  }),
  defineRoute({
    method: "DELETE",
    path: "/v1/nodes/:node",
    role: "admin",
    summary: "Revokes a node: its certificate counts for nothing any more.",
    async answer({ control, params, caller }) {
      const id = await control.enrolment.revoke(params["node"] ?? "", caller.name);
      control.hub.drop(id);
      return { revoked: id };
    },
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
