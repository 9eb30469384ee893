import { describe, expect, it } from "vitest";
import { failure } from "distributary/sdk";
import type { DeltaEngine } from "distributary/sdk";
import { collect, deltaKit, failedCases, recordingHost } from "distributary/testkit";
import rsync from "../../../plugins/rsync/index.ts";
import whole from "../../../plugins/whole/index.ts";

const good = recordingHost(whole).deltas.get("whole");
const copying = recordingHost(rsync).deltas.get("rsync");

/** An engine that is right but for what is given. */
function but(change: Partial<DeltaEngine>, engine = good): () => DeltaEngine {
  return () => ({
    encode: (base, target) => engine.encode(base, target),
    decode: (base, delta, sizeBytes) => engine.decode(base, delta, sizeBytes),
    ...change,
  });
}

function* unchecked(delta: Iterable<Uint8Array>): Generator<Uint8Array, void, undefined> {
  yield* delta;
}

/** Wrong delta engines, and a case that each must fail. */
const saboteurs: Record<string, { create: () => DeltaEngine; fails: string }> = {
  "forgets the last byte": {
    create: but({
      *encode(_, target) {
        if (target.sizeBytes > 1) yield target.read(0, target.sizeBytes - 1);
      },
    }),
    fails: "makes text from the same text",
  },
  "reads a whole block where there is less": {
    create: but({
      *encode(_, target) {
        for (let at = 0; at < target.sizeBytes; at += 4_096) yield target.read(at, 4_096);
      },
    }),
    fails: "makes targets of about 4 KiB",
  },
  "cannot make nothing": {
    create: but({
      *encode(_, target) {
        yield target.sizeBytes === 0 ? Uint8Array.of(0) : target.read(0, target.sizeBytes);
      },
    }),
    fails: "makes nothing from nothing",
  },
  "checks no size": {
    create: but({ decode: (_, delta) => unchecked(delta) }),
    fails: "refuses a delta that was cut off",
  },
  "stops when it has enough": {
    create: but({
      *decode(_, delta, sizeBytes) {
        let missing = sizeBytes;
        for (const chunk of delta) {
          yield chunk.subarray(0, missing);
          missing -= Math.min(missing, chunk.length);
        }
        if (missing > 0) throw failure("DIST_ERR_DELTA_DAMAGED", { name: "whole", problem: "bytes are missing" });
      },
    }),
    fails: "refuses a delta that goes on after its end",
  },
  "throws what it likes": {
    create: but({
      *decode(base, delta, sizeBytes) {
        try {
          yield* good.decode(base, delta, sizeBytes);
        } catch {
          throw new RangeError("out of range");
        }
      },
    }),
    fails: "refuses a delta that makes another size",
  },
  "keeps chunks of a delta": {
    create: but({
      *decode(base, delta, sizeBytes) {
        yield* good.decode(base, [...delta], sizeBytes);
      },
    }),
    fails: "makes text from the same text",
  },
  "keeps what it read of the target": {
    create: but({
      *encode(_, target) {
        const half = Math.floor(target.sizeBytes / 2);
        const chunks = [target.read(0, half), target.read(half, target.sizeBytes - half)];
        yield* chunks;
      },
    }),
    fails: "makes noise from other noise",
  },
  "uses one buffer for all calls": {
    create: () => {
      const shared = new Uint8Array(0x10_0000);
      return but({
        *encode(_, target) {
          for (let at = 0; at < target.sizeBytes; at += shared.length) {
            const length = Math.min(shared.length, target.sizeBytes - at);
            shared.set(target.read(at, length));
            yield shared.subarray(0, length);
          }
        },
      })();
    },
    fails: "makes two deltas in turns",
  },
  "makes another delta the second time": {
    create: () => {
      let calls = 0;
      return but({
        *encode(_, target) {
          if (calls++ > 0) yield Uint8Array.of(0, 1, 2);
          yield* good.encode(_, target);
        },
        decode: (base, delta, sizeBytes) => good.decode(base, dropMark(delta, sizeBytes), sizeBytes),
      })();
    },
    fails: "makes the same delta every time, whatever it made before",
  },
  "can be used only until it was given up": {
    create: () => {
      let busy = false;
      return but({
        *encode(base, target) {
          if (busy) throw new Error("busy");
          busy = true;
          yield* good.encode(base, target);
          busy = false;
        },
      })();
    },
    fails: "works on after a delta and a target were given up halfway",
  },
  "reads where a delta says, wherever that is": {
    create: but(
      {
        *decode(base, delta, sizeBytes) {
          const bytes = collect(delta);
          const at = bytes.length > 4 ? new DataView(bytes.buffer).getUint32(0, true) : 0;
          if (at > base.sizeBytes) base.read(at, 1);
          yield* copying.decode(base, [bytes], sizeBytes);
        },
      },
      copying,
    ),
    fails: "never makes more than was asked for or leaves the base, whatever a delta is",
  },
  "leaves the delta open": {
    create: but({
      *decode(base, delta, sizeBytes) {
        const chunks = delta[Symbol.iterator]();
        const open = { [Symbol.iterator]: () => ({ next: () => chunks.next() }) };
        yield* good.decode(base, open, sizeBytes);
      },
    }),
    fails: "closes a delta it refuses",
  },
};

/** Takes the mark `0, 1, 2` away where it is too much. */
function dropMark(delta: Iterable<Uint8Array>, sizeBytes: number): Iterable<Uint8Array> {
  const bytes = collect(delta);
  return [bytes.length === sizeBytes + 3 ? bytes.subarray(3) : bytes];
}

describe("the kit of delta engines", () => {
  it.each(Object.entries(saboteurs))(
    "rejects an engine that %s",
    async (_, { create, fails }) => {
      const kit = { ...deltaKit, cases: deltaKit.cases.filter(({ title }) => title === fails) };
      expect(await failedCases(kit, create)).toEqual([fails]);
    },
    60_000,
  );

  it("accepts an engine that is right", async () => {
    expect(await failedCases(deltaKit, but({}))).toEqual([]);
  }, 60_000);
});
