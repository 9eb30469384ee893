import { gunzipSync, gzipSync } from "node:zlib";
import { definePlugin, unzipExactly } from "distributary/sdk";

/** Compresses blocks with gzip, which every tool can read. */
export default definePlugin({
  name: "gzip",
  api: 1,
  description: "Compresses blocks with gzip, which every tool can read.",
  stability: "stable",
  options: {
    type: "object",
    properties: {
      level: { type: "integer", minimum: 1, maximum: 9, default: 6, description: "1 is fastest, 9 is smallest." },
    },
  },
  setup({ compressors }, { level }) {
    compressors.add("gzip", {
      compress: (block) => gzipSync(block, { level }),
      decompress: (block, sizeBytes) => unzipExactly("gzip", block, sizeBytes, gunzipSync),
    });
  },
});
