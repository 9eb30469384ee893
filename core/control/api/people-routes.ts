import { parseDuration } from "../../../config/units.ts";
import { roles } from "../accounts.ts";
import { defineRoute } from "./route.ts";

const life = { type: "string", format: "duration", description: "How long it is good for." } as const;

/** Who may do what: join tokens of nodes, accounts and their tokens. */
export const peopleRoutes = [
  defineRoute({
    method: "POST",
    path: "/v1/join-tokens",
    role: "admin",
    summary: "Makes a token with which a node enrols; it is shown this once.",
    body: {
      type: "object",
      properties: {
        node: {
          type: "string",
          format: "name",
          description: "The name the node will have; absent: the one it asks for.",
        },
        segment: {
          type: "string",
          format: "name",
          description: "The segment the node will be in; absent: the one it asks for.",
        },
        labels: {
          type: "object",
          additionalProperties: { type: "string", maxLength: 200, description: "The value of the label." },
          description: "The labels the node will have, and no others; absent: those it asks for.",
        },
        uses: { type: "integer", minimum: 1, maximum: 10_000, default: 1, description: "How many nodes may use it." },
        life: { ...life, default: "1h" },
      },
    },
    answer: async ({ control, body, caller }) =>
      control.enrolment.createToken({
        ...(body.node === undefined ? {} : { nodeName: body.node }),
        ...(body.segment === undefined ? {} : { segment: body.segment }),
        ...(body.labels === undefined ? {} : { labels: body.labels }),
        uses: body.uses,
        lifeMs: parseDuration(body.life),
        by: caller.name,
      }),
  }),
  defineRoute({
    method: "GET",
    path: "/v1/accounts",
    role: "admin",
    summary: "Accounts with their roles.",
    answer: async ({ control }) => control.accounts.list(),
  }),
  defineRoute({
    method: "PUT",
    path: "/v1/accounts/:account",
    role: "admin",
    summary: "Makes an account, or gives one another role.",
    body: {
      type: "object",
      required: ["role"],
      properties: { role: { type: "string", enum: roles, description: "What it may do." } },
    },
    async answer({ control, params, body, caller }) {
      const name = params["account"] ?? "";
      await control.audit.record(caller.name, "account.put", name, body);
      await control.accounts.put(name, body.role);
      return { name, role: body.role };
    },
  }),
  defineRoute({
    method: "DELETE",
    path: "/v1/accounts/:account",
    role: "admin",
    summary: "Removes an account with its tokens.",
    async answer({ control, params, caller }) {
      const name = params["account"] ?? "";
      await control.audit.record(caller.name, "account.remove", name, {});
      await control.accounts.remove(name);
      return { removed: name };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/v1/accounts/:account/tokens",
    role: "admin",
    summary: "Makes an API token of an account; it is shown this once.",
    body: {
      type: "object",
      properties: { life, label: { type: "string", maxLength: 200, default: "", description: "What it is for." } },
    },
    async answer({ control, params, body, caller }) {
      const name = params["account"] ?? "";
      await control.audit.record(caller.name, "account.token", name, { label: body.label });
      const lifeMs = body.life === undefined ? undefined : parseDuration(body.life);
      return { token: await control.accounts.createToken(name, body.label, lifeMs) };
    },
  }),
];
