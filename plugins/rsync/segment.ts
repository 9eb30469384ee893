import { failure } from "distributary/sdk";
import type { DistributaryError } from "distributary/sdk";
import type { ChunkReader } from "./chunk-reader.ts";
import { differencesFlag, headerBytes, maxSegmentBytes, streamCount } from "./format.ts";

/** An error that says what is wrong with a delta. */
export function damaged(problem: string): DistributaryError {
  return failure("DIST_ERR_DELTA_DAMAGED", { name: "rsync", problem });
}

/** One segment in memory, and how far each stream was read. */
export interface Segment {
  readonly differences: boolean;
  readonly bytes: Uint8Array;
  /** Where the next byte of each stream stands in `bytes`. */
  readonly at: Uint32Array;
  /** Where each stream ends in `bytes`. */
  readonly end: Uint32Array;
}

/** The next segment, valid until the next is read; undefined at the end. Throws if it is cut short or impossible. */
export function readSegment(reader: ChunkReader): Segment | undefined {
  if (reader.ended()) return undefined;
  const header = reader.take(headerBytes);
  if (header.length < headerBytes) throw damaged("it ends within a header");
  const flags = header[0] ?? 0;
  if (flags > differencesFlag) throw damaged(`flags ${flags} are not known`);
  const sizes = new DataView(header.buffer, header.byteOffset);
  const at = new Uint32Array(streamCount);
  const end = new Uint32Array(streamCount);
  let total = 0;
  for (let stream = 0; stream < streamCount; stream++) {
    at[stream] = total;
    total += sizes.getUint32(1 + 4 * stream, true);
    if (total > maxSegmentBytes) throw damaged("a segment is too large");
    end[stream] = total;
  }
  if (end[0] === 0) throw damaged("a segment is empty");
  const bytes = reader.take(total);
  if (bytes.length < total) throw damaged("it ends within a segment");
  return { differences: flags === differencesFlag, bytes, at, end };
}
