import { constants, zstdCompressSync } from "node:zlib";
import { Type, Token, encode } from "cborg";
import { nameBytes } from "distributary/sdk";
import type { Command } from "distributary/sdk";
import { hashOf } from "../content/hash.ts";
import type { Header } from "./assignment.ts";

/**
 * The command buffer (CM-7), as bytes to be signed:
 *
 * `DSTA` · format version (1 byte) · length of the header (4) · length of the body (4) and of the commands in it (4) ·
 * header · body · trailer
 *
 * The header is one CBOR map (RFC 8949, deterministic), the body a zstd frame of the commands as a CBOR sequence
 * (RFC 8742), the trailer the hash of the commands.
 */
export function encodeAssignment(header: Header, commands: Iterable<Command>): Uint8Array {
  const encodedHeader = encode(header, { typeEncoders });
  const sequence = Buffer.concat(Array.from(commands, (command) => encode(command, { typeEncoders })));
  const body =
    sequence.length === 0
      ? sequence
      : zstdCompressSync(sequence, { params: { [constants.ZSTD_c_compressionLevel]: 6 } });
  const fixed = Buffer.alloc(fixedBytes);
  fixed.write(magic, 0);
  fixed.writeUInt8(formatVersion, 4);
  fixed.writeUInt32BE(encodedHeader.length, 5);
  fixed.writeUInt32BE(body.length, 9);
  fixed.writeUInt32BE(sequence.length, 13);
  return Buffer.concat([fixed, encodedHeader, body, hashOf(sequence)]);
}

export const magic = "DSTA";
export const formatVersion = 1;
export const fixedBytes = 17;

/** Names that are not text travel as byte strings. */
const typeEncoders = {
  string: (text: string) => (text.isWellFormed() ? null : [new Token(Type.bytes, nameBytes(text))]),
};
