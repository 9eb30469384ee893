import { failure } from "distributary/sdk";
import type { ArraySchema, ObjectSchema, Schema } from "distributary/sdk";
import { compileSchema } from "../../config/validate.ts";
import type { FromNode } from "../protocol/messages.ts";
import { mostMembers } from "../protocol/segment/messages.ts";
import { channelShape, endpointShape } from "../runtime/segment-grant.ts";
import { receiveBytes } from "../runtime/link-limits.ts";

const text = { type: "string", maxLength: 4_096, pattern: "^[^\\u0000]*$", description: "Any text." } as const;
const number = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: "A count." } as const;
const hash = { type: "string", pattern: "^[0-9a-f]{64}$", description: "A hash." } as const;
const release = {
  type: "object",
  required: ["serial", "version", "tree"],
  properties: { serial: number, version: number, tree: hash },
  description: "A release.",
} as const satisfies ObjectSchema;
const site = {
  type: "object",
  required: ["site", "lastSerial"],
  properties: { site: text, lastSerial: number, live: release, backup: release, prepared: release, damage: text },
  description: "What the node has of a site.",
} as const satisfies ObjectSchema;
const names = { type: "array", items: text, maxItems: 1_000, description: "Names." } as const satisfies ArraySchema;

const id = { type: "string", maxLength: 64, pattern: "^[A-Za-z0-9._-]+$", description: "The id of a node." } as const;
const permille = { type: "integer", minimum: 0, maximum: 1_000, description: "A share of 1,000." } as const;
const flag = { type: "boolean", description: "Yes or no." } as const;
const member = shape({
  id,
  name: { ...text, maxLength: 253 },
  at: endpointShape,
  priority: number,
  eligible: flag,
  byUnicast: flag,
  lostPermille: permille,
});
const gone = shape({ id, why: { type: "string", enum: ["left", "silent"], description: "Why it is gone." } });
const segmentReport = shape({
  epoch: number,
  revision: number,
  leader: id,
  leadingMs: number,
  channel: channelShape,
  members: { type: "array", items: member, maxItems: mostMembers, description: "Its members." },
  gone: { type: "array", items: gone, maxItems: 1_000, description: "Those gone since the last report." },
});
const counts = { type: "object", additionalProperties: number, description: "Counts, by name." } as const;
const left = {
  type: "array",
  items: shape({ member: id, reason: { ...text, maxLength: 1_000 } }),
  maxItems: 1_000,
  description: "Members that are served one by one.",
} as const satisfies ArraySchema;
const segmentName = { type: "string", format: "name", description: "The name of a segment." } as const;

const type = { type: "string", description: "What it says." } as const;
const shapes: Readonly<Record<FromNode["type"], ObjectSchema>> = {
  hello: message(
    {
      bootId: text,
      name: text,
      labels: { type: "object", additionalProperties: text, description: "Labels." },
      platform: text,
      version: text,
      cpuCount: number,
      memoryBytes: number,
      freeDiskBytes: number,
      providers: { type: "object", additionalProperties: names, description: "Providers by kind." },
      sites: { type: "array", items: site, maxItems: 10_000, description: "Its sites." },
    },
    { location: text, segment: text, serves: endpointShape },
  ),
  room: message({ job: text, able: { type: "boolean", description: "Whether there is room." } }, { reason: text }),
  progress: message({ job: text, doneBytes: number, totalBytes: number }),
  prepared: message({ job: text, state: site }, { came: counts }),
  spread: message({ job: text, assignment: hash, transport: text, complete: number, left, counters: counts }),
  switched: message({ job: text, state: site }),
  failed: message({ job: text, code: text, reason: text }, { state: site }),
  segment: message(
    {
      segment: segmentName,
      report: segmentReport,
      reach: { type: "string", enum: ["multicast", "unicast"], description: "How its own datagrams travel." },
    },
    { counters: { type: "object", additionalProperties: number, description: "What it counted, by name." } },
  ),
  unregistered: message({ segment: segmentName, leader: id, tries: number }),
};

function message(required: Record<string, Schema>, optional?: Record<string, Schema>): ObjectSchema {
  return shape({ type, ...required }, optional);
}

function shape(required: Record<string, Schema>, optional: Record<string, Schema> = {}): ObjectSchema {
  return { type: "object", required: Object.keys(required), properties: { ...required, ...optional } };
}

const longestReport = 16 << 20;

/** Reads what a node posted. Throws DIST_ERR_LINK_BODY on anything that is not a report. */
export async function readReport(body: AsyncIterable<Uint8Array>): Promise<FromNode> {
  const refuse = (problem: string, cause?: unknown) => failure("DIST_ERR_LINK_BODY", { problem }, { cause });
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(await receiveBytes(body, longestReport)).toString("utf8"));
  } catch (error) {
    throw error instanceof SyntaxError ? refuse("it is no JSON", error) : error;
  }
  const kind = typeof value === "object" && value !== null && "type" in value ? String(value.type) : "";
  if (!Object.hasOwn(shapes, kind)) throw refuse(`nobody knows a report '${kind}'`);
  const checked = compileSchema(shapes[kind as FromNode["type"]])(value);
  if (checked.ok) return checked.value as unknown as FromNode;
  throw refuse(
    checked.problems
      .slice(0, 10)
      .map(({ path, message }) => `${path.join(".")} ${message}`)
      .join("; "),
  );
}
