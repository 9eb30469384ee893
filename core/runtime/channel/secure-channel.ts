import { createPublicKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { failure } from "../../../sdk/index.ts";
import type { Io } from "../../../sdk/index.ts";
import type { SegmentMessage } from "../../protocol/segment/messages.ts";
import { Alarms } from "./alarms.ts";
import type { ChannelAlarm } from "./alarms.ts";
import { excessOf, isFrom, isSigned, readAttested, writeAttested } from "./attest.ts";
import type { Attested } from "./attest.ts";
import { dropReasons } from "./drop-reasons.ts";
import type { DropReason } from "./drop-reasons.ts";
import type { Header } from "./header.ts";
import { readKeys } from "./key-ring.ts";
import type { ChannelKeys, RingKey } from "./key-ring.ts";
import { memberKey, readRecord } from "./member-record.ts";
import { decodeMessage, encodeMessage } from "./message-codec.ts";
import { openBody, readSealed, sealBody } from "./seal.ts";
import type { Sealed } from "./seal.ts";
import type { SeenMarks } from "./seen-marks.ts";
import { Sender, SenderBoot } from "./sender.ts";
import type { KnownRecord } from "./sender.ts";
import { Senders } from "./senders.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What is checked of senders that are not known yet, all together: enough for a full segment that starts at once. */
const strangersSigned = { burst: 1_024, perSecond: 512 };
const strangersUnsigned = { burst: 4_096, perSecond: 2_048 };

/** A datagram that was opened: new, and what its sender may say. */
export interface Opened {
  readonly from: string;
  /** What people call the sender, if its record was seen. */
  readonly name: string | undefined;
  readonly message: SegmentMessage;
}

export interface ChannelOptions {
  readonly segment: string;
  /** This member's. */
  readonly id: string;
  /** Higher than at any start before (`nextBootSequence`), and durable before the channel is used. */
  readonly bootSequence: number;
  readonly keys: ChannelKeys;
  /** This member's, as control signed it. */
  readonly record: Uint8Array;
  /** This member's own private key (Ed25519), whose public half is in its record. */
  readonly signingKey: KeyObject;
  /** The public key of control that records are checked with. */
  readonly controlKey: KeyObject;
  /** What `marks` gave before this member started again. */
  readonly marks?: SeenMarks;
  alarm(what: ChannelAlarm): void;
}

/**
 * The boot sequence of a start after one with `last`: higher, and by the wall clock, so that a machine that was put
 * back to an earlier state gets one that nobody has seen, too.
 */
export function nextBootSequence(last: number, wallTimeMs: number): number {
  return Math.max(last + 1, Math.floor(wallTimeMs));
}

/**
 * What the members of a segment say to each other, sealed: AES-256-GCM with a key that only one boot of one sender has,
 * the sequence number being the nonce. What decides who leads is signed by its sender as well, and comes with control's
 * record of it. There is no way to send in the clear.
 */
export class SecureChannel {
  readonly #io: Pick<Io, "random" | "clock">;
  readonly #options: ChannelOptions;
  readonly #publicKey: KeyObject;
  readonly #alarms: Alarms;
  readonly #senders: Senders;
  readonly #strangersSigned: TokenBucket;
  readonly #strangersUnsigned: TokenBucket;
  readonly #counters = Object.fromEntries(dropReasons.map((reason) => [reason, 0])) as Record<DropReason, number>;
  #ring: ReadonlyMap<number, RingKey>;
  #sealWith: number;
  #record: Uint8Array;
  #own: SenderBoot;
  #sequence = 0;

  /** Throws DIST_ERR_CHANNEL_KEYS or DIST_ERR_CHANNEL_RECORD if it is given some that cannot be used. */
  constructor(io: Pick<Io, "random" | "clock">, options: ChannelOptions) {
    const now = io.clock.now();
    this.#io = io;
    this.#options = options;
    this.#publicKey = createPublicKey(options.signingKey);
    this.#alarms = new Alarms(io.clock, (alarm) => options.alarm(alarm));
    this.#senders = new Senders(options.marks ?? [], now);
    this.#strangersSigned = new TokenBucket(strangersSigned, now);
    this.#strangersUnsigned = new TokenBucket(strangersUnsigned, now);
    this.#ring = readKeys(options.segment, options.keys);
    this.#sealWith = options.keys.sealWith;
    this.#record = this.#checkedRecord(options.record);
    this.#own = this.#newBoot(options.bootSequence);
  }

  /** How many datagrams were dropped, and why. */
  get counters(): Readonly<Record<DropReason, number>> {
    return this.#counters;
  }

  /** A datagram that says this to who holds the segment's key. Throws DIST_ERR_CHANNEL_MESSAGE if it is no message. */
  seal(message: SegmentMessage): Uint8Array {
    const bytes = encodeMessage(message);
    const ringKey = this.#sealingKey();
    const signed = isSigned(message);
    const { id: sender, segment, signingKey } = this.#options;
    this.#sequence += 1;
    const header = { signed, epoch: ringKey.epoch, boot: this.#own.boot, sequence: this.#sequence, sender };
    return sealBody(header, ringKey, this.#own, (clear) => {
      return signed ? writeAttested(this.#record, bytes, signingKey, { segment, header: clear }) : bytes;
    });
  }

  /** What a datagram says; undefined if it is dropped, which is counted. Never throws. */
  open(datagram: Uint8Array): Opened | undefined {
    const opened = this.#open(datagram);
    if (typeof opened !== "string") return opened;
    this.#counters[opened] += 1;
    return undefined;
  }

  /** From now on exactly these keys open. Throws DIST_ERR_CHANNEL_KEYS and changes nothing if they cannot be used. */
  useKeys(keys: ChannelKeys): void {
    this.#ring = readKeys(this.#options.segment, keys);
    // Others may have moved on to a newer one already.
    const isAhead = this.#sealWith > keys.sealWith && this.#ring.has(this.#sealWith);
    if (!isAhead) this.#sealWith = keys.sealWith;
    this.#senders.forgetKeys();
    this.#own.forgetKeys();
  }

  /** This member's record from now on. Throws DIST_ERR_CHANNEL_RECORD and changes nothing if it is not its own. */
  useRecord(record: Uint8Array): void {
    this.#record = this.#checkedRecord(record);
  }

  /**
   * Begins a new boot, with a sequence as at a start, for a machine that may have been put back to an earlier state: no
   * nonce must come again.
   */
  rekey(bootSequence: number): void {
    this.#own = this.#newBoot(bootSequence);
    this.#sequence = 0;
  }

  /** How far each sender was heard, for the next start. */
  marks(): SeenMarks {
    return this.#senders.marks();
  }

  #open(datagram: Uint8Array): Opened | DropReason {
    const sealed = readSealed(datagram);
    if (sealed === undefined) return "junk";
    const { epoch, sender } = sealed.header;
    const isOwn = sender === this.#options.id;
    if (isOwn && !this.#isAhead(sealed.header)) return "own";
    const ringKey = this.#ring.get(epoch);
    if (ringKey === undefined) return "key";
    if (!ringKey.prefilter(sealed.rest).equals(sealed.prefilter)) return "junk";
    return isOwn ? this.#openTwin(sealed, ringKey) : this.#openOther(sealed, ringKey);
  }

  #openOther(sealed: Sealed, ringKey: RingKey): Opened | DropReason {
    const { header } = sealed;
    const { sender: from, signed } = header;
    const sender = this.#senders.find(from) ?? new Sender(this.#io.clock.now());
    const boot = sender.bootOf(header);
    if (typeof boot === "string") return boot;
    this.#senders.notice(from, sender);
    if (!this.#isAllowed(sender, signed)) return this.#alarmed("flood", from, "flood");
    const body = openBody(sealed, ringKey, boot);
    if (body === undefined) return "seal";
    const attested = signed ? this.#attested(sealed, body, sender) : undefined;
    if (typeof attested === "string") return attested;
    const message = messageOf(attested?.message ?? body);
    if (message === undefined || isSigned(message) !== signed) return "message";
    const excess = attested && excessOf(message, attested.known.record);
    if (excess !== undefined) return this.#alarmed(excess, from, "priority");
    if (signed && !this.#senders.hasRoom(from, (epoch) => this.#ring.has(epoch)))
      return this.#alarmed("full", from, "senders");
    sender.take(header, boot, attested?.known);
    if (signed) this.#senders.know(from, sender);
    this.#sealWith = Math.max(this.#sealWith, header.epoch);
    return { from, name: sender.record?.record.name, message };
  }

  /** Whether it sends no more than it may, which is found out before anything is done that costs more. */
  #isAllowed(sender: Sender, signed: boolean): boolean {
    const now = this.#io.clock.now();
    if (!(signed ? sender.signedBucket : sender.unsignedBucket).take(now)) return false;
    return sender.isKnown || (signed ? this.#strangersSigned : this.#strangersUnsigned).take(now);
  }

  /** What a datagram's sender signed, with its record. */
  #attested(
    { header, clear }: Sealed,
    body: Buffer,
    sender: Sender,
  ): (Attested & { readonly known: KnownRecord }) | DropReason {
    const attested = readAttested(body);
    if (attested === undefined) return this.#alarmed("signature", header.sender, "signature");
    const known = this.#recordOf(attested.record, header.sender, sender);
    if (typeof known === "string") return known;
    if (!isFrom(attested, known.key, { segment: this.#options.segment, header: clear }))
      return this.#alarmed("signature", header.sender, "signature");
    return { ...attested, known };
  }

  #recordOf(bytes: Uint8Array, id: string, sender: Sender): KnownRecord | DropReason {
    if (sender.record !== undefined && sender.record.bytes.equals(bytes)) return sender.record;
    try {
      // A copy: what is kept must not keep the datagram.
      const copy = Buffer.from(bytes);
      const record = readRecord(copy, this.#options.controlKey, this.#options.segment);
      if (record.id !== id) return this.#alarmed("record", id, "record");
      // No alarm: one that was sent before the later one may well arrive after it.
      if (!sender.isNewest(record)) return "record";
      return { bytes: copy, record, key: memberKey(record) };
    } catch {
      return this.#alarmed("record", id, "record");
    }
  }

  /** Whether a datagram with this member's id is none that it can have sent. */
  #isAhead({ boot, sequence }: Header): boolean {
    const { id, sequence: bootSequence } = this.#own.boot;
    return boot.id === id ? sequence > this.#sequence : boot.sequence >= bootSequence;
  }

  /** Only who has this member's own key can make it believe that it has a twin. */
  #openTwin(sealed: Sealed, ringKey: RingKey): DropReason {
    const { header, clear } = sealed;
    if (!header.signed) return "own";
    if (!this.#strangersSigned.take(this.#io.clock.now())) return "flood";
    const body = openBody(sealed, ringKey, new SenderBoot(header.boot));
    const attested = body && readAttested(body);
    if (attested === undefined) return "seal";
    if (!isFrom(attested, this.#publicKey, { segment: this.#options.segment, header: clear })) return "signature";
    return this.#alarmed("twin", header.sender, "twin");
  }

  #alarmed(kind: ChannelAlarm["kind"], sender: string, reason: DropReason): DropReason {
    this.#alarms.raise(kind, sender);
    return reason;
  }

  #sealingKey(): RingKey {
    const key = this.#ring.get(this.#sealWith);
    if (key === undefined) throw new Error(`segment key ${this.#sealWith} is gone`);
    return key;
  }

  #newBoot(sequence: number): SenderBoot {
    return new SenderBoot({ id: Buffer.from(this.#io.random.bytes(16)).toString("hex"), sequence });
  }

  #checkedRecord(bytes: Uint8Array): Uint8Array {
    const { segment, id, controlKey } = this.#options;
    const record = readRecord(bytes, controlKey, segment);
    const isOwn = record.id === id && memberKey(record).equals(this.#publicKey);
    if (!isOwn) throw failure("DIST_ERR_CHANNEL_RECORD", { segment, problem: `it is not of this member, '${id}'` });
    return bytes;
  }
}

function messageOf(bytes: Uint8Array): SegmentMessage | undefined {
  try {
    return decodeMessage(bytes);
  } catch {
    return undefined;
  }
}
