import assert from "node:assert/strict";
import type { Case } from "./kit.ts";
import { membersCase, usualContent } from "./members-case.ts";
import type { MembersTransportSubject } from "./members-case.ts";
import { sooner, within } from "./members-trial.ts";
import type { Trial } from "./members-trial.ts";
import { noiseBytes } from "./sample-bytes.ts";

/** For what is to be waited only a little. */
const littleMs = 5_000;
/** What can be in the middle: so much a second takes longer than anything before. */
const slowly = { mostBytesPerSecond: () => 400_000 };

/** What holds of deliveries whatever goes wrong. */
export const membersTroubles: readonly Case<MembersTransportSubject>[] = [
  membersCase({
    title: "brings everything although a tenth is lost to each",
    members: 5,
    loss: 0.1,
    async check(trial) {
      const { complete } = await trial.send();
      assert.equal(complete.length, trial.members.length);
      trial.assertWhole();
    },
  }),
  membersCase({
    title: "brings everything to the others although half is lost to one, which has it in the end or is left",
    async check(trial) {
      trial.scene.faults.lose(trial.member(0).host, 0.5);
      const { complete } = await trial.send();
      trial.assertWhole([1, 2]);
      if (complete.includes(trial.member(0).id)) trial.assertWhole();
    },
  }),
  membersCase({
    title: "brings everything although datagrams come twice and out of order",
    content: noiseBytes(40_000),
    pieceBytes: 16 * 1024,
    async check(trial) {
      Object.assign(trial.scene.faults, { duplication: 0.2, delay: 0.2 });
      const { complete } = await trial.send();
      assert.equal(complete.length, trial.members.length);
      trial.assertWhole();
    },
  }),
  membersCase({
    title: "gives no store a wrong byte although every tenth datagram is damaged, and brings everything",
    content: noiseBytes(150_000),
    pieceBytes: 16 * 1024,
    async check(trial) {
      trial.scene.faults.corruption = 0.1;
      const { complete } = await trial.send();
      assert.equal(complete.length, trial.members.length);
      trial.assertWhole();
    },
  }),
  membersCase({
    title: "leaves a member that is not there, while the others get everything",
    joins: (member) => member !== 1,
    async check(trial) {
      assertLeft(trial, await trial.send(), 1);
      trial.assertWhole([0, 2]);
    },
  }),
  membersCase({
    title: "leaves a member that is cut off in the middle, while the others get everything",
    async check(trial) {
      const sending = trial.send(slowly);
      await sooner(trial.clock, "a piece", () => trial.count(1) > 0);
      trial.scene.faults.cut(trial.member(1).host);
      assertLeft(trial, await sending, 1);
      trial.assertWhole([0, 2]);
      assert.ok(trial.count(1) < trial.source.pieceCount);
    },
  }),
  membersCase({
    title: "leaves a member of which nothing is heard, though it hears everything",
    async check(trial) {
      trial.scene.faults.mute(trial.member(1).host);
      assertLeft(trial, await trial.send(), 1);
      trial.assertWhole([0, 2]);
    },
  }),
  membersCase({
    title: "leaves everybody if nobody is there",
    joins: () => false,
    async check(trial) {
      assertLeft(trial, await trial.send(), 0, 1, 2);
    },
  }),
  membersCase({
    title: "brings everything to a member that was cut off for a moment",
    async check(trial) {
      const sending = trial.send(slowly);
      await sooner(trial.clock, "a piece", () => trial.count(1) > 0);
      trial.scene.faults.cut(trial.member(1).host);
      await trial.clock.until(trial.clock.now() + 200);
      trial.scene.faults.heal(trial.member(1).host);
      assert.deepEqual((await sending).left, []);
      trial.assertWhole();
    },
  }),
  membersCase({
    title: "tells members that a delivery broke off when its leader is silent, and they keep what came",
    async check(trial) {
      const stop = new AbortController();
      const sending = trial.send(slowly, stop.signal).catch(() => undefined);
      await sooner(trial.clock, "pieces", () => trial.members.every((_, index) => trial.count(index) > 1));
      trial.scene.faults.cut(trial.ends.leader.channel.interfaceAddress);
      const { assignment } = trial.source;
      const told = (index: number) => trial.member(index).of(assignment).at(-1);
      const hasBroken = (index: number) => told(index)?.startsWith("broken: ") === true;
      await sooner(trial.clock, "a reason", () => [...trial.members.keys()].every(hasBroken));
      stop.abort(new Error("enough"));
      await sending;

      trial.scene.faults.heal(trial.ends.leader.channel.interfaceAddress);
      const before = trial.sentBytes;
      assert.deepEqual((await trial.send()).left, []);
      trial.assertWhole();
      const again = trial.sentBytes - before;
      assert.ok(again < usualContent.length * 0.95, `${again} bytes were sent again`);
      assert.ok(trial.members.every((member) => member.of(assignment).at(-1) === "whole"));
    },
  }),
  membersCase({
    title: "waits only a little for the others when enough have everything",
    members: 4,
    async check(trial) {
      trial.scene.faults.cut(trial.member(3).host);
      const startedAt = trial.clock.now();
      const { complete } = await trial.send({ quorum: 3 });
      assert.ok(complete.length >= 3);
      assert.ok(trial.clock.now() - startedAt < littleMs, `it waited ${trial.clock.now() - startedAt} ms`);
      trial.assertWhole([0, 1, 2]);
    },
  }),
  membersCase({
    title: "brings everything to those who are behind only a little when enough have everything",
    async check(trial) {
      trial.scene.faults.lose(trial.member(2).host, 0.1);
      const { complete } = await trial.send({ quorum: 1 });
      assert.equal(complete.length, trial.members.length);
      trial.assertWhole();
    },
  }),
  membersCase({
    title: "ends within a second of the signal in the middle, and sends nothing more",
    async check(trial) {
      const stop = new AbortController();
      const sending = trial.send(slowly, stop.signal);
      await sooner(trial.clock, "a piece", () => trial.count(0) > 0);
      stop.abort(new Error("enough"));
      await assertStops(trial, sending);
      assert.ok(trial.count(0) < trial.source.pieceCount);
    },
  }),
  membersCase({
    title: "ends within a second of the signal though nobody is there",
    joins: () => false,
    async check(trial) {
      const stop = new AbortController();
      const sending = trial.send({}, stop.signal);
      await trial.clock.until(trial.clock.now() + 20);
      stop.abort(new Error("enough"));
      await assertStops(trial, sending);
    },
  }),
  membersCase({
    title: "brings nothing if the signal came first",
    async check(trial) {
      await assertStops(trial, trial.send({}, AbortSignal.abort(new Error("enough"))));
      for (const index of trial.members.keys()) assert.equal(trial.count(index), 0);
    },
  }),
];

/** These members were left, and no others. */
function assertLeft({ members }: Trial, { left }: Awaited<ReturnType<Trial["send"]>>, ...indexes: number[]): void {
  const ids = left.map(({ member }) => member).sort();
  assert.deepEqual(
    ids,
    indexes.map((index) => members[index]?.id),
  );
}

/** It settles within a second, either way, and from then on the leader is silent. */
async function assertStops(trial: Trial, sending: Promise<unknown>): Promise<void> {
  const settled = Promise.allSettled([sending]);
  await within(trial.clock, 1_000, "obeying the signal", settled);
  const before = trial.sentBytes;
  await trial.clock.until(trial.clock.now() + 1_000);
  assert.equal(trial.sentBytes, before, "something was sent after the signal");
}
