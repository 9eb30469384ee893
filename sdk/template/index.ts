import { deflateSync, inflateSync } from "node:zlib";
import { definePlugin, unzipExactly } from "distributary/sdk";

/** Compresses blocks with zlib. Begin here: put your own way of making them smaller in place of it. */
export default definePlugin({
  name: "my-plugin",
  api: 1,
  description: "Compresses blocks with zlib.",
  stability: "experimental",
  options: {
    type: "object",
    properties: {
      level: { type: "integer", minimum: 1, maximum: 9, default: 6, description: "1 is fastest, 9 is smallest." },
    },
  },
  setup({ compressors }, { level }) {
    compressors.add("my-plugin", {
      compress: (block) => deflateSync(block, { level }),
      decompress: (block, sizeBytes) => unzipExactly("my-plugin", block, sizeBytes, inflateSync),
    });
  },
});
