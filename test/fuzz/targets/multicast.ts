import { decodeAnnouncement, encodeAnnouncement } from "../../../plugins/mctp/wire/announcement.ts";
import { decodeWord, encodeWord, readHead } from "../../../plugins/mctp/wire/datagram.ts";
import type { Word } from "../../../plugins/mctp/wire/datagram.ts";
import { CheckedPieces } from "../../../sdk/testkit/members-trial.ts";
import { MemoryPieces } from "../../../sdk/testkit/memory-pieces.ts";
import { noiseBytes } from "../../../sdk/testkit/sample-bytes.ts";
import type { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { Forger, announcedOf, leading, receiving } from "../../plugins/mctp/by-hand.ts";
import { defineTarget } from "../fuzz.ts";
import type { Target } from "../fuzz.ts";
import { mutateBytes, mutateOften, pick } from "../mutations.ts";

const pieceBytes = 100_000;
const content = noiseBytes(3 * pieceBytes + 5);
const source = new MemoryPieces(content, pieceBytes);
const usual = announcedOf(source);
const members = ["n1", "n2", "n3"];
const asks = { from: 0, to: 0xffffffff, listed: false, hashes: [1, 2, 0xffffffff] };
const lacks = [
  { block: 0, blocks: 2, frames: 3 },
  { block: 2, blocks: 1, frames: 9, which: Buffer.of(255, 1) },
];
const words: readonly Word[] = [
  { kind: "poll", emitted: 900, sentBlocks: 2, asks },
  { kind: "dismissal", member: "n2", reason: "it is slow" },
  { kind: "over" },
  { kind: "report", member: "n1", seen: 9, heldMs: 1, received: 8, isComplete: false, isBehind: false, hasMore: true, lacks },
  { kind: "report", member: "n2", seen: 9, heldMs: 1, received: 9, isComplete: true, isBehind: true, hasMore: false, lacks: [] },
];
const forger = new Forger(usual);
const frames = Array.from({ length: 40 }, (_, index) =>
  forger.frame({ block: index % 3, index: index * 6, emission: index + 1 }),
);
const announcements = [[usual], [usual, { ...usual, number: 9 }], []].map(encodeAnnouncement);
const refused = new Error("it says nothing");
const isRefusal = (error: unknown) => error === refused;

function mutated(samples: readonly Uint8Array[], random: SimRandom): Uint8Array {
  const sample = pick(random, samples);
  return random.below(16) === 0 ? sample : mutateOften<Uint8Array>(sample, random, mutateBytes);
}

/** Bytes of which the head says how long they are, with the right tag, as somebody with the key would make them. */
function retagged(bytes: Uint8Array): Uint8Array {
  const datagram = Buffer.from(bytes);
  if (datagram.length >= 12) datagram.writeUInt16BE(datagram.length, 10);
  return forger.tagged(datagram);
}

const announcement = defineTarget({
  name: "multicast-announcement",
  isRefusal,
  open: () => ({
    make: (random) => mutated(announcements, random),
    feed(bytes) {
      const sessions = decodeAnnouncement(bytes);
      if (sessions === undefined) throw refused;
      const again = decodeAnnouncement(encodeAnnouncement(sessions));
      if (JSON.stringify(again) !== JSON.stringify(sessions)) throw new Error("it is read as another");
    },
  }),
});

const word = defineTarget({
  name: "multicast-word",
  isRefusal,
  open: () => ({
    make: (random) =>
      retagged(
        mutated(
          words.map((each) => forger.word(each)),
          random,
        ),
      ),
    feed(bytes) {
      const head = readHead(bytes, 0, bytes.length);
      const read = head?.pass === 0 ? decodeWord(head, bytes) : undefined;
      if (head === undefined || read === undefined) throw refused;
      if (read.kind === "report" && read.lacks.length > 180) return;
      const again = encodeWord(head.session, read);
      const readAgain = decodeWord(readHead(again, 0, again.length) ?? head, again);
      if (JSON.stringify(readAgain) !== JSON.stringify(read)) throw new Error("it is read as another");
    },
  }),
});

interface Heard {
  readonly announced: readonly Uint8Array[];
  readonly datagrams: readonly Uint8Array[];
  readonly pausesMs: readonly number[];
}

/** A member that hears anything: it stores nothing wrong, and ends what it began. */
const member = defineTarget({
  name: "multicast-member",
  isRefusal: () => false,
  answers: "all taken",
  testCases: 500,
  open: () => ({
    make(random): Heard {
      const samples = [...frames, ...words.map((each) => forger.word(each))];
      const datagram = () => (random.below(3) === 0 ? mutated(samples, random) : retagged(mutated(samples, random)));
      return {
        announced: [pick(random, announcements), mutated(announcements, random)],
        datagrams: Array.from({ length: 10 }, datagram),
        pausesMs: Array.from({ length: 3 }, () => random.below(100)),
      };
    },
    async feed({ announced, datagrams, pausesMs }) {
      const store = new CheckedPieces(content, pieceBytes, () => false);
      const { announce, clock, counts, shell, udp } = await receiving([store]);
      for (const each of announced) announce(each);
      for (const each of datagrams) udp.arrive(each);
      for (const pauseMs of pausesMs) await clock.advance(pauseMs);
      for (const each of datagrams) udp.arrive(each);
      await clock.advance(4_000);
      if (counts.began !== counts.ended) throw new Error(`${counts.began} were begun, ${counts.ended} ended`);
      if (store.wrongWrites > 0 || store.held.length > 0) throw new Error("it stores what nobody sent");
      await shell[Symbol.asyncDispose]();
      if (udp.openCount > 0) throw new Error("a socket stays open");
    },
  }),
});

/** A leader that hears anything: it sends bounded amounts, and comes to an end. */
const leader = defineTarget({
  name: "multicast-leader",
  isRefusal: () => false,
  answers: "all taken",
  testCases: 500,
  open: () => ({
    make(random): readonly Uint8Array[] {
      const reports = words.filter(({ kind }) => kind === "report");
      return Array.from({ length: 20 }, () => {
        const bytes = mutated(
          reports.map((each) => forger.word(each)),
          random,
        );
        return random.below(4) === 0 ? bytes : retagged(bytes);
      });
    },
    async feed(reports) {
      const { clock, forger: own, sent, session, udp } = await leading(source, members);
      const ended = session.run(new AbortController().signal);
      let isOver = false;
      void ended.then(() => (isOver = true));
      for (const report of reports) {
        // The session and its key are others each time.
        const bytes = Buffer.from(report);
        if (bytes.length >= 12) bytes.writeUInt32BE(session.session.number, 4);
        udp.arrive(own.tagged(bytes));
        await clock.advance(7);
      }
      await clock.advance(40_000);
      if (!isOver) throw new Error("it does not end");
      const { complete, left } = await ended;
      if (complete.length + left.length !== members.length) throw new Error("somebody is forgotten");
      const sentBytes = sent.reduce((sum, { length }) => sum + length, 0);
      if (sentBytes > 25 * content.length) throw new Error(`${sentBytes} bytes were sent`);
    },
  }),
});

export const multicastTargets: readonly Target[] = [announcement, word, member, leader];
