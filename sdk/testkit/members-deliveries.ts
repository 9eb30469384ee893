import assert from "node:assert/strict";
import type { Case } from "./kit.ts";
import { membersCase, usualContent, usualPieceBytes } from "./members-case.ts";
import type { MembersTransportSubject } from "./members-case.ts";
import { Trial, sooner } from "./members-trial.ts";
import { MemoryPieces } from "./memory-pieces.ts";
import { noiseBytes } from "./sample-bytes.ts";

/** What may be said although there is nothing to bring. */
const littleBytes = 4 * 1024;
const whole = ["began", "whole"];

/** What holds of deliveries on a LAN where nothing goes wrong. */
export const membersDeliveries: readonly Case<MembersTransportSubject>[] = [
  membersCase({
    title: "brings every piece to every member, the short last one too",
    async check(trial) {
      const { complete, left } = await trial.send();
      trial.assertWhole();
      assert.deepEqual([[...complete].sort(), left], [trial.ids, []]);
    },
  }),
  membersCase({
    title: "brings a single short piece",
    content: noiseBytes(100),
    async check(trial) {
      await trial.send();
      trial.assertWhole();
    },
  }),
  membersCase({
    title: "brings many pieces that are shorter than a datagram",
    content: noiseBytes(200 * 700 + 1),
    pieceBytes: 700,
    async check(trial) {
      await trial.send();
      trial.assertWhole();
    },
  }),
  membersCase({
    title: "brings pieces as long as those of real assignments",
    content: noiseBytes(1_300_000),
    pieceBytes: 2 ** 20,
    async check(trial) {
      await trial.send();
      trial.assertWhole();
    },
  }),
  membersCase({
    title: "brings the range that is asked for and nothing else",
    async check(trial) {
      const { complete } = await trial.send({ range: { from: 2, to: 5 } });
      assert.equal(complete.length, trial.members.length);
      for (const index of trial.members.keys()) assert.deepEqual(trial.store(index).held, [2, 3, 4]);
    },
  }),
  membersCase({
    title: "has nothing to do for a range without pieces",
    async check(trial) {
      const { complete } = await trial.send({ range: { from: 3, to: 3 } });
      assert.deepEqual([...complete].sort(), trial.ids);
      assert.ok(trial.sentBytes < littleBytes, `${trial.sentBytes} bytes were sent`);
    },
  }),
  membersCase({
    title: "has nothing to do for nobody",
    async check(trial) {
      await trial.send({ members: [] });
      assert.ok(trial.sentBytes < littleBytes + usualContent.length, `${trial.sentBytes} bytes were sent`);
    },
  }),
  membersCase({
    title: "sends nothing where everybody has everything, and says that they are complete",
    memberHas: () => true,
    async check(trial) {
      const { complete } = await trial.send();
      assert.deepEqual([...complete].sort(), trial.ids);
      assert.ok(trial.sentBytes < littleBytes, `${trial.sentBytes} bytes were sent`);
    },
  }),
  membersCase({
    title: "sends only what somebody lacks",
    memberHas: (piece, member) => piece !== 1 && (piece !== 3 || member !== 0),
    async check(trial) {
      await trial.send();
      trial.assertWhole();
      // Two of five pieces, and some for what goes with them.
      assert.ok(trial.sentBytes < usualContent.length * 0.6, `${trial.sentBytes} bytes were sent`);
    },
  }),
  membersCase({
    title: "sends once what all of them lack",
    members: 5,
    async check(trial) {
      await trial.send();
      assert.ok(trial.sentBytes < usualContent.length * 1.5, `${trial.sentBytes} bytes were sent`);
    },
  }),
  membersCase({
    title: "brings what its store has while that is still filling",
    sourceHas: (index) => index < 2,
    async check(trial) {
      const sending = trial.send();
      await sooner(trial.clock, "the first pieces", () => trial.members.every((_, index) => trial.count(index) >= 2));
      fill(trial, 2, 4);
      await sooner(trial.clock, "the next pieces", () => trial.members.every((_, index) => trial.count(index) >= 4));
      fill(trial, 4);
      assert.equal((await sending).complete.length, trial.members.length);
      trial.assertWhole();
    },
  }),
  membersCase({
    title: "tells each member when it begins, and that it ended because everything is there",
    memberHas: (_, member) => member === 2,
    async check(trial) {
      await trial.send();
      const told = (index: number) => trial.member(index).of(trial.source.assignment);
      await sooner(trial.clock, "the ends", () => [0, 1].every((index) => told(index).length === 2));
      assert.deepEqual([told(0), told(1)], [whole, whole]);
    },
  }),
  membersCase({
    title: "brings two assignments at once, each to where it belongs",
    async check(trial) {
      const content = noiseBytes(70_000, 2);
      const other = new MemoryPieces(content, usualPieceBytes);
      for (const member of trial.members) member.wants(other, content);
      const range = { from: 0, to: other.pieceCount };
      const both = await Promise.all([trial.send(), trial.send({ from: other, range })]);
      assert.deepEqual(both.map(({ left }) => left).flat(), []);
      trial.assertWhole();
      for (const index of trial.members.keys()) assert.equal(trial.store(index, other).held.length, other.pieceCount);
    },
  }),
  membersCase({
    title: "brings one after the other, and one again to those who lack it then",
    async check(trial) {
      await trial.send({ range: { from: 0, to: 4 } });
      await trial.send({ range: { from: 4, to: trial.source.pieceCount } });
      trial.assertWhole();
      const fresh = trial.member(0).wants(trial.source, trial.content);
      await trial.send();
      assert.equal(fresh.held.length, trial.source.pieceCount);
    },
  }),
  membersCase({
    title: "brings what is sent from then on to a member that joins late",
    sourceHas: (index) => index < 2,
    joins: (member) => member !== 1,
    async check(trial) {
      const sending = trial.send();
      await sooner(trial.clock, "the first pieces", () => [0, 2].every((index) => trial.count(index) === 2));
      const late = trial.member(1);
      await late.join(trial.transport);
      await sooner(trial.clock, "the beginning", () => late.of(trial.source.assignment)[0] === "began");
      fill(trial, 2);
      const { left } = await sending;
      trial.assertWhole(left.length === 0 ? [0, 1, 2] : [0, 2]);
      assert.ok(
        [2, 3, 4, 5].every((index) => trial.store(1).has(index)),
        "it has less than that",
      );
    },
  }),
  membersCase({
    title: "writes nothing at a member that does not want it, and leaves that one",
    async check(trial) {
      const store = trial.store(1);
      trial.member(1).stores.clear();
      const { left } = await trial.send();
      assert.deepEqual(
        left.map(({ member }) => member),
        [trial.member(1).id],
      );
      assert.deepEqual([store.held, trial.member(1).of(trial.source.assignment)], [[], []]);
      trial.assertWhole([0, 2]);
    },
  }),
  membersCase({
    title: "writes nothing after what `join` gave was disposed",
    sourceHas: (index) => index < 3,
    async check(trial) {
      const sending = trial.send();
      await sooner(trial.clock, "the first pieces", () => trial.members.every((_, index) => trial.count(index) === 3));
      await trial.member(1).leave();
      fill(trial, 3);
      const { left } = await sending;
      assert.equal(left[0]?.member, trial.member(1).id);
      assert.equal(trial.count(1), 3);
      trial.assertWhole([0, 2]);
    },
  }),
  membersCase({
    title: "keeps two segments apart that share a LAN and a port",
    async check(trial) {
      const content = noiseBytes(80_000, 3);
      const source = new MemoryPieces(content, usualPieceBytes);
      const beside = new Trial(trial.scene, trial.transport, trial.scene.segment(2), [content, source]);
      for (const member of beside.members) {
        member.wants(source, content);
        await member.join(trial.transport);
      }
      try {
        await Promise.all([trial.send(), beside.send()]);
        trial.assertWhole();
        beside.assertWhole();
        await beside.check();
      } finally {
        await beside.leave();
      }
    },
  }),
  membersCase({
    title: "sends no faster than it may at the moment",
    async check(trial) {
      let mostBytesPerSecond = 60_000;
      const startedAt = trial.clock.now();
      const sending = trial.send({ mostBytesPerSecond: () => mostBytesPerSecond });
      await trial.clock.until(startedAt + 1_000);
      assert.ok(trial.sentBytes < 100_000, `${trial.sentBytes} bytes were sent in a second`);
      mostBytesPerSecond = 10_000_000;
      await sending;
      assert.ok(trial.clock.now() - startedAt < 12_000, "it went on slowly");
      trial.assertWhole();
    },
  }),
];

/** The leader's store gets these pieces. */
function fill({ source, content }: Trial, from: number, to = source.pieceCount): void {
  for (let index = from; index < to; index += 1) {
    source.write(index, content.subarray(index * source.pieceBytes, (index + 1) * source.pieceBytes));
  }
}
