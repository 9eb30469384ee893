import type { Content } from "distributary/sdk";
import { ChunkReader } from "./chunk-reader.ts";
import { Patcher } from "./patcher.ts";
import { damaged, readSegment } from "./segment.ts";

/** Yields the target that a delta makes of the base: exactly `sizeBytes` bytes, or it throws. */
export function* decode(
  base: Content,
  delta: Iterable<Uint8Array>,
  sizeBytes: number,
): Generator<Uint8Array, void, undefined> {
  const reader = new ChunkReader(delta);
  try {
    const patcher = new Patcher(base, sizeBytes);
    for (let segment = readSegment(reader); segment !== undefined; segment = readSegment(reader)) {
      patcher.open(segment);
      for (let chunk = patcher.next(); chunk !== undefined; chunk = patcher.next()) yield chunk;
    }
    const rest = patcher.rest();
    if (rest.length > 0) yield rest;
    if (patcher.missing > 0) throw damaged(`${patcher.missing} bytes are missing`);
  } finally {
    reader.close();
  }
}
