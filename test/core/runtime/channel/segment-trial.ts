import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import type { ChannelAlarm } from "../../../../core/runtime/channel/alarms.ts";
import { writeAttested } from "../../../../core/runtime/channel/attest.ts";
import { writeHeader } from "../../../../core/runtime/channel/header.ts";
import type { Header } from "../../../../core/runtime/channel/header.ts";
import { readKeys } from "../../../../core/runtime/channel/key-ring.ts";
import type { ChannelKeys } from "../../../../core/runtime/channel/key-ring.ts";
import { signRecord } from "../../../../core/runtime/channel/member-record.ts";
import type { MemberRecord } from "../../../../core/runtime/channel/member-record.ts";
import { sealBody } from "../../../../core/runtime/channel/seal.ts";
import { SecureChannel } from "../../../../core/runtime/channel/secure-channel.ts";
import type { ChannelOptions } from "../../../../core/runtime/channel/secure-channel.ts";
import { SenderBoot } from "../../../../core/runtime/channel/sender.ts";
import type { Alive, Claim, Here, Register, SegmentMessage } from "../../../../core/protocol/segment/messages.ts";
import { SimClock } from "../../../../sdk/testkit/sim/clock.ts";
import { SimRandom } from "../../../../sdk/testkit/sim/random.ts";

export const segment = "hall-1";

/** A key of its own for each number, the same in every run. */
export function ed25519(number: number): KeyObject {
  const seed = number.toString(16).padStart(64, "0");
  const bytes = Buffer.from(`302e020100300506032b657004220420${seed}`, "hex");
  const key = madeBefore.get(number) ?? createPrivateKey({ key: bytes, format: "der", type: "pkcs8" });
  madeBefore.set(number, key);
  return key;
}
const madeBefore = new Map<number, KeyObject>();

/** The 32 bytes of a public key. */
export function rawKey(key: KeyObject): Uint8Array {
  return Buffer.from(createPublicKey(key).export({ format: "jwk" }).x ?? "", "base64url");
}

export const controlKey = ed25519(0xc0);

/** Keys of these epochs, of which the last seals. */
export function keysOf(...epochs: readonly number[]): ChannelKeys {
  return { keys: epochs.map((epoch) => ({ epoch, key: Buffer.alloc(32, epoch) })), sealWith: epochs.at(-1) ?? 0 };
}

/** The id of the member with this number. */
export function idOf(number: number): string {
  return `6f1c2d00-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

export function recordOf(number: number, differing: Partial<MemberRecord> = {}, signer = controlKey): Uint8Array {
  const record = {
    ...{ segment, id: idOf(number), name: `web-${number}`, key: rawKey(ed25519(number)) },
    ...{ maxPriority: 100, eligible: true, issuedAt: 1_000, ...differing },
  };
  return signRecord(record, (bytes) => sign(null, bytes, signer));
}

/** A member of the segment, with a clock that stands still. */
export class TrialMember {
  readonly number: number;
  readonly clock = new SimClock();
  readonly alarms: ChannelAlarm[] = [];
  readonly channel: SecureChannel;

  constructor(number: number, options: Partial<ChannelOptions> = {}, random = new SimRandom(number)) {
    this.number = number;
    const usual = {
      ...{ segment, id: idOf(number), bootSequence: 1, keys: keysOf(1), record: recordOf(number) },
      ...{ signingKey: ed25519(number), controlKey: createPublicKey(controlKey) },
    };
    const alarm = (what: ChannelAlarm) => void this.alarms.push(what);
    this.channel = new SecureChannel({ random, clock: this.clock }, { ...usual, ...options, alarm });
  }

  get id(): string {
    return idOf(this.number);
  }

  /** What it has dropped, without what it never had to. */
  get dropped(): Readonly<Record<string, number>> {
    return Object.fromEntries(Object.entries(this.channel.counters).filter(([, count]) => count > 0));
  }
}

/** What the holder of the segment's keys, and of whatever else is given, can make up. */
export interface Forgery {
  readonly header?: Partial<Header>;
  readonly record?: Uint8Array;
  readonly signingKey?: KeyObject;
  readonly keys?: ChannelKeys;
  /** The signature is one that was made for this segment. */
  readonly segment?: string;
  /** The signature is one that was made for a datagram with this header. */
  readonly signedHeader?: Partial<Header>;
  /** What is sealed, instead of all that. */
  readonly body?: Uint8Array;
}

const usualRing = readKeys(segment, keysOf(1, 2));

/** A datagram as the member with this number would send it, but for what is forged. */
export function forge(number: number, message: Uint8Array, forgery: Forgery = {}): Buffer {
  const header: Header = {
    ...{ signed: true, epoch: 1, boot: { id: "ab".repeat(16), sequence: 1 }, sequence: 1, sender: idOf(number) },
    ...forgery.header,
  };
  const ring = forgery.keys === undefined ? usualRing : readKeys(segment, forgery.keys);
  const ringKey = ring.get(header.epoch);
  if (ringKey === undefined) throw new Error(`there is no key ${header.epoch}`);
  return sealBody(header, ringKey, new SenderBoot(header.boot), (clear) => {
    if (forgery.body !== undefined) return forgery.body;
    if (!header.signed) return message;
    const { record = recordOf(number), signingKey = ed25519(number) } = forgery;
    const { signedHeader, segment: signedSegment = segment } = forgery;
    const signed = signedHeader === undefined ? clear : writeHeader({ ...header, ...signedHeader });
    return writeAttested(record, message, signingKey, { segment: signedSegment, header: signed });
  });
}

const at = { address: "10.0.0.7", port: 7_401 };

/** `alive` of a leader with this priority. */
export function alive(priority = 50, sequence = 1): Alive {
  const channel = { number: 1, group: "239.77.1.1", port: 7_400 };
  return { type: "alive", at, priority, epoch: 3, sequence, revision: 2, channel };
}

export const claim: Claim = { type: "claim", at, priority: 50, leading: false, epoch: 3 };
export const register: Register = {
  ...{ type: "register", at, name: "web-1", priority: 50, eligible: true, epoch: 3, byUnicast: false },
};
export const here: Here = { ...{ type: "here", at, epoch: 3, sequence: 1, lostPermille: 0, byUnicast: false } };

/** One message of each type, the signed ones first. */
export const sampleMessages: readonly SegmentMessage[] = [
  alive(),
  claim,
  { type: "claim", at: { address: "fe80::1", port: 1 }, priority: 0, leading: true, epoch: 4, hears: "n2" },
  { type: "resign", epoch: 3 },
  { type: "resign", epoch: 3, successor: { id: idOf(2), at, priority: 2 ** 31 - 1, epoch: 3 } },
  { type: "register", at, name: "web-1.example", priority: 7, eligible: true, epoch: 0, byUnicast: false },
  {
    ...{ type: "report", epoch: 3, revision: 9, from: idOf(1), to: "" },
    members: [
      { id: idOf(1), at, priority: 1, eligible: true, byUnicast: false },
      {
        id: idOf(2),
        at: { address: "2001:db8::2:0:0:1", port: 65_535 },
        priority: 0,
        eligible: false,
        byUnicast: true,
      },
    ],
  },
  { type: "leave" },
  { type: "probe", at, nonce: Number.MAX_SAFE_INTEGER },
  { type: "answer", nonce: 0, heardBy: "unicast" },
  {
    ...{ type: "answer", nonce: 5, heardBy: "multicast" },
    follows: { leader: idOf(9), epoch: 3, at, priority: 4, ageMs: 1_200, isRegistered: true },
  },
  { type: "registered", epoch: 3, revision: 4 },
  { type: "introduce", epoch: 3 },
  { type: "here", at: { address: "192.0.2.1", port: 7 }, epoch: 3, sequence: 77, lostPermille: 1_000, byUnicast: true },
];
