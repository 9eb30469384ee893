import { headBytes, readHead, readTag, tagBytes, writeTag } from "./datagram.ts";
import type { Head } from "./datagram.ts";
import type { FrameField } from "../field.ts";

/** No datagram is longer; what came joined is split before. */
export const mostDatagramBytes = 9_216;

/** Datagrams in the memory of a field, with a tag by the key of their session. */
export class Tagged {
  readonly #field: FrameField;
  readonly #key: number;
  readonly #room: number;

  constructor(field: FrameField, key: Uint8Array) {
    this.#field = field;
    this.#key = field.allocate(key.length);
    field.bytes.set(key, this.#key);
    this.#room = field.allocate(mostDatagramBytes);
  }

  /** Where `take` puts a datagram. */
  get room(): number {
    return this.#room;
  }

  /** Takes a datagram into the field and gives its head; undefined if nobody with the key made it. */
  take(datagram: Uint8Array): Head | undefined {
    if (datagram.length > mostDatagramBytes) return undefined;
    this.#field.bytes.set(datagram, this.#room);
    const { bytes } = this.#field;
    const head = readHead(bytes, this.#room, datagram.length);
    if (head?.sizeBytes !== datagram.length) return undefined;
    const tag = this.#field.tag(this.#key, this.#room + tagBytes, datagram.length - tagBytes);
    return readTag(bytes, this.#room) === tag ? head : undefined;
  }

  /** Writes the tag of a datagram that stands in the field. */
  tag(at: number, length: number): void {
    writeTag(this.#field.bytes, at, this.#field.tag(this.#key, at + tagBytes, length - tagBytes));
  }

  /** A copy of a datagram, with its tag. */
  tagged(datagram: Uint8Array): Uint8Array {
    this.#field.bytes.set(datagram, this.#room);
    this.tag(this.#room, datagram.length);
    return this.#field.bytes.slice(this.#room, this.#room + datagram.length);
  }
}

/** The datagrams that may have come as one: all are as long as the first says it is, but for the last. */
export function* split(bytes: Uint8Array): Iterable<Uint8Array> {
  const size = readHead(bytes, 0, bytes.length)?.sizeBytes ?? 0;
  if (size < headBytes || size >= bytes.length) {
    yield bytes;
    return;
  }
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, Math.min(at + size, bytes.length));
}
