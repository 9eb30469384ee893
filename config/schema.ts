import type { Infer, ObjectSchema } from "distributary/sdk";
import { policySchema } from "./policy.ts";
import type { Policy } from "./policy.ts";

const logLevel = {
  type: "string",
  enum: ["debug", "info", "warn", "error", "silent"],
  default: "info",
  description: "The least important thing that is logged.",
} as const;

export const controlSchema = {
  type: "object",
  description: "How control runs on this host.",
  properties: {
    name: { type: "string", format: "name", default: "control", description: "What this control is called." },
    data: {
      type: "string",
      format: "path",
      default: "./data",
      description: "Directory of the database, the objects and the keys.",
    },
    api: {
      type: "string",
      format: "address",
      default: "127.0.0.1:7400",
      description: "Where the API and the console listen.",
    },
    link: { type: "string", format: "address", default: "0.0.0.0:7401", description: "Where agents connect to." },
    advertise: {
      type: "array",
      items: { type: "string", minLength: 1, maxLength: 253, description: "A host name or an IP address." },
      default: [],
      description:
        "Names under which agents reach `link`; they stand in its certificate. Empty: the names of this host.",
    },
    database: {
      type: "object",
      required: ["url"],
      properties: { url: { type: "string", format: "secret", description: "Where PostgreSQL is: `postgres://…`." } },
      description: "A PostgreSQL server, in place of the embedded one in `data`.",
    },
    log: logLevel,
  },
} as const satisfies ObjectSchema;

export const agentSchema = {
  type: "object",
  required: ["control"],
  description: "How the agent runs on this host.",
  properties: {
    name: { type: "string", format: "name", description: "What this node is called. Absent: the name of the host." },
    data: {
      type: "string",
      format: "path",
      default: "./agents/{name}",
      description: "Directory of the agent's spool, keys and journal. `{name}` stands for the node's name.",
    },
    control: { type: "string", format: "address", description: "The `link` address of control." },
    location: {
      type: "string",
      minLength: 1,
      maxLength: 200,
      description: "Where the node is: a time zone or any other name.",
    },
    labels: {
      type: "object",
      additionalProperties: { type: "string", maxLength: 200, description: "The value of the label." },
      default: {},
      description: "What groups can match: `{ rack: r7, tier: web }`. They count from when the node enrols.",
    },
    segment: {
      type: "string",
      format: "name",
      description: "The segment to be put in when it enrols. Absent: named after the network it reaches control by.",
    },
    listen: {
      type: "string",
      format: "address",
      description:
        "The address of this host, and a port, where the other members of its segment reach it. Absent: chosen.",
    },
    policy: {
      type: "string",
      format: "path",
      description: "File of what control may do on this host. Absent: the defaults.",
    },
    log: logLevel,
  },
} as const satisfies ObjectSchema;

export const groupSchema = {
  type: "object",
  description: "The nodes that serve a site together.",
  properties: {
    nodes: {
      type: "array",
      items: { type: "string", format: "name", description: "The name of a node." },
      default: [],
      description: "Nodes that belong to it by name.",
    },
    match: {
      type: "object",
      properties: {
        labels: {
          type: "object",
          additionalProperties: { type: "string", maxLength: 200, description: "The value the label must have." },
          description: "Labels a node must have, all of them.",
        },
        segment: { type: "string", format: "name", description: "The segment a node must be in." },
      },
      description: "Nodes that belong to it by what they are: whatever stands here must fit.",
    },
  },
} as const satisfies ObjectSchema;

const wait = <const Text extends string>(description: Text) =>
  ({ type: "string", format: "duration", description }) as const;

export const segmentSchema = {
  type: "object",
  description: "Nodes that share a LAN: they elect a leader, which speaks for them.",
  properties: {
    channel: {
      type: "string",
      format: "address",
      pattern: "^239(\\.(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3}:[1-9][0-9]*$",
      description: "Multicast address, below 239, and port it talks on. Absent: derived from its name, and port 7402.",
    },
    ttl: {
      type: "integer",
      minimum: 0,
      maximum: 255,
      default: 1,
      description: "How many routers its datagrams may pass; 1 keeps them in the LAN.",
    },
    timings: {
      type: "string",
      enum: ["usual", "fast"],
      default: "usual",
      description: "How long is waited for what: a lost leader is replaced within 41 s, or 3 s on a quiet LAN.",
    },
    waits: {
      type: "object",
      properties: {
        period: wait("Between two words of the leader, and of each member."),
        missed: { type: "integer", minimum: 2, maximum: 20, description: "Periods without a leader until it is lost." },
        liveness: {
          type: "string",
          enum: ["fixed", "adaptive"],
          description: "Whether more may be missed where loss was measured.",
        },
        answer: wait("What an answer to a question may take."),
        claim: wait("Before the strongest claim."),
        claimMost: wait("Before the weakest claim."),
        vote: wait("From a claim to leading, at least."),
        voteMost: wait("The same at most."),
        register: wait("Before a member registers, at most."),
        report: wait("From the last registration to the report, at least."),
        reportMost: wait("The same at most."),
        distrust: wait("How long a leader that does not hear is disregarded."),
      },
      description: "Single waits that differ from those of `timings`; an hour at most.",
    },
    reach: {
      type: "string",
      enum: ["auto", "multicast", "unicast"],
      default: "auto",
      description: "How members reach all others: `auto` finds out whom multicast does not reach.",
    },
    leaders: {
      type: "array",
      items: { type: "string", format: "name", description: "The name of a node." },
      maxItems: 1_000,
      default: [],
      description: "Nodes that lead before all others, the first one before the second.",
    },
    ineligible: {
      type: "array",
      items: { type: "string", format: "name", description: "The name of a node." },
      default: [],
      description: "Nodes that never lead.",
    },
    priority: { type: "string", default: "default", description: "What ranks its nodes when they elect a leader." },
  },
} as const satisfies ObjectSchema;

const glob = { type: "string", format: "glob", minLength: 1, maxLength: 1024 } as const;

export const siteSchema = {
  type: "object",
  required: ["staging", "group"],
  description: "A tree of content and who serves it.",
  properties: {
    staging: { type: "string", format: "path", description: "Directory in which finished content is put." },
    group: { type: "string", description: "The group that serves it." },
    include: {
      type: "array",
      items: { ...glob, description: "A pattern like `docs/**`." },
      default: [],
      description: "What belongs to the site. Empty: everything.",
    },
    exclude: {
      type: "array",
      items: { ...glob, description: "A pattern like `**/*.tmp`." },
      default: [],
      description: "What does not, even if it is included.",
    },
    types: {
      type: "array",
      items: { type: "string", pattern: "^[^./\\\\]+$", description: "A file type like `html`, without the dot." },
      default: [],
      description: "File types that belong to the site. Empty: all of them.",
    },
    policy: { type: "string", default: "default", description: "The name of a policy, or a policy itself." },
  },
} as const satisfies ObjectSchema;

/** A plugin after `- gzip` was read as `- use: gzip`; its options are checked against its own schema. */
export const pluginSchema = {
  type: "object",
  required: ["use"],
  description: "A plugin to load.",
  properties: {
    use: {
      type: "string",
      minLength: 1,
      maxLength: 1024,
      description:
        "A built-in name, `foo` for package `distributary-plugin-foo`, `@scope/foo`, or `./file.ts` beside this file.",
    },
    as: { type: "string", format: "name", description: "Its id, if a plugin is loaded more than once." },
  },
} as const satisfies ObjectSchema;

/** A configuration file. Sections may be absent; options of plugins and policies that stand in a site come on top. */
export const fileSchema = {
  type: "object",
  description: "A configuration of Distributary.",
  properties: {
    plugins: { type: "array", items: pluginSchema, default: [], description: "Plugins beside the built-in ones." },
    control: controlSchema,
    agent: agentSchema,
    groups: { type: "object", additionalProperties: groupSchema, default: {}, description: "Groups by name." },
    segments: {
      type: "object",
      additionalProperties: segmentSchema,
      default: {},
      description: "Segments by name; one that is not declared has the defaults.",
    },
    sites: { type: "object", additionalProperties: siteSchema, default: {}, description: "Sites by name." },
    policies: {
      type: "object",
      additionalProperties: policySchema,
      default: {},
      description: "Policies by name; `default` is for sites that name none.",
    },
  },
} as const satisfies ObjectSchema;

export type ControlConfig = Infer<typeof controlSchema>;
export type AgentConfig = Infer<typeof agentSchema>;
export type Group = Infer<typeof groupSchema>;
export type Segment = Infer<typeof segmentSchema>;
export type { Policy } from "./policy.ts";
/** `policy` is the name of one of `policies`, or one of the site's own. */
export type Site = Omit<Infer<typeof siteSchema>, "policy"> & { readonly policy: string | Policy };

export interface PluginEntry {
  readonly use: string;
  readonly as?: string;
  /** Not checked yet. */
  readonly options: Readonly<Record<string, unknown>>;
  /** `file:line`. */
  readonly where: string;
}

/** A checked configuration: defaults filled in, paths absolute, references known to lead somewhere. */
export interface Config {
  readonly plugins: readonly PluginEntry[];
  readonly control?: ControlConfig;
  readonly agent?: AgentConfig;
  readonly groups: Readonly<Record<string, Group>>;
  readonly segments: Readonly<Record<string, Segment>>;
  readonly sites: Readonly<Record<string, Site>>;
  readonly policies: Readonly<Record<string, Policy>>;
}
