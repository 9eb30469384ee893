/**
 * An authenticated cipher (AEAD). The core makes a fresh key for every assignment and never uses a nonce twice with it.
 * Calls are synchronous and keep no state.
 */
export interface Cipher {
  readonly keyBytes: number;
  readonly nonceBytes: number;
  /** By how much a sealed block is longer than the plain one. */
  readonly overheadBytes: number;
  /** `bound` is authenticated with the block but not part of the result: opening needs the same. */
  seal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, bound: Uint8Array): Uint8Array;
  /** Throws if key, nonce, `bound` or any bit of `sealed` is not what it was. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, bound: Uint8Array): Uint8Array;
}
