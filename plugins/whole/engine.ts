import { failure } from "distributary/sdk";
import type { Content, DeltaEngine } from "distributary/sdk";

const chunkBytes = 0x10_0000;

/** The delta is the target itself. */
export class WholeEngine implements DeltaEngine {
  *encode(_base: Content, target: Content): Generator<Uint8Array, void, undefined> {
    for (let at = 0; at < target.sizeBytes; at += chunkBytes)
      yield target.read(at, Math.min(chunkBytes, target.sizeBytes - at));
  }

  *decode(_base: Content, delta: Iterable<Uint8Array>, sizeBytes: number): Generator<Uint8Array, void, undefined> {
    let missing = sizeBytes;
    for (const chunk of delta) {
      missing -= chunk.length;
      if (missing < 0) throw damaged("it makes more than the target");
      if (chunk.length > 0) yield chunk;
    }
    if (missing > 0) throw damaged(`${missing} bytes are missing`);
  }
}

function damaged(problem: string): Error {
  return failure("DIST_ERR_DELTA_DAMAGED", { name: "whole", problem });
}
