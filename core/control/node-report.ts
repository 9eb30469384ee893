import { failure } from "distributary/sdk";
import type { ArraySchema, ObjectSchema, Schema } from "distributary/sdk";
import { compileSchema } from "../../config/validate.ts";
import type { FromNode } from "../protocol/messages.ts";
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

const type = { type: "string", description: "What it says." } as const;
const shapes: Readonly<Record<FromNode["type"], ObjectSchema>> = {
  hello: shape(
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
    { location: text },
  ),
  room: shape({ job: text, able: { type: "boolean", description: "Whether there is room." } }, { reason: text }),
  progress: shape({ job: text, doneBytes: number, totalBytes: number }),
  prepared: shape({ job: text, state: site }),
  switched: shape({ job: text, state: site }),
  failed: shape({ job: text, code: text, reason: text }, { state: site }),
};

function shape(required: Record<string, Schema>, optional: Record<string, Schema> = {}): ObjectSchema {
  const properties = { type, ...required, ...optional };
  return { type: "object", required: ["type", ...Object.keys(required)], properties };
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
  throw refuse(checked.problems.map(({ path, message }) => `${path.join(".")} ${message}`).join("; "));
}
