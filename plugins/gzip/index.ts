import { gunzipSync, gzipSync } from "node:zlib";
import { definePlugin, failure } from "distributary/sdk";

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
      decompress: restore,
    });
  },
});

function restore(block: Uint8Array, sizeBytes: number): Uint8Array {
  const { buffer, bytesRead } = decompress(block, sizeBytes);
  if (bytesRead !== block.length) throw damaged("bytes follow its end");
  if (buffer.length !== sizeBytes) throw damaged(`it holds ${buffer.length} bytes, not ${sizeBytes}`);
  return buffer;
}

/** What node:zlib answers with `info`, which its types do not know. */
interface Unpacked {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

function decompress(block: Uint8Array, sizeBytes: number): { buffer: Uint8Array; bytesRead: number } {
  const bounds = { maxOutputLength: Math.max(1, sizeBytes), chunkSize: chunkBytes(sizeBytes), info: true };
  try {
    const { buffer, engine } = gunzipSync(block, bounds) as unknown as Unpacked;
    return { buffer, bytesRead: engine.bytesWritten };
  } catch (cause) {
    throw damaged(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** One chunk holds a usual block whole, which saves a copy; a huge size must not reserve memory before it is earned. */
function chunkBytes(sizeBytes: number): number {
  return Math.min(Math.max(64, sizeBytes), 4 * 1024 * 1024);
}

function damaged(problem: string, cause?: unknown): Error {
  return failure("DIST_ERR_COMPRESS_DAMAGED", { name: "gzip", problem }, cause === undefined ? {} : { cause });
}
