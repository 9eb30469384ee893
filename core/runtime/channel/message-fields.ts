import { isNodeId, isNodeName } from "../identity.ts";
import { addressBytes, addressText, isHost, isMulticast } from "./address-bytes.ts";

/** Why something is no message. */
export class Refusal extends Error {}

/** How a value travels as CBOR. Both ways throw a refusal unless it is what it must be. */
export interface Field<Value> {
  write(value: Value): unknown;
  read(value: unknown): Value;
}

/** One field for each property, in the order in which they travel. */
export type FieldsOf<Values> = { readonly [Key in keyof Values]-?: Field<Values[Key]> };

/** A whole number. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): Field<number> {
  const check = (value: unknown): number => {
    demand(Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most, value);
    return value as number;
  };
  return { write: check, read: check };
}

/** A number that is rounded up. */
export const roundedUp: Field<number> = {
  write: (value) => count.write(Math.ceil(value)),
  read: (value) => count.read(value),
};

/** An epoch, a sequence number, a revision or a nonce. */
export const count = whole(0);

export const flag: Field<boolean> = { write: checkFlag, read: checkFlag };

/** What people call a node. */
export const nodeName = text(isNodeName);

/** A node's id. A UUID, which it usually is, travels as its 16 bytes and as nothing else. */
export const nodeId: Field<string> = { write: writeId, read: readId };

/** A node's id, or "". */
export const idOrNothing: Field<string> = {
  write: (id) => (id === "" ? "" : writeId(id)),
  read: (value) => (value === "" ? "" : readId(value)),
};

/** The address of one host. */
export const hostAddress = address(isHost);

/** The address of a multicast group. */
export const groupAddress = address(isMulticast);

/** A text of a certain form. */
export function text(isRight: (text: string) => boolean): Field<string> {
  const check = (value: unknown): string => {
    demand(typeof value === "string" && isRight(value), value);
    return value;
  };
  return { write: check, read: check };
}

/** One of these words, which travels as its place among them. */
export function oneOf<const Word extends string>(...words: readonly Word[]): Field<Word> {
  const place = whole(0, words.length - 1);
  return { write: (word) => place.write(words.indexOf(word)), read: (value) => words[place.read(value)] as Word };
}

/** A list of exactly these fields, without their names. */
export function tuple<Values extends object>(fields: FieldsOf<Values>): Field<Values> {
  const entries = Object.entries<Field<unknown>>(fields);
  return {
    write: (values) => entries.map(([key, field]) => field.write(values[key as keyof Values])),
    read(value) {
      demand(Array.isArray(value) && value.length === entries.length, value);
      const list: readonly unknown[] = value;
      const read = entries.map(([key, field], at) => [key, field.read(list[at])] as const);
      return Object.fromEntries(read.filter(([, each]) => each !== undefined)) as Values;
    },
  };
}

/** At most so many of a kind. */
export function list<Value>(field: Field<Value>, most: number): Field<readonly Value[]> {
  return {
    write(values) {
      demand(values.length <= most, values.length);
      return values.map((value) => field.write(value));
    },
    read(value) {
      demand(Array.isArray(value) && value.length <= most, value);
      return value.map((each) => field.read(each));
    },
  };
}

/** Bytes that mean something to somebody else; read as a copy. */
export function bytes(most: number): Field<Uint8Array> {
  const check = (value: unknown): Uint8Array => {
    demand(value instanceof Uint8Array && value.length <= most, "bytes");
    return value;
  };
  return { write: check, read: (value) => Uint8Array.from(check(value)) };
}

/** A field that may be absent. */
export function optional<Value>(field: Field<Value>): Field<Value | undefined> {
  return {
    write: (value) => (value === undefined ? null : field.write(value)),
    read: (value) => (value === null ? undefined : field.read(value)),
  };
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function writeId(id: string): string | Uint8Array {
  if (uuid.test(id)) return Buffer.from(id.replaceAll("-", ""), "hex");
  demand(typeof id === "string" && isNodeId(id), id);
  return id;
}

function readId(value: unknown): string {
  if (typeof value === "string" && !uuid.test(value) && isNodeId(value)) return value;
  demand(value instanceof Uint8Array && value.length === 16, value);
  return Buffer.from(value)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function address(isRight: (bytes: Uint8Array) => boolean): Field<string> {
  return {
    write(value) {
      const bytes = typeof value === "string" ? addressBytes(value) : undefined;
      demand(bytes !== undefined && isRight(bytes), value);
      return bytes;
    },
    read(value) {
      const read = value instanceof Uint8Array && isRight(value) ? addressText(value) : undefined;
      demand(read !== undefined, value);
      return read;
    },
  };
}

function checkFlag(value: unknown): boolean {
  demand(typeof value === "boolean", value);
  return value;
}

/** Throws a refusal that shows the value, unless the condition holds. */
export function demand(condition: boolean, value: unknown): asserts condition {
  if (!condition) throw new Refusal(`'${String(value).slice(0, 80)}' is not what stands there`);
}
