import { isIP } from "node:net";
import { ByteReader, ByteWriter } from "./bytes.ts";
import type { Announced } from "./messages.ts";

const version = 1;
/** Most sessions of one leader at a time: as many as an announcement holds, with addresses as long as they can be. */
export const mostSessions = 3;
const flags = { plain: 1 } as const;

/** All sessions of a leader, in at most 600 bytes. */
export function encodeAnnouncement(sessions: readonly Announced[]): Uint8Array {
  const writer = new ByteWriter(2 + sessions.length * 200);
  writer.whole(version, 1);
  writer.whole(sessions.length, 1);
  for (const session of sessions) writeSession(writer, session);
  return writer.written;
}

/** The sessions that are announced; undefined if that is none that this form knows. Nothing of them is checked. */
export function decodeAnnouncement(bytes: Uint8Array): readonly Announced[] | undefined {
  const reader = new ByteReader(bytes);
  try {
    const [form, count] = [reader.whole(1), reader.whole(1)];
    if (form !== version || count > mostSessions) return undefined;
    const sessions = Array.from({ length: count }, () => readSession(reader));
    return reader.isAtEnd ? sessions : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function writeSession(writer: ByteWriter, session: Announced): void {
  const { extent, cut, at } = session;
  writer.whole(session.number, 4);
  writer.raw(Buffer.from(session.assignment, "hex"));
  writer.whole(extent.sizeBytes, 6);
  writer.whole(extent.pieceBytes, 4);
  writer.whole(extent.range.from, 4);
  writer.whole(extent.range.to, 4);
  writer.whole(cut.blockBytes, 4);
  writer.whole(cut.frameBytes, 2);
  writer.raw(session.key);
  writer.text(session.group);
  writer.whole(session.port, 2);
  writer.text(at.address);
  writer.whole(at.port, 2);
  writer.whole(session.reportMs, 2);
  writer.whole(session.repair === "plain" ? flags.plain : 0, 1);
  writer.whole(session.emitted, 6);
  writer.whole(session.sentBlocks, 3);
  writer.whole(Math.round(session.bytesPerSecond), 6);
}

function readSession(reader: ByteReader): Announced {
  const number = reader.whole(4);
  const assignment = reader.raw(32).toString("hex");
  const [sizeBytes, pieceBytes, from, to] = [reader.whole(6), reader.whole(4), reader.whole(4), reader.whole(4)];
  const cut = { blockBytes: reader.whole(4), frameBytes: reader.whole(2) };
  const key = Uint8Array.from(reader.raw(32));
  const [group, port] = [reader.text(), reader.whole(2)];
  const at = { address: reader.text(), port: reader.whole(2) };
  if (isIP(at.address) === 0 || isIP(group) === 0) throw new RangeError("no address");
  const reportMs = Math.max(1, reader.whole(2));
  const repair = (reader.whole(1) & flags.plain) === 0 ? "parity" : "plain";
  const [emitted, sentBlocks, bytesPerSecond] = [reader.whole(6), reader.whole(3), reader.whole(6)];
  const extent = { sizeBytes, pieceBytes, range: { from, to } };
  return {
    number,
    assignment,
    extent,
    cut,
    key,
    group,
    port,
    at,
    reportMs,
    repair,
    emitted,
    sentBlocks,
    bytesPerSecond,
  };
}
