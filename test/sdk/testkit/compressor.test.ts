import {
  brotliCompressSync,
  brotliDecompressSync,
  deflateRawSync,
  gunzipSync,
  gzipSync,
  inflateRawSync,
} from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Compressor } from "distributary/sdk";
import { compressorInThreadsKit, compressorKit, failedCases, recordingHost } from "distributary/testkit";
import gzip from "../../../plugins/gzip/index.ts";

const good = () => recordingHost(gzip).compressors.get("gzip");

/** Wrong compressors, and a case that each must fail. */
const saboteurs: Record<string, { create: () => Compressor; fails: string }> = {
  "drops the last byte": {
    create: () => ({ ...good(), compress: (block) => good().compress(block.subarray(0, -1)) }),
    fails: "restores text",
  },
  "cannot do nothing": {
    create: () => ({
      ...good(),
      compress: (block) => (block.length === 0 ? new Uint8Array(0) : good().compress(block)),
    }),
    fails: "restores an empty block",
  },
  "stops at a megabyte": {
    create: () => ({ ...good(), compress: (block) => good().compress(block.subarray(0, 1024 * 1024)) }),
    fails: "restores 4 MiB of zeros",
  },
  "compresses nothing": {
    create: () => ({
      compress: (block) => block.slice(),
      decompress: (block, sizeBytes) => exact(block.slice(), sizeBytes),
    }),
    fails: "makes repetitive text smaller",
  },
  "takes the whole buffer instead of its part": {
    create: () => ({ ...good(), compress: (block) => good().compress(new Uint8Array(block.buffer)) }),
    fails: "restores a block that is part of a larger buffer, and takes nothing beside it",
  },
  "overwrites its input": {
    create: () => ({
      ...good(),
      compress: (block) => {
        const compressed = good().compress(block);
        block.fill(0);
        return compressed;
      },
    }),
    fails: "leaves its input as it is",
  },
  "keeps short blocks as they are, in the caller's memory": {
    create: () => sharing(),
    fails: "shares no memory between input and result",
  },
  "restores into one buffer for ever": {
    create: () => {
      const scratch = new Uint8Array(5 * 1024 * 1024);
      const restore = (block: Uint8Array, sizeBytes: number) => {
        scratch.set(good().decompress(block, sizeBytes));
        return scratch.subarray(0, sizeBytes);
      };
      return { ...good(), decompress: restore };
    },
    fails: "gives results that later calls do not overwrite",
  },
  "takes the block before as dictionary": {
    create: () => withDictionary(),
    fails: "keeps nothing between blocks: another instance restores them in another order",
  },
  "is broken after the first damage": {
    create: () => {
      let isBroken = false;
      return {
        ...good(),
        decompress(block, sizeBytes) {
          if (isBroken) throw new Error("broken");
          isBroken = true;
          const restored = good().decompress(block, sizeBytes);
          isBroken = false;
          return restored;
        },
      };
    },
    fails: "works on after a damaged block",
  },
  "has no checksum": {
    create: () => ({
      compress: (block) => brotliCompressSync(block, { params: { 1: 4 } }),
      decompress: (block, sizeBytes) => exact(brotliDecompressSync(block, atMost(sizeBytes)), sizeBytes),
    }),
    fails: "never restores something else after a bit was flipped",
  },
  "ignores what follows the end": {
    create: () => ({
      compress: (block) => gzipSync(block),
      decompress: (block, sizeBytes) => exact(gunzipSync(block, atMost(sizeBytes)), sizeBytes),
    }),
    fails: "refuses bytes after the end of a block",
  },
  "fills up what is missing": {
    create: () => ({
      ...good(),
      decompress(block, sizeBytes) {
        const restored = gunzipSync(block, { ...atMost(sizeBytes), finishFlush: 2 });
        return sizeBytes > 10_000_000 ? exact(restored, sizeBytes) : Buffer.concat([restored], sizeBytes);
      },
    }),
    fails: "refuses a block cut off anywhere",
  },
  "gives the size that is asked for": {
    create: () => ({ ...good(), decompress: (block, sizeBytes) => gunzipSync(block).subarray(0, sizeBytes) }),
    fails: "refuses every size but the right one",
  },
  "unpacks a bomb before it looks at its size": {
    create: () => ({ ...good(), decompress: (block, sizeBytes) => exact(gunzipSync(block), sizeBytes) }),
    fails: "refuses a bomb of 64 MiB at once and without unpacking it",
  },
  "reserves whatever size is claimed": {
    create: () => ({
      ...good(),
      decompress(block, sizeBytes) {
        const reserved = new Uint8Array(Math.min(sizeBytes, 1024 ** 3));
        reserved.set(good().decompress(block, sizeBytes));
        return reserved;
      },
    }),
    fails: "reserves no memory for a size that is only claimed",
  },
};

describe("the compressor kit", () => {
  for (const [name, { create, fails }] of Object.entries(saboteurs)) {
    it(`rejects one that ${name}`, async () => {
      const cases = compressorKit.cases.filter(({ title }) => title === fails);
      expect(await failedCases({ ...compressorKit, cases }, create)).toEqual([fails]);
    });
  }

  it("passes one that is right", async () => {
    expect(await failedCases(compressorKit, good)).toEqual([]);
  }, 60_000);

  for (const [name, code] of Object.entries({
    "refuses to work in a thread": "if (!isMainThread) throw new Error('only here')",
    "counts on what the main thread did": "if (globalThis.prepared !== true && !isMainThread) process.exit(1)",
    "provides nothing under its name": "setup = () => {}",
  })) {
    it(`rejects one that ${name}`, async () => {
      const module = `import { isMainThread } from "node:worker_threads";
        import { gzipSync, gunzipSync } from "node:zlib";
        const gzip = { compress: (block) => gzipSync(block), decompress: (block) => gunzipSync(block) };
        let setup = ({ compressors }) => compressors.add("gzip", gzip);
        ${code};
        export default { name: "gzip", api: 1, setup };`;
      const subject = { name: "gzip", module: `data:text/javascript,${encodeURIComponent(module)}` };
      expect(await failedCases(compressorInThreadsKit, () => subject)).toHaveLength(1);
    });
  }
});

function exact(restored: Uint8Array, sizeBytes: number): Uint8Array {
  if (restored.length !== sizeBytes) throw new Error("another size");
  return restored;
}

function atMost(sizeBytes: number): { maxOutputLength: number } {
  return { maxOutputLength: Math.max(1, sizeBytes) };
}

function sharing(): Compressor {
  const packed = new WeakSet<Uint8Array>();
  return {
    compress(block) {
      if (block.length !== 5_000) return good().compress(block);
      packed.add(block);
      return block;
    },
    decompress: (block, sizeBytes) => (packed.has(block) ? block : good().decompress(block, sizeBytes)),
  };
}

function withDictionary(): Compressor {
  const before = { compress: new Uint8Array(1), decompress: new Uint8Array(1) };
  return {
    compress(block) {
      const compressed = deflateRawSync(block, { dictionary: before.compress });
      before.compress = Uint8Array.from(block.length === 0 ? [1] : block);
      return compressed;
    },
    decompress(block, sizeBytes) {
      const restored = exact(inflateRawSync(block, { dictionary: before.decompress }), sizeBytes);
      before.decompress = Uint8Array.from(restored.length === 0 ? [1] : restored);
      return restored;
    },
  };
}
