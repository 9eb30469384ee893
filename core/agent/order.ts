import { failure } from "distributary/sdk";
import type { Peer } from "distributary/sdk";
import type { AssignmentNotice, FromControl, SpreadOrder } from "../protocol/messages.ts";
import { mostMembers } from "../protocol/segment/messages.ts";

const longestText = 4_096;
/** Control puts a buffer of at most 256 KiB into a notice; base64 makes it a third longer. */
const longestSealed = 512 * 1024;
/** Of an IPv6 address with an IPv4 one at its end. */
const longestAddress = 45;
const mostSections = 100_000;
const mostTransports = 100;
const mostCeilings = 100;

/**
 * Reads a line of control's stream; undefined if it is of a type that this agent does not know, as a newer control may
 * say. Throws DIST_ERR_TRANSFER_BROKEN for what control never says.
 */
export function readOrder(line: string): FromControl | undefined {
  const order = new Fields(parse(line));
  const type = order.text("type");
  switch (type) {
    case "welcome":
      return { type, node: order.text("node"), control: order.text("control") };
    case "ask": {
      const [diskBytes, entryCount] = [order.count("diskBytes"), order.count("entryCount")];
      return { type, job: order.text("job"), site: order.text("site"), diskBytes, entryCount };
    }
    case "prepare":
      return { type, job: order.text("job"), sections: readSections(order), ...readNear(order.take("near")) };
    case "spread":
      return { type, ...readSpread(order) };
    case "spread-over":
      return { type, job: order.text("job") };
    case "switch":
      return { type, job: order.text("job"), assignment: readNotice(order.take("assignment")) };
    case "forget":
      return { type, job: order.text("job"), site: order.text("site"), serial: order.count("serial") };
    case "segment-move": {
      const channel = new Fields(order.take("channel"));
      const [number, port] = [channel.count("number"), channel.count("port")];
      return { type, channel: { number, group: channel.text("group", longestAddress), port } };
    }
    case "segment":
    case "segment-report":
    case "ping":
      return { type };
    default:
      return undefined;
  }
}

function readSections(order: Fields): AssignmentNotice[] {
  return order.list("sections", mostSections).map(readNotice);
}

function readNear(value: unknown): { near?: Peer } {
  if (value === undefined) return {};
  const near = new Fields(value);
  return { near: { id: near.text("id"), host: near.text("host", longestAddress), port: near.port("port") } };
}

function readSpread(order: Fields): SpreadOrder {
  const data = new Fields(order.take("data"));
  const texts = (key: string, most: number) => order.list(key, most).map((text) => new Fields({ text }).text("text"));
  const ceilings = order.list("ceilings", mostCeilings).map((value) => {
    const each = new Fields(value);
    const [fromMinute, toMinute] = [each.count("fromMinute"), each.count("toMinute")];
    return { bytesPerSecond: each.count("bytesPerSecond"), fromMinute, toMinute };
  });
  return {
    ...{ job: order.text("job"), sections: readSections(order), members: texts("members", mostMembers) },
    ...(order.take("transport") === undefined ? {} : { transport: order.text("transport") }),
    data: { group: data.text("group", longestAddress), port: data.port("port") },
    ...{ quorum: order.count("quorum"), ceilings },
  };
}

function readNotice(value: unknown): AssignmentNotice {
  const notice = new Fields(value);
  return {
    id: notice.text("id"),
    site: notice.text("site"),
    serial: notice.count("serial"),
    sizeBytes: notice.count("sizeBytes"),
    ...(notice.take("sealed") === undefined ? {} : { sealed: notice.text("sealed", longestSealed) }),
    transports: notice.list("transports", mostTransports).map((name) => new Fields({ name }).text("name")),
  };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw refused("a line is no JSON", cause);
  }
}

/** An object of which some properties are asked for; others may be there. */
class Fields {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    if (typeof value !== "object" || value === null) throw refused("something is no object");
    this.#fields = value as Record<string, unknown>;
  }

  take(key: string): unknown {
    return Object.hasOwn(this.#fields, key) ? this.#fields[key] : undefined;
  }

  text(key: string, most = longestText): string {
    const text = this.take(key);
    if (typeof text !== "string" || text.length > most) throw refused(`'${key}' is no text, or too long`);
    return text;
  }

  count(key: string): number {
    const count = this.take(key);
    if (!Number.isSafeInteger(count) || (count as number) < 0) throw refused(`'${key}' is no count`);
    return count as number;
  }

  port(key: string): number {
    const port = this.count(key);
    if (port < 1 || port > 65_535) throw refused(`'${key}' is no port`);
    return port;
  }

  list(key: string, most: number): readonly unknown[] {
    const list = this.take(key);
    if (!Array.isArray(list) || list.length > most) throw refused(`'${key}' is no list, or too long`);
    return list;
  }
}

function refused(problem: string, cause?: unknown) {
  return failure(
    "DIST_ERR_TRANSFER_BROKEN",
    { peer: "control", problem: `it says what is no order: ${problem}` },
    { cause },
  );
}
