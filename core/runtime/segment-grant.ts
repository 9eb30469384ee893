import { failure } from "distributary/sdk";
import type { HttpAnswer, ObjectSchema, Schema } from "distributary/sdk";
import { compileSchema } from "../../config/validate.ts";
import type { SegmentGrant, SegmentRequest } from "../protocol/messages.ts";
import { mostMembers } from "../protocol/segment/messages.ts";
import { addressBytes, isHost } from "./channel/address-bytes.ts";
import { receiveBytes } from "./link-limits.ts";

const address = { type: "string", maxLength: 45, pattern: "^[0-9A-Fa-f:.]+$", description: "An IP address." } as const;
const port = { type: "integer", minimum: 1, maximum: 65_535, description: "A port." } as const;
const count = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: "A count." } as const;
const key = { type: "string", pattern: "^[A-Za-z0-9+/]{43}=$", description: "Base64 of 32 bytes." } as const;
const id = { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description: "The id of a node." } as const;
const name = { type: "string", format: "name", description: "A name." } as const;

/** An endpoint of a member, as it stands in messages of the link. */
export const endpointShape = {
  type: "object",
  required: ["address", "port"],
  properties: { address, port },
  description: "Where a member is reached.",
} as const satisfies ObjectSchema;

/** A segment's channel, as it stands in messages of the link. */
export const channelShape = {
  type: "object",
  required: ["number", "group", "port"],
  properties: { number: count, group: address, port },
  description: "The channel of a segment.",
} as const satisfies ObjectSchema;

const requestShape = closed({ at: endpointShape, key }, { issuedAfter: { ...count, maximum: 2 ** 48 }, knows: name });

const longestMs = 60 * 60 * 1_000;
const millis = { type: "integer", minimum: 1, maximum: longestMs, description: "Milliseconds." } as const;
const span = { type: "array", items: millis, minItems: 2, maxItems: 2, description: "Least and most." } as const;
const grantShape = closed(
  {
    segment: name,
    channel: channelShape,
    ttl: { type: "integer", minimum: 0, maximum: 255, description: "Routers that datagrams may pass." },
    reach: { type: "string", enum: ["auto", "multicast", "unicast"], description: "How members reach all others." },
    timings: closed({
      periodMs: millis,
      missedPeriods: { type: "integer", minimum: 1, maximum: 1_000, description: "Periods that may be missed." },
      liveness: { type: "string", enum: ["fixed", "adaptive"], description: "Whether loss is measured." },
      answerMs: millis,
      claimMs: span,
      voteMs: span,
      registerMs: millis,
      reportMs: span,
      distrustMs: millis,
    }),
    keys: { type: "array", items: closed({ epoch: count, key }), minItems: 1, maxItems: 8, description: "Keys." },
    sealWith: count,
    record: { type: "string", pattern: "^[A-Za-z0-9+/]{4,8192}={0,2}$", description: "Base64 of a signed record." },
    priority: { type: "string", minLength: 1, maxLength: 200, description: "Who ranks." },
    rank: { type: "integer", minimum: 0, maximum: 1_000, description: "The attested rank." },
    eligible: { type: "boolean", description: "Whether it may lead." },
    peers: {
      type: "array",
      items: closed({ id, address, port }),
      maxItems: mostMembers,
      description: "Other members.",
    },
  },
  { epoch: count },
);

const longestRequest = 4 * 1024;
/** What `readGrant` takes at most, in bytes: all members a segment can have, and room to spare. */
export const longestGrant = 1024 * 1024;

/** Reads a body of `POST /link/segment`. Throws DIST_ERR_LINK_BODY. */
export async function readSegmentRequest(body: HttpAnswer["body"]): Promise<SegmentRequest> {
  const refuse = (problem: string) => failure("DIST_ERR_LINK_BODY", { problem });
  const request = parse(requestShape, await receiveBytes(body, longestRequest), refuse) as SegmentRequest;
  if (!isHostAddress(request.at.address)) throw refuse(`at.address '${request.at.address}' is no address of a host`);
  return request;
}

/** Reads control's answer to it. Throws DIST_ERR_TRANSFER_BROKEN for what is no grant. */
export function readGrant(bytes: Uint8Array): SegmentGrant {
  const refuse = (problem: string) => {
    return failure("DIST_ERR_TRANSFER_BROKEN", { peer: "control", problem: `it says what is no grant: ${problem}` });
  };
  if (bytes.length > longestGrant) throw refuse(`it has ${bytes.length} bytes`);
  const grant = parse(grantShape, bytes, refuse) as SegmentGrant;
  const { claimMs, voteMs, reportMs } = grant.timings;
  if ([claimMs, voteMs, reportMs].some(([least, most]) => least > most)) throw refuse("a wait is shorter than nothing");
  if (!grant.keys.some(({ epoch }) => epoch === grant.sealWith)) throw refuse("the key that seals is not among them");
  if (!grant.peers.every((peer) => isHostAddress(peer.address))) throw refuse("a peer has no address of a host");
  return grant;
}

/** Whether datagrams for one host can be sent there. */
function isHostAddress(text: string): boolean {
  const bytes = addressBytes(text);
  return bytes !== undefined && isHost(bytes);
}

function closed(
  required: Readonly<Record<string, Schema>>,
  optional: Readonly<Record<string, Schema>> = {},
): ObjectSchema {
  const properties = { ...required, ...optional };
  return { type: "object", required: Object.keys(required), properties, description: "All of it." };
}

function parse(shape: ObjectSchema, bytes: Uint8Array, refuse: (problem: string) => Error): unknown {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw refuse((error as Error).message);
  }
  const checked = compileSchema(shape)(value);
  if (checked.ok) return checked.value;
  const [first] = checked.problems;
  throw refuse(`${first?.path.join(".") ?? ""} ${first?.message ?? ""}`);
}
