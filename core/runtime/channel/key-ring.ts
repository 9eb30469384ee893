import { createSecretKey, hash, hkdfSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { failure } from "../../../sdk/index.ts";
import type { Boot } from "./header.ts";

/** A key that every member of a segment has, from control. */
export interface SegmentKey {
  /** 0 to 2³² - 1; a later key has a higher one, and no two the same. */
  readonly epoch: number;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** The keys that open, and the epoch of the one that seals. */
export interface ChannelKeys {
  readonly keys: readonly SegmentKey[];
  readonly sealWith: number;
}

/** One key of a segment, for all that is derived from it. */
export interface RingKey {
  readonly epoch: number;
  /** What stands before a datagram: nobody else can tell it, and telling costs less than opening. */
  prefilter(rest: Uint8Array): Buffer;
  /** What a boot of a sender seals with. */
  sealingKey(sender: string, boot: Boot): KeyObject;
}

const keyBytes = 32;
const mostKeys = 16;
export const prefilterBytes = 4;

/** The keys by their epochs. Throws DIST_ERR_CHANNEL_KEYS unless each is whole and the sealing one is among them. */
export function readKeys(segment: string, { keys, sealWith }: ChannelKeys): ReadonlyMap<number, RingKey> {
  const refuse = (problem: string) => failure("DIST_ERR_CHANNEL_KEYS", { segment, problem });
  if (keys.length > mostKeys) throw refuse(`there are ${keys.length}`);
  const ring = new Map<number, RingKey>();
  for (const { epoch, key } of keys) {
    if (!Number.isInteger(epoch) || epoch < 0 || epoch >= 2 ** 32) throw refuse(`epoch ${epoch}`);
    if (key.length !== keyBytes) throw refuse(`key ${epoch} is ${key.length} bytes long`);
    if (ring.has(epoch)) throw refuse(`there are two keys ${epoch}`);
    ring.set(epoch, ringKey(segment, epoch, key));
  }
  if (!ring.has(sealWith)) throw refuse(`key ${sealWith}, which is to seal, is not among them`);
  return ring;
}

function ringKey(segment: string, epoch: number, key: Uint8Array): RingKey {
  const derive = (purpose: string, ...rest: readonly string[]) => {
    const info = ["distributary segment 1", purpose, segment, ...rest].join("\0");
    return Buffer.from(hkdfSync("sha256", key, "", info, keyBytes));
  };
  // A whole block of key, and only a part of the hash given away: nobody can go on from it.
  const secret = Buffer.alloc(64);
  derive("prefilter").copy(secret);
  return {
    epoch,
    prefilter: (rest) => hash("sha256", Buffer.concat([secret, rest]), "buffer").subarray(0, prefilterBytes),
    sealingKey: (sender, boot) => createSecretKey(derive("seal", boot.id, String(boot.sequence), sender)),
  };
}
