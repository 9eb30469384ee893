import { failure } from "../../../sdk/errors.ts";

/** Object ids of PostgreSQL's types whose values a driver would give in a way of its own. */
export const typeIds = { bytea: 17, int8: 20, int8Array: 1016 } as const;

/** `bigint` columns hold counts, bytes and moments in ms: a number, or DIST_ERR_STORE_NUMBER if digits were lost. */
export function readInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw failure("DIST_ERR_STORE_NUMBER", { value: text });
  return value;
}

/** A `bigint[]` of one dimension. */
export function readInt8Array(text: string): (number | null)[] {
  if (text === "{}") return [];
  return text
    .slice(1, -1)
    .split(",")
    .map((item) => (item === "NULL" ? null : readInt8(item)));
}

/** A plain `Uint8Array`, from the form `\x…`. */
export function readBytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.slice(2), "hex"));
}
