import { expect, it } from "vitest";
import { cutFor, Geometry } from "../../../plugins/mctp/geometry.ts";
import { Receiver } from "../../../plugins/mctp/receive/receiver.ts";

it("M6: a receiver keeps two bits at most for each frame that may come, besides its open blocks", () => {
  const pieceBytes = 1_048_576;
  const extent = { sizeBytes: 20_000 * pieceBytes, pieceBytes, range: { from: 0, to: 20_000 } };
  const geometry = new Geometry(extent, cutFor(extent, 1_454));
  const create = (seed: number) =>
    new Receiver({ geometry, member: "n1", reportMs: 10, repair: "parity", mostOpen: 2, has: () => false, seed });
  const before = process.memoryUsage().arrayBuffers;
  const receivers = Array.from({ length: 10 }, (_, seed) => create(seed));
  const bytes = (process.memoryUsage().arrayBuffers - before) / receivers.length;
  expect(bytes).toBeGreaterThan(geometry.blockCount);
  expect(bytes).toBeLessThan(geometry.frameCount / 4);
});
