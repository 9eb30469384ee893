import { failure } from "./errors.ts";

/** Bounds for a decompressing function of node:zlib. */
export interface UnzipBounds {
  readonly maxOutputLength: number;
  readonly chunkSize: number;
  readonly info: true;
}

/** What node:zlib answers with `info`, which its types do not know. */
interface Unzipped {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

/**
 * Restores a block of exactly `sizeBytes` bytes with a synchronous function of node:zlib, as compressors must: damaged
 * or longer input and any other size throw DIST_ERR_COMPRESS_DAMAGED, and no more memory is taken than that size earns.
 */
export function unzipExactly(
  name: string,
  block: Uint8Array,
  sizeBytes: number,
  unzip: (block: Uint8Array, bounds: UnzipBounds) => unknown,
): Uint8Array {
  const damaged = (problem: string, cause?: unknown) =>
    failure("DIST_ERR_COMPRESS_DAMAGED", { name, problem }, cause === undefined ? {} : { cause });
  // One chunk holds a usual block whole, which saves a copy; a huge size must not reserve memory before it is earned.
  const chunkSize = Math.min(Math.max(64, sizeBytes), 4 << 20);
  let unzipped: Unzipped;
  try {
    unzipped = unzip(block, { maxOutputLength: Math.max(1, sizeBytes), chunkSize, info: true }) as Unzipped;
  } catch (cause) {
    throw damaged(cause instanceof Error ? cause.message : String(cause), cause);
  }
  const { buffer, engine } = unzipped;
  if (engine.bytesWritten !== block.length) throw damaged("bytes follow its end");
  if (buffer.length !== sizeBytes) throw damaged(`it holds ${buffer.length} bytes, not ${sizeBytes}`);
  return buffer;
}
