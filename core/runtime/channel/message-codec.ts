import { decode, encode } from "cborg";
import { failure } from "../../../sdk/index.ts";
import { membersPerReport, mostRidesBytes } from "../../protocol/segment/messages.ts";
import type { Channel, Endpoint, Listed, RegistrationReport, SegmentMessage } from "../../protocol/segment/messages.ts";
import * as fields from "./message-fields.ts";
import type { FieldsOf } from "./message-fields.ts";

type MessageType = SegmentMessage["type"];
type MessageOf<Type extends MessageType> = Extract<SegmentMessage, { readonly type: Type }>;
type FormOf<Type extends MessageType> = readonly [number: number, fields: FieldsOf<Omit<MessageOf<Type>, "type">>];

const { count, flag, nodeId, whole } = fields;
const port = whole(1, 65_535);
const priority = whole(0, 2 ** 31 - 1);
const endpoint = fields.tuple<Endpoint>({ address: fields.hostAddress, port });
const channel = fields.tuple<Channel>({ number: count, group: fields.groupAddress, port });
const listed = fields.tuple<Listed>({ id: nodeId, at: endpoint, priority, eligible: flag, byUnicast: flag });
const lostPermille = whole(0, 1_000);

/**
 * What travels: a CBOR list (RFC 8949, deterministic) of the number of the type and these fields, in this order. A
 * number is never used for another type or another list of fields.
 */
const forms: { readonly [Type in MessageType]: FormOf<Type> } = {
  // 1 was the same without what rides on it.
  alive: [
    12,
    {
      ...{ at: endpoint, priority, epoch: count, sequence: count, revision: count, channel },
      rides: fields.optional(fields.bytes(mostRidesBytes)),
    },
  ],
  claim: [2, { at: endpoint, priority, leading: flag, epoch: count, hears: fields.optional(nodeId) }],
  resign: [
    3,
    { epoch: count, successor: fields.optional(fields.tuple({ id: nodeId, at: endpoint, priority, epoch: count })) },
  ],
  probe: [4, { at: endpoint, nonce: count }],
  answer: [
    5,
    {
      nonce: count,
      heardBy: fields.oneOf("multicast", "unicast"),
      follows: fields.optional(
        fields.tuple({
          leader: nodeId,
          epoch: count,
          at: endpoint,
          priority,
          ageMs: fields.roundedUp,
          isRegistered: flag,
        }),
      ),
    },
  ],
  register: [6, { at: endpoint, name: fields.nodeName, priority, eligible: flag, epoch: count, byUnicast: flag }],
  registered: [7, { epoch: count, revision: count }],
  introduce: [8, { epoch: count }],
  here: [9, { at: endpoint, epoch: count, sequence: count, lostPermille, byUnicast: flag }],
  report: [
    10,
    {
      epoch: count,
      revision: count,
      from: fields.idOrNothing,
      to: fields.idOrNothing,
      members: fields.list(listed, membersPerReport),
    },
  ],
  leave: [11, {}],
};

/** Longer ones are not looked at: a report of members with the longest ids and addresses is shorter. */
export const mostMessageBytes = 2_048;

const tuples = new Map(
  Object.entries(forms).map(([type, [number, form]]) => {
    return [type, { number, tuple: fields.tuple<object>({ number: whole(number, number), ...form }) }] as const;
  }),
);
const typeOf = new Map(Array.from(tuples, ([type, { number }]) => [number, type]));

const strict = { strict: true, allowIndefinite: false, allowUndefined: false, allowBigInt: false } as const;

/** The one encoding of a message. Throws DIST_ERR_CHANNEL_MESSAGE if a field has a value that nobody would take. */
export function encodeMessage(message: SegmentMessage): Uint8Array {
  return refusing(() => {
    const form = tuples.get(message.type);
    fields.demand(form !== undefined, message.type);
    if (message.type === "report") checkRange(message);
    return encode(form.tuple.write({ ...message, number: form.number }));
  });
}

/** The message of these bytes. Throws DIST_ERR_CHANNEL_MESSAGE on anything that `encodeMessage` would not write. */
export function decodeMessage(bytes: Uint8Array): SegmentMessage {
  const message = refusing(() => {
    fields.demand(bytes.length <= mostMessageBytes, bytes.length);
    const value: unknown = decode(bytes, strict);
    const type = Array.isArray(value) ? typeOf.get(value[0]) : undefined;
    const form = type === undefined ? undefined : tuples.get(type);
    fields.demand(form !== undefined, value);
    const { number: _, ...read } = form.tuple.read(value) as { readonly number: number };
    return { type, ...read } as SegmentMessage;
  });
  // CBOR has several ways to write a number.
  if (Buffer.compare(encodeMessage(message), bytes) !== 0) throw noMessage("it is written in another way");
  return message;
}

/** Its members are in the order of their ids, each once, and within the range of which the report speaks. */
function checkRange({ from, to, members }: RegistrationReport): void {
  fields.demand(to === "" || from < to, to);
  members.forEach(({ id }, at) => {
    const before = members[at - 1]?.id;
    fields.demand((before === undefined || before < id) && id >= from && (to === "" || id < to), id);
  });
}

function refusing<Result>(act: () => Result): Result {
  try {
    return act();
  } catch (cause) {
    throw noMessage((cause as Error).message, cause);
  }
}

function noMessage(problem: string, cause?: unknown): Error {
  return failure("DIST_ERR_CHANNEL_MESSAGE", { problem }, { cause });
}
