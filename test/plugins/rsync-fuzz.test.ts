import { describe, expect, it } from "vitest";
import { isFailure } from "distributary/sdk";
import { StrictContent, collect, noiseBytes, recordingHost, textBytes } from "distributary/testkit";
import rsync from "../../plugins/rsync/index.ts";
import { mutations } from "./rsync-mutations.ts";

const engine = recordingHost(rsync).deltas.get("rsync");

const joined = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
const text = textBytes(3_000, 1);
const code = noiseBytes(3_000, 2);
const pairs: Readonly<Record<string, readonly [base: Uint8Array, target: Uint8Array]>> = {
  "edited text": [
    text,
    joined(
      text.subarray(1_500),
      textBytes(100, 3),
      text.map((byte, at) => (at % 90 ? byte : 65)),
    ),
  ],
  "code whose addresses moved": [code, code.map((byte, at) => (at % 50 < 2 ? byte + 3 : byte))],
  "a long copy around new bytes": [noiseBytes(20_000, 4), joined(noiseBytes(20_000, 4), text, noiseBytes(20_000, 4))],
};

describe("the decoder of rsync", () => {
  it.each(Object.entries(pairs))(
    "makes no harm of 40,000 changed deltas of %s",
    (_, [base, target]) => {
      const content = new StrictContent(base);
      const source = mutations(collect(engine.encode(content, new StrictContent(target))), 7);
      let refused = 0;
      for (let count = 0; count < 40_000; count++) {
        try {
          let size = 0;
          for (const chunk of engine.decode(content, [source.next().value], target.length)) size += chunk.length;
          if (size !== target.length) expect.unreachable(`${size} bytes were made`);
        } catch (error) {
          if (!isFailure(error, "DIST_ERR_DELTA_DAMAGED")) throw error;
          refused++;
        }
      }
      expect(refused).toBeGreaterThan(20_000);
    },
    120_000,
  );
});
