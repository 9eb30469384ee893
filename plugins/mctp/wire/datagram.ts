import { ByteReader, ByteWriter } from "./bytes.ts";
import type { Asked, Lack, Poll, Report } from "./messages.ts";

/*
 * Everything but announcements: tag (4 bytes, over all the rest) · session (4) · pass (1) · index or kind (1) ·
 * size of the datagram (2), then
 *   frame       emission, its last 24 bits (3) · block (3) · what it carries
 *   pass 0      what its kind says
 * All numbers are big endian.
 */

export const tagBytes = 4;
export const headBytes = 12;
/** All of a frame but what it carries. */
export const frameHeadBytes = headBytes + 6;

const kinds = { poll: 1, dismissal: 2, over: 3, report: 4 } as const;
const mostHashes = 256;
const mostLacks = 256;
const mostReasonBytes = 200;
/** No session sends so many frames; whoever lies about it, the number still fits into 6 bytes. */
export const mostEmission = 2 ** 47;

/** What stands before the bytes of every datagram. */
export interface Head {
  readonly session: number;
  /** 0 for what is no frame. */
  readonly pass: number;
  /** Which frame of its block, or the kind of what is none. */
  readonly index: number;
  readonly sizeBytes: number;
}

/** What is no frame. */
export type Word =
  | ({ readonly kind: "poll" } & Poll)
  | { readonly kind: "dismissal"; readonly member: string; readonly reason: string }
  | { readonly kind: "over" }
  | ({ readonly kind: "report" } & Report);

export interface FrameHead {
  readonly session: number;
  readonly pass: number;
  readonly index: number;
  readonly block: number;
  readonly emission: number;
  readonly sizeBytes: number;
}

/** Writes all of a frame's head but its tag. */
export function writeFrameHead(into: Uint8Array, at: number, frame: FrameHead): void {
  writeHead(into, at, frame);
  put(into, at + headBytes, frame.emission & 0xffffff, 3);
  put(into, at + headBytes + 3, frame.block, 3);
}

export function writeTag(into: Uint8Array, at: number, tag: number): void {
  put(into, at, tag, tagBytes);
}

export function readTag(bytes: Uint8Array, at: number): number {
  return take(bytes, at, 4);
}

/** The head of what may be a datagram; undefined if it is too short for one. */
export function readHead(bytes: Uint8Array, at: number, length: number): Head | undefined {
  if (length < headBytes) return undefined;
  return {
    session: take(bytes, at + 4, 4),
    pass: bytes[at + 8] as number,
    index: bytes[at + 9] as number,
    sizeBytes: take(bytes, at + 10, 2),
  };
}

/** The last 24 bits of a frame's emission. */
export function readEmission(bytes: Uint8Array, at: number): number {
  return take(bytes, at + headBytes, 3);
}

export function readBlock(bytes: Uint8Array, at: number): number {
  return take(bytes, at + headBytes + 3, 3);
}

/** The number nearest to `near` that has these last 24 bits, from 0 to `mostEmission`. */
export function unwrap(low: number, near: number): number {
  const half = 2 ** 23;
  const distance = ((low - near) & 0xffffff) - (((low - near) & 0xffffff) >= half ? 2 ** 24 : 0);
  return Math.min(mostEmission, Math.max(0, near + distance));
}

/** All of a datagram that is no frame, with room for the tag. */
export function encodeWord(session: number, word: Word): Uint8Array {
  const writer = new ByteWriter(2_048);
  writer.at = headBytes;
  switch (word.kind) {
    case "poll":
      writer.whole(word.emitted, 6);
      writer.whole(word.sentBlocks, 3);
      writeAsked(writer, word.asks);
      break;
    case "dismissal":
      writer.text(word.member);
      writer.text(word.reason.slice(0, mostReasonBytes));
      break;
    case "over":
      break;
    case "report":
      writeReport(writer, word);
  }
  const bytes = writer.written;
  writeHead(bytes, 0, { session, pass: 0, index: kinds[word.kind], sizeBytes: bytes.length });
  return bytes;
}

/** What a datagram that is no frame says; undefined if that is nothing. */
export function decodeWord({ index }: Head, bytes: Uint8Array): Word | undefined {
  const reader = new ByteReader(bytes.subarray(headBytes));
  try {
    const word = readWord(index, reader);
    return reader.isAtEnd ? word : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readWord(kind: number, reader: ByteReader): Word | undefined {
  switch (kind) {
    case kinds.poll: {
      const [emitted, sentBlocks] = [reader.whole(6), reader.whole(3)];
      if (emitted > mostEmission) throw new RangeError(`${emitted} frames`);
      return { kind: "poll", emitted, sentBlocks, asks: readAsked(reader) };
    }
    case kinds.dismissal:
      return { kind: "dismissal", member: reader.text(), reason: reader.text() };
    case kinds.over:
      return { kind: "over" };
    case kinds.report:
      return readReport(reader);
    default:
      return undefined;
  }
}

function writeAsked(writer: ByteWriter, { from, to, listed, hashes }: Asked): void {
  writer.whole(from, 4);
  writer.whole(to, 4);
  writer.whole(listed ? 1 : 0, 1);
  writer.whole(hashes.length, 2);
  for (const hash of hashes) writer.whole(hash, 4);
}

function readAsked(reader: ByteReader): Asked {
  const [from, to, listed, count] = [reader.whole(4), reader.whole(4), reader.whole(1) === 1, reader.whole(2)];
  if (count > mostHashes) throw new RangeError(`${count} hashes`);
  return { from, to, listed, hashes: Array.from({ length: count }, () => reader.whole(4)) };
}

const longestHeldMs = 65_535;

function writeReport(writer: ByteWriter, report: Report): void {
  writer.text(report.member);
  writer.whole(report.seen, 6);
  writer.whole(Math.min(longestHeldMs, Math.round(report.heldMs)), 2);
  writer.whole(report.received, 6);
  writer.whole((report.isComplete ? 1 : 0) | (report.hasMore ? 2 : 0) | (report.isBehind ? 4 : 0), 1);
  writer.whole(report.lacks.length, 2);
  for (const { block, blocks, frames, which } of report.lacks) {
    writer.whole(block, 3);
    writer.whole(blocks, 2);
    writer.whole(frames, 1);
    writer.whole(which?.length ?? 0, 1);
    if (which !== undefined) writer.raw(which);
  }
}

function readReport(reader: ByteReader): Word {
  const member = reader.text();
  const [seen, heldMs, received, flags, count] = [6, 2, 6, 1, 2].map((width) => reader.whole(width as 1));
  if ((count ?? 0) > mostLacks) throw new RangeError(`${count} lacks`);
  const lacks = Array.from({ length: count ?? 0 }, (): Lack => {
    const lack = { block: reader.whole(3), blocks: reader.whole(2), frames: reader.whole(1) };
    const length = reader.whole(1);
    if (length === 0) return lack;
    // Which frames are meant is said of a block by itself.
    return { ...lack, blocks: 1, which: Uint8Array.from(reader.raw(length)) };
  });
  const said = { seen: seen ?? 0, heldMs: heldMs ?? 0, received: received ?? 0 };
  const [isComplete, hasMore, isBehind] = [1, 2, 4].map((bit) => ((flags ?? 0) & bit) !== 0) as [
    boolean,
    boolean,
    boolean,
  ];
  return { kind: "report", member, ...said, isComplete, isBehind, hasMore, lacks };
}

function writeHead(into: Uint8Array, at: number, { session, pass, index, sizeBytes }: Head): void {
  put(into, at + 4, session, 4);
  into[at + 8] = pass;
  into[at + 9] = index;
  put(into, at + 10, sizeBytes, 2);
}

function put(into: Uint8Array, at: number, value: number, width: number): void {
  for (let byte = 0; byte < width; byte += 1) into[at + byte] = value >>> (8 * (width - 1 - byte));
}

function take(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let byte = 0; byte < width; byte += 1) value = value * 256 + (bytes[at + byte] as number);
  return value;
}
