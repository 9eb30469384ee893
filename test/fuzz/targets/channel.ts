import { createPublicKey, sign } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { decode, encode } from "cborg";
import { readHeader } from "../../../core/runtime/channel/header.ts";
import { readRecord, signRecord } from "../../../core/runtime/channel/member-record.ts";
import { decodeMessage, encodeMessage } from "../../../core/runtime/channel/message-codec.ts";
import { readMarks } from "../../../core/runtime/channel/seen-marks.ts";
import type { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import {
  TrialMember,
  alive,
  controlKey,
  forge,
  idOf,
  recordOf,
  sampleMessages,
  segment,
} from "../../core/runtime/channel/segment-trial.ts";
import { defineTarget, failsWith } from "../fuzz.ts";
import type { Target } from "../fuzz.ts";
import { mutateBytes, mutateOften, mutateValue, pick } from "../mutations.ts";

/** CBOR of which a value was changed, or the bytes. */
function mutateCbor(sample: Uint8Array, random: SimRandom): Uint8Array {
  if (random.below(3) === 0) return mutateOften(sample, random, mutateBytes);
  const value = mutateOften<unknown>(decode(sample), random, mutateValue);
  return encode(value, { float64: random.below(8) === 0 });
}

const segmentMessage = defineTarget({
  name: "segment-message",
  isRefusal: failsWith("DIST_ERR_CHANNEL_MESSAGE"),
  open() {
    const samples = sampleMessages.map(encodeMessage);
    return {
      make: (random) => mutateCbor(pick(random, samples), random),
      feed(bytes) {
        const message = decodeMessage(bytes);
        if (Buffer.compare(encodeMessage(message), bytes) !== 0) throw new Error("it is read as another");
      },
    };
  },
});

const memberRecord = defineTarget({
  name: "member-record",
  // Each is signed and verified.
  testCases: 20_000,
  isRefusal: failsWith("DIST_ERR_CHANNEL_RECORD"),
  open() {
    const [signed, publicKey] = [recordOf(1), createPublicKey(controlKey)];
    const signer = (bytes: Uint8Array) => sign(null, bytes, controlKey);
    const context = Buffer.from("distributary member record 1\0");
    return {
      make(random): Uint8Array {
        if (random.below(4) === 0) return mutateOften<Uint8Array>(signed, random, mutateBytes);
        const body = mutateCbor(signed.subarray(0, -64), random);
        return Buffer.concat([body, signer(Buffer.concat([context, body]))]);
      },
      feed(bytes) {
        const record = readRecord(bytes, publicKey, segment);
        if (Buffer.compare(signRecord(record, signer), bytes) !== 0) throw new Error("it is read as another");
      },
    };
  },
});

/** What comes from who has no key: nothing of it changes anything, nor keeps the genuine from being heard. */
const datagram = defineTarget({
  name: "datagram",
  answers: "all refused",
  isRefusal: (error) => error === dropped,
  open() {
    const [one, other, two] = [new TrialMember(1), new TrialMember(3), new TrialMember(2)];
    two.channel.open(one.channel.seal(alive()));
    const state = JSON.stringify(two.channel.marks());
    // Never delivered, so that each would be new.
    const samples = [one, other].flatMap(({ channel }) => sampleMessages.map((message) => channel.seal(message)));
    return {
      make(random): Uint8Array {
        if (random.below(20) === 0) return Buffer.from(random.bytes(random.below(200)));
        const sample = pick(random, samples);
        for (;;) {
          const changed = mutateOften<Uint8Array>(sample, random, (bytes) => {
            return mutateBytes(bytes, random, pick(random, samples));
          });
          if (!samples.some((each) => Buffer.compare(each, changed) === 0)) return changed;
        }
      },
      feed(changed) {
        const before = sum(two.channel.counters);
        if (two.channel.open(changed) !== undefined) throw new Error("it was opened");
        if (sum(two.channel.counters) !== before + 1) throw new Error("it was not counted");
        if (JSON.stringify(two.channel.marks()) !== state) throw new Error("it changed what is known");
        if (two.alarms.length > 0) throw new Error("it raised an alarm");
        throw dropped;
      },
    };
  },
});

/** What comes from who has the key of the segment, its own record and its own key, and says what it likes. */
const insider = defineTarget({
  name: "datagram-of-a-member",
  // Each is signed, sealed, opened and verified.
  testCases: 20_000,
  isRefusal: (error) => error === dropped,
  open() {
    const victim = new TrialMember(1);
    const before = new TrialMember(2);
    before.channel.open(victim.channel.seal(alive()));
    const marks = before.channel.marks();
    const samples = sampleMessages.map(encodeMessage);
    return {
      make(random): Uint8Array {
        const header = {
          ...{ signed: random.below(4) > 0, sequence: 1 + random.below(2 ** 32), epoch: 1 + random.below(2) },
          boot: { id: Buffer.from(random.bytes(16)).toString("hex"), sequence: random.below(2 ** 32) },
        };
        const record = random.below(4) === 0 ? mutateBytes(recordOf(3), random) : recordOf(3);
        const sample = pick(random, samples);
        const message = random.below(3) === 0 ? sample : mutateCbor(sample, random);
        return forge(random.below(4) === 0 ? 1 : 3, message, { header, record });
      },
      feed(bytes) {
        const two = new TrialMember(2, { marks });
        const opened = two.channel.open(bytes);
        const mark = two.channel.marks().find(({ sender }) => sender === idOf(1));
        if (JSON.stringify(mark) !== JSON.stringify(marks[0])) throw new Error("it changed what is known of another");
        if (opened === undefined) throw dropped;
        if (opened.from !== readHeader(Buffer.from(bytes.subarray(4)))?.sender) throw new Error("it is of another");
        encodeMessage(opened.message);
      },
    };
  },
});
/** What lies on the disk of a member. */
const seenMarks = defineTarget({
  name: "seen-marks",
  isRefusal: failsWith("DIST_ERR_CHANNEL_MARKS"),
  open() {
    const two = new TrialMember(2);
    for (const number of [1, 3]) two.channel.open(new TrialMember(number).channel.seal(alive()));
    const marks = two.channel.marks();
    return {
      make: (random) => mutateOften<unknown>(marks, random, mutateValue),
      feed(value) {
        const again = new TrialMember(2, { marks: readMarks(value) });
        if (!isDeepStrictEqual(again.channel.marks(), value)) throw new Error("they are read as others");
      },
    };
  },
});

const dropped = new Error("it was dropped");

function sum(counters: Readonly<Record<string, number>>): number {
  return Object.values(counters).reduce((total, count) => total + count, 0);
}

export const channelTargets: readonly Target[] = [segmentMessage, memberRecord, datagram, insider, seenMarks];
