import type { IHasher } from "hash-wasm";

/** Length of a hash in bytes; as hex it is twice as long. */
export const hashBytes = 32;

/** The hash whose name stands in manifests and assignments. */
export const hashName = "blake3";

/** Takes bytes bit by bit. Not to be used again after `digest`. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

/** BLAKE3 native where the package has a build (about ten times as fast), in WebAssembly elsewhere. */
const makeHasher: () => Hasher = await nativeHasher().catch(wasmHasher);

async function nativeHasher(): Promise<() => Hasher> {
  const { Blake3Hasher } = await import("@napi-rs/blake-hash");
  return () => {
    const hasher = new Blake3Hasher();
    return {
      update: (bytes) => void hasher.update(asBuffer(bytes)),
      digest: () => hasher.digestBuffer(),
    };
  };
}

async function wasmHasher(): Promise<() => Hasher> {
  const { createBLAKE3 } = await import("hash-wasm");
  // An instance of the module is reset rather than made anew, which would be asynchronous; each hash in progress needs its own.
  const idle: IHasher[] = [];
  const ready = await Promise.all(Array.from({ length: 8 }, () => createBLAKE3()));
  idle.push(...ready);
  return () => {
    const hasher = idle.pop();
    if (hasher === undefined) throw new Error("more than eight hashes in progress");
    hasher.init();
    return {
      update: (bytes) => void hasher.update(bytes),
      digest: () => {
        idle.push(hasher);
        return hasher.digest("binary");
      },
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
