import { isDeepStrictEqual } from "node:util";
import type { FromNode, SiteState } from "../../protocol/messages.ts";
import type { Labels } from "../../runtime/enrolment.ts";
import { changeNode } from "../change-node.ts";
import { defineRoute } from "./route.ts";

type Facts = Partial<Extract<FromNode, { type: "hello" }>>;

/** The nodes: what they are, and what an administrator decides of them. */
export const nodeRoutes = [
  defineRoute({
    method: "GET",
    path: "/v1/nodes",
    role: "viewer",
    summary: "Nodes with their facts, their segment and its leader, and what they have of each site.",
    async answer({ control }) {
      const [nodes, states] = await Promise.all([
        control.db.selectFrom("node").selectAll().where("state", "=", "active").orderBy("name").execute(),
        control.db.selectFrom("node_site").selectAll().orderBy("site").execute(),
      ]);
      const sitesOf = Map.groupBy(states, ({ node }) => node);
      const now = Date.now();
      const seenAt = (id: string, noted: number | null) => (control.hub.isConnected(id) ? now : noted);
      return nodes.map(({ id, name, facts_json, enrolled_at, seen_at, segment, labels_json }) => {
        const facts = JSON.parse(facts_json) as Facts;
        const labels = JSON.parse(labels_json) as Labels;
        const place = control.segments.placeOf(id);
        return {
          ...facts,
          id,
          name,
          segment,
          labels,
          ...claimsOf(facts, segment, labels),
          ...(place === undefined ? {} : { leader: control.segments.nameOf(place.leader), leaderSince: place.since }),
          connected: control.hub.isConnected(id),
          enrolledAt: enrolled_at,
          seenAt: seenAt(id, seen_at),
          silentMs: now - (seenAt(id, seen_at) ?? enrolled_at),
          sites: (sitesOf.get(id) ?? []).map(({ state_json }) => JSON.parse(state_json) as SiteState),
        };
      });
    },
  }),
  defineRoute({
    method: "PUT",
    path: "/v1/nodes/:node",
    role: "admin",
    summary: "Puts a node into another segment or into a group, or gives it other labels.",
    body: {
      type: "object",
      properties: {
        segment: { type: "string", format: "name", description: "The segment it is in from now on." },
        labels: {
          type: "object",
          additionalProperties: { type: "string", maxLength: 200, description: "The value of the label." },
          description: "Its labels, in place of those it has.",
        },
        group: { type: "string", format: "name", description: "A group that it belongs to from now on, by its name." },
      },
    },
    answer: async ({ control, params, body, caller }) => ({
      changed: await changeNode(control, params["node"] ?? "", body, caller.name),
    }),
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
];

/** What a node says of itself that differs from what counts. */
function claimsOf(facts: Facts, segment: string, labels: Labels): { claims?: Pick<Facts, "segment" | "labels"> } {
  const claims = {
    ...(facts.segment === undefined || facts.segment === segment ? {} : { segment: facts.segment }),
    ...(isEmpty(facts.labels) || isDeepStrictEqual({ ...facts.labels }, { ...labels }) ? {} : { labels: facts.labels }),
  };
  return Object.keys(claims).length === 0 ? {} : { claims };
}

/** A node that says nothing of its labels claims nothing. */
function isEmpty(labels: Labels | undefined): boolean {
  return labels === undefined || Object.keys(labels).length === 0;
}
