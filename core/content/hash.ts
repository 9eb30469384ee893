/** Length of a hash in bytes; as hex it is twice as long. */
export const hashBytes = 32;

/** Takes bytes bit by bit. Not to be used again after `digest`. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

/** BLAKE3 native where the package has a build (about ten times as fast), in WebAssembly elsewhere. */
const makeHasher: () => Hasher = await nativeHasher().catch(wasmHasher);

/**
 * Native hashers are used again: making one takes longer than hashing 10 kB, and like the buffers they return they are
 * not freed before the event loop gets a turn.
 */
async function nativeHasher(): Promise<() => Hasher> {
  const { Blake3Hasher } = await import("@napi-rs/blake-hash");
  const idle: InstanceType<typeof Blake3Hasher>[] = [];
  return () => {
    let hasher: InstanceType<typeof Blake3Hasher> | undefined = idle.pop() ?? new Blake3Hasher();
    hasher.reset();
    return {
      update: (bytes) => void hasher?.update(bytes),
      digest() {
        if (hasher === undefined) throw new TypeError("this hash was taken before");
        const digest = Buffer.from(hasher.digest("hex"), "hex");
        idle.push(hasher);
        hasher = undefined;
        return digest;
      },
    };
  };
}

/**
 * One instance serves all: making one is asynchronous, so the state of each hash in progress is put in and taken out.
 */
async function wasmHasher(): Promise<() => Hasher> {
  const { createBLAKE3 } = await import("hash-wasm");
  const shared = await createBLAKE3();
  return () => {
    let state = shared.init().save();
    return {
      update(bytes) {
        state = shared.load(state).update(bytes).save();
      },
      digest: () => shared.load(state).digest("binary"),
    };
  };
}

export function createHasher(): Hasher {
  return makeHasher();
}

export function hashOf(...chunks: readonly Uint8Array[]): Uint8Array {
  const hasher = createHasher();
  for (const chunk of chunks) hasher.update(chunk);
  return hasher.digest();
}

export function hexHashOf(...chunks: readonly Uint8Array[]): string {
  return toHex(hashOf(...chunks));
}

export function toHex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("hex");
}

export function fromHex(hex: string): Uint8Array {
  return Buffer.from(hex, "hex");
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
