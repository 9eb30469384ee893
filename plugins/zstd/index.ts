import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { definePlugin, unzipExactly } from "distributary/sdk";

const windowLogMin = 10;
const windowLogOfBlock = 22;
const windowLogMax = 27;

/** Compresses blocks with Zstandard: smaller than gzip, and several times faster. */
export default definePlugin({
  name: "zstd",
  api: 1,
  description: "Compresses blocks with Zstandard: smaller than gzip, and several times faster.",
  stability: "stable",
  options: {
    type: "object",
    properties: {
      level: { type: "integer", minimum: 1, maximum: 19, default: 3, description: "1 is fastest, 19 is smallest." },
    },
  },
  setup({ compressors }, { level }) {
    compressors.add("zstd", {
      compress: (block) =>
        zstdCompressSync(block, {
          pledgedSrcSize: block.length,
          params: {
            [constants.ZSTD_c_compressionLevel]: level,
            // A window of 4 MiB: a match may lie anywhere in a block.
            [constants.ZSTD_c_windowLog]: windowLogOfBlock,
            [constants.ZSTD_c_checksumFlag]: 1,
          },
        }),
      decompress: restore,
    });
  },
});

function restore(block: Uint8Array, sizeBytes: number): Uint8Array {
  const params = { [constants.ZSTD_d_windowLogMax]: windowLog(sizeBytes) };
  return unzipExactly("zstd", block, sizeBytes, (bytes, bounds) => zstdDecompressSync(bytes, { ...bounds, params }));
}

/** The least window that holds `sizeBytes`: a header that asks for more memory than that is refused. */
function windowLog(sizeBytes: number): number {
  const exact = Math.ceil(Math.log2(Math.max(1, sizeBytes)));
  return Math.min(Math.max(windowLogMin, exact), windowLogMax);
}
