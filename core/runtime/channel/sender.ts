import type { KeyObject } from "node:crypto";
import type { Millis } from "../../../sdk/index.ts";
import type { Boot, Header } from "./header.ts";
import type { RingKey } from "./key-ring.ts";
import type { MemberRecord } from "./member-record.ts";
import { ReplayWindow, windowLength } from "./replay-window.ts";
import type { SeenMark } from "./seen-marks.ts";
import { TokenBucket } from "./token-bucket.ts";

/** More than a leader of a full segment says in a burst of reports; what it costs to check so many is a few percent. */
const signedRate = { burst: 512, perSecond: 128 };
const unsignedRate = { burst: 256, perSecond: 64 };

/** A record whose signature was found good. */
export interface KnownRecord {
  readonly bytes: Buffer;
  readonly record: MemberRecord;
  readonly key: KeyObject;
}

/**
 * One boot of a sender. What is signed and what is not have windows of their own: every member can forge the latter,
 * and must not shut a sender out with a high sequence number.
 */
export class SenderBoot {
  readonly boot: Boot;
  readonly signed: ReplayWindow;
  unsigned: ReplayWindow;
  readonly #keys = new Map<number, KeyObject>();

  constructor(boot: Boot, signed = 0, unsigned = 0) {
    this.boot = boot;
    this.signed = new ReplayWindow(signed);
    this.unsigned = new ReplayWindow(unsigned);
  }

  /** What this boot seals with. */
  keyFrom(ringKey: RingKey, sender: string): KeyObject {
    const key = this.#keys.get(ringKey.epoch) ?? ringKey.sealingKey(sender, this.boot);
    this.#keys.set(ringKey.epoch, key);
    return key;
  }

  forgetKeys(): void {
    this.#keys.clear();
  }
}

/** What is known of a sender. */
export class Sender {
  readonly signedBucket: TokenBucket;
  readonly unsignedBucket: TokenBucket;
  record: KnownRecord | undefined;
  /** The newest segment key that it used. */
  epoch = 0;
  #recordIssuedAt = 0;
  /** The boot of which something signed was heard. */
  #proven: SenderBoot | undefined;
  /** A later boot of which nothing signed was heard yet; anybody in the segment may have made it up. */
  #guessed: SenderBoot | undefined;

  constructor(now: Millis, mark?: SeenMark) {
    this.signedBucket = new TokenBucket(signedRate, now);
    this.unsignedBucket = new TokenBucket(unsignedRate, now);
    if (mark === undefined) return;
    this.epoch = mark.epoch;
    this.#recordIssuedAt = mark.recordIssuedAt;
    this.#proven = new SenderBoot({ id: mark.bootId, sequence: mark.bootSequence }, mark.signed, mark.unsigned);
  }

  /** Whether something that it signed was heard. */
  get isKnown(): boolean {
    return this.#proven !== undefined;
  }

  /** The boot of a datagram that may be taken: one that is known, or one that would be new; else why it may not. */
  bootOf({ boot, signed, sequence }: Header): SenderBoot | "boot" | "replay" {
    const known = [this.#proven, this.#guessed].find((each) => each !== undefined && isSame(each.boot, boot));
    if (known === undefined) {
      const latest = signed ? this.#proven : (this.#guessed ?? this.#proven);
      return latest === undefined || boot.sequence > latest.boot.sequence ? new SenderBoot(boot) : "boot";
    }
    return (signed ? known.signed : known.unsigned).isNew(sequence) ? known : "replay";
  }

  /** Whether no later record was seen. */
  isNewest({ issuedAt }: MemberRecord): boolean {
    return issuedAt > this.#recordIssuedAt || (this.record === undefined && issuedAt === this.#recordIssuedAt);
  }

  /** Takes a datagram of a boot that `bootOf` gave for it. */
  take({ signed, sequence, epoch }: Header, from: SenderBoot, record: KnownRecord | undefined): void {
    this.epoch = Math.max(this.epoch, epoch);
    if (signed) this.#takeSigned(sequence, from);
    else {
      if (from !== this.#proven) this.#guessed = from;
      from.unsigned.take(sequence);
    }
    if (record === undefined) return;
    this.record = record;
    this.#recordIssuedAt = record.record.issuedAt;
  }

  mark(sender: string): SeenMark | undefined {
    if (this.#proven === undefined) return undefined;
    const { boot, signed, unsigned } = this.#proven;
    return {
      ...{ sender, bootId: boot.id, bootSequence: boot.sequence },
      ...{ signed: signed.highest, unsigned: unsigned.highest },
      ...{ epoch: this.epoch, recordIssuedAt: this.#recordIssuedAt },
    };
  }

  forgetKeys(): void {
    this.#proven?.forgetKeys();
    this.#guessed?.forgetKeys();
  }

  #takeSigned(sequence: number, from: SenderBoot): void {
    this.#proven = from;
    if (this.#guessed !== undefined && this.#guessed.boot.sequence <= from.boot.sequence) this.#guessed = undefined;
    const isNewest = sequence > from.signed.highest;
    from.signed.take(sequence);
    // Nothing is so much ahead of what was said just now: somebody else made it up.
    if (isNewest && from.unsigned.highest >= sequence + windowLength) from.unsigned = new ReplayWindow(sequence);
  }
}

function isSame(one: Boot, other: Boot): boolean {
  return one.id === other.id && one.sequence === other.sequence;
}
