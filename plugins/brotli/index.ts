import { brotliCompressSync, brotliDecompressSync, constants, crc32 } from "node:zlib";
import { definePlugin, failure, unzipExactly } from "distributary/sdk";

const checksumBytes = 4;

/** Compresses blocks with Brotli, which is strong on text even at moderate levels. */
export default definePlugin({
  name: "brotli",
  api: 1,
  description: "Compresses blocks with Brotli, which is strong on text even at moderate levels.",
  stability: "stable",
  options: {
    type: "object",
    properties: {
      level: { type: "integer", minimum: 0, maximum: 11, default: 5, description: "0 is fastest, 11 is smallest." },
    },
  },
  setup({ compressors }, { level }) {
    compressors.add("brotli", { compress: (block) => compress(block, level), decompress: restore });
  },
});

/** A Brotli stream, then the CRC-32 of the plain block (4 bytes, little endian): Brotli itself has no checksum. */
function compress(block: Uint8Array, level: number): Uint8Array {
  const stream = brotliCompressSync(block, {
    params: { [constants.BROTLI_PARAM_QUALITY]: level, [constants.BROTLI_PARAM_SIZE_HINT]: block.length },
  });
  const result = Buffer.allocUnsafe(stream.length + checksumBytes);
  result.set(stream);
  result.writeUInt32LE(crc32(block), stream.length);
  return result;
}

function restore(block: Uint8Array, sizeBytes: number): Uint8Array {
  if (block.length <= checksumBytes) throw damaged("it is too short");
  const stream = block.subarray(0, -checksumBytes);
  const buffer = unzipExactly("brotli", stream, sizeBytes, brotliDecompressSync);
  const checksum = new DataView(block.buffer, block.byteOffset + stream.length, checksumBytes).getUint32(0, true);
  if (crc32(buffer) !== checksum) throw damaged("its checksum differs");
  return buffer;
}

function damaged(problem: string): Error {
  return failure("DIST_ERR_COMPRESS_DAMAGED", { name: "brotli", problem });
}
