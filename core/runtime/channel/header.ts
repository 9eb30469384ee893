import { isNodeId } from "../identity.ts";

/**
 * The clear beginning of a datagram, all of which is authenticated:
 *
 * `DS` · format version (1 byte) · whether it is signed (1) · key epoch (4) · boot sequence (6) · sequence (6) ·
 * boot id (16) · length of the sender's id (1) · sender's id
 */
export interface Header {
  readonly signed: boolean;
  readonly epoch: number;
  readonly boot: Boot;
  /** Rises by one with each datagram of a boot, from 1. */
  readonly sequence: number;
  readonly sender: string;
}

/** A run of a sender, in which no sequence number comes twice. */
export interface Boot {
  /** 16 random bytes, hex. */
  readonly id: string;
  /** A later boot of a sender has a higher one. */
  readonly sequence: number;
}

const magic = "DS";
const formatVersion = 1;
const fixedBytes = 37;

export function writeHeader({ signed, epoch, boot, sequence, sender }: Header): Buffer {
  const bytes = Buffer.alloc(fixedBytes + sender.length);
  bytes.write(magic, 0, "latin1");
  bytes.writeUInt8(formatVersion, 2);
  bytes.writeUInt8(signed ? 1 : 0, 3);
  bytes.writeUInt32BE(epoch, 4);
  bytes.writeUIntBE(boot.sequence, 8, 6);
  bytes.writeUIntBE(sequence, 14, 6);
  bytes.write(boot.id, 20, "hex");
  bytes.writeUInt8(sender.length, 36);
  bytes.write(sender, fixedBytes, "latin1");
  return bytes;
}

/** The header at the beginning of these bytes; undefined if there is none. */
export function readHeader(bytes: Buffer): Header | undefined {
  if (bytes.length <= fixedBytes || bytes.toString("latin1", 0, 2) !== magic) return undefined;
  const [version, signed = 0] = bytes.subarray(2);
  if (version !== formatVersion || signed > 1) return undefined;
  const sender = bytes.toString("latin1", fixedBytes, headerBytes(bytes));
  const sequence = bytes.readUIntBE(14, 6);
  if (sequence === 0 || !isNodeId(sender)) return undefined;
  const boot = { id: bytes.toString("hex", 20, 36), sequence: bytes.readUIntBE(8, 6) };
  return { signed: signed === 1, epoch: bytes.readUInt32BE(4), boot, sequence, sender };
}

/** How long the header at the beginning of these bytes is. */
export function headerBytes(bytes: Buffer): number {
  return fixedBytes + (bytes[fixedBytes - 1] ?? 0);
}
