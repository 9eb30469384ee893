import { Kernel } from "../../../core/kernel/kernel.ts";
import { noiseBytes, textBytes } from "../../../sdk/testkit/sample-bytes.ts";
import { simIo } from "../../../sdk/testkit/sim/io.ts";
import { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { StrictContent, collect } from "../../../sdk/testkit/strict-content.ts";
import { quietLog } from "../../core/control/store/quiet-log.ts";
import { mutateDelta, segmentsOf } from "../delta-mutations.ts";
import { defineTarget, failsWith } from "../fuzz.ts";
import type { Target } from "../fuzz.ts";
import { mutateBytes, mutateOften, pick } from "../mutations.ts";

const loadKernel = () => Kernel.load({ directory: "/", role: "agent", log: quietLog() });
const io = simIo();

interface Packed {
  readonly block: Uint8Array;
  readonly sizeBytes: number;
}

/** Blocks that came damaged, and sizes that are not theirs. */
const compressor = (name: string) =>
  defineTarget({
    name,
    // zlib sets itself up for each.
    testCases: 50_000,
    isRefusal: failsWith("DIST_ERR_COMPRESS_DAMAGED"),
    async open() {
      const kernel = await loadKernel();
      const { compress, decompress } = kernel.usable("compressors", name, io);
      const plain = [textBytes(3_000), noiseBytes(300), new Uint8Array(5_000), new Uint8Array()];
      const packed = plain.map((bytes) => Uint8Array.from(compress(bytes)));
      return {
        make(random): Packed {
          const at = random.below(plain.length);
          const size = plain[at]?.length ?? 0;
          const sizes = [size, size, size, size - 1, size + 1, 0, size * 2, random.below(8) === 0 ? 4 << 20 : 70_000];
          const sizeBytes = Math.max(0, pick(random, sizes));
          const block = packed[at] ?? new Uint8Array();
          return {
            block: random.below(8) === 0 ? block : mutateOften<Uint8Array>(block, random, mutateBytes),
            sizeBytes,
          };
        },
        feed({ block, sizeBytes }) {
          const restored = Buffer.from(decompress(block, sizeBytes));
          if (restored.length !== sizeBytes) throw new Error(`it gives ${restored.length} bytes`);
          // Of another size it may be two of them behind each other, as gzip allows; each has its checksum.
          const same = plain.filter(({ length }) => length === sizeBytes);
          if (same.length > 0 && !same.some((bytes) => restored.equals(bytes)))
            throw new Error("damage went unnoticed");
        },
        close: () => kernel[Symbol.asyncDispose](),
      };
    },
  });

interface Sealed {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly block: Uint8Array;
  readonly bound: Uint8Array;
}

/** Sealed blocks of which anything was changed, or what they are opened with. */
const cipher = (name: string) =>
  defineTarget({
    name,
    isRefusal: failsWith("DIST_ERR_CIPHER_OPEN"),
    async open() {
      const kernel = await loadKernel();
      const { keyBytes, nonceBytes, seal, open } = kernel.usable("ciphers", name, io);
      const random = new SimRandom(1);
      const [key, nonce, bound] = [random.bytes(keyBytes), random.bytes(nonceBytes), Buffer.from("site and tree")];
      const plain = textBytes(200);
      const good: Sealed = { key, nonce, bound, block: seal(key, nonce, plain, bound) };
      return {
        make(random): Sealed {
          const part = pick(random, ["block", "block", "block", "key", "nonce", "bound"] as const);
          return { ...good, [part]: mutateOften<Uint8Array>(good[part], random, mutateBytes) };
        },
        feed(sealed) {
          const opened = Buffer.from(open(sealed.key, sealed.nonce, sealed.block, sealed.bound));
          if (!opened.equals(plain)) throw new Error("a change went unnoticed");
        },
        close: () => kernel[Symbol.asyncDispose](),
      };
    },
  });

const text = textBytes(3_000, 1);
const code = noiseBytes(3_000, 2);
/** Edited text, code whose addresses moved, a long copy around new bytes, and nothing to start from. */
const pairs: readonly (readonly [base: Uint8Array, target: Uint8Array])[] = [
  [text, Buffer.concat([text.subarray(1_500), textBytes(100, 3), text.map((byte, at) => (at % 90 ? byte : 65))])],
  [code, code.map((byte, at) => (at % 50 < 2 ? byte + 3 : byte))],
  [noiseBytes(20_000, 4), Buffer.concat([noiseBytes(20_000, 4), text, noiseBytes(20_000, 4)])],
  [new Uint8Array(), text],
];

interface Delta {
  readonly pair: number;
  readonly delta: Uint8Array;
}

/** Deltas that would read beyond the base, or make more or less than they should. */
const deltas = (name: string, mutate: (delta: Uint8Array) => (random: SimRandom) => Uint8Array) =>
  defineTarget({
    name,
    isRefusal: failsWith("DIST_ERR_DELTA_DAMAGED"),
    async open() {
      const kernel = await loadKernel();
      const engine = kernel.usable("deltas", name, io);
      const contents = pairs.map(([base]) => new StrictContent(base));
      const mutations = pairs.map(([base, target]) =>
        mutate(collect(engine.encode(new StrictContent(base), new StrictContent(target)))),
      );
      return {
        make(random): Delta {
          const pair = random.below(pairs.length);
          return { pair, delta: mutations[pair]?.(random) ?? new Uint8Array() };
        },
        feed({ pair, delta }) {
          const [[, target] = [], base] = [pairs[pair], contents[pair]];
          if (target === undefined || base === undefined) throw new Error(`there is no pair ${pair}`);
          let size = 0;
          for (const chunk of engine.decode(base, [delta], target.length)) size += chunk.length;
          if (size !== target.length) throw new Error(`${size} bytes were made`);
        },
        close: () => kernel[Symbol.asyncDispose](),
      };
    },
  });

export const providerTargets: readonly Target[] = [
  ...["gzip", "zstd", "brotli"].map(compressor),
  ...["aes-256-gcm", "chacha20-poly1305"].map(cipher),
  deltas("rsync", (delta) => {
    const segments = segmentsOf(delta);
    return (random) => mutateDelta(segments, random);
  }),
  deltas("whole", (delta) => (random) => mutateOften(delta, random, mutateBytes)),
];
