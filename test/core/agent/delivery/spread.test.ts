import { describe, expect, it } from "vitest";
import { cameBy } from "../../../../core/agent/delivery/deliveries.ts";
import { ceilingAt } from "../../../../core/agent/delivery/spread.ts";
import type { Ceiling } from "../../../../core/protocol/messages.ts";
import { DeliveriesTrial, sectionBytes } from "./deliveries-trial.ts";
import { overlay } from "../site-trial.ts";

describe("the leader of a segment", () => {
  it("gets the data once and sends it to all, from the moment it is told to", async () => {
    const node = await DeliveriesTrial.open();
    const issued = node.issue();
    node.network.stall("control");
    node.spread([issued]);
    await node.pass(0);
    const [sending] = node.sent;
    expect(sending?.delivery).toMatchObject({
      ...{ members: ["a", "b"], quorum: 2, group: "239.192.0.1", port: 7_403, range: { from: 0, to: 10 } },
    });
    expect(sending?.delivery.from.has(0)).toBe(false);
    node.network.resume("control");
    await node.pass(1_000);
    expect(sending?.delivery.from.has(9)).toBe(true);
    sending?.end({ counters: { sentBytes: 7 } });
    await node.pass(0);
    expect(node.words).toEqual([
      {
        ...{ type: "spread", job: "job", assignment: issued.assignment.id, transport: "mctp" },
        ...{ complete: 2, left: [], counters: { sentBytes: 7 } },
      },
    ]);
    expect(node.controlReads).toBe(10);
  });

  it("hands it on one by one, to whom control told it to and to nobody else", async () => {
    const node = await DeliveriesTrial.open();
    const issued = node.issue();
    node.spread([issued], { members: ["a", "stranger"], transport: undefined } as never);
    await node.pass(1_000);
    expect([node.sent.length, node.words.length]).toEqual([0, 0]);
    const got = [];
    for (const peer of ["a", "b", "stranger"]) got.push(await node.fetched(issued, peer));
    expect(got).toEqual([sectionBytes, 0, 0]);
    node.deliveries.endSpread("job");
    expect(await node.fetched(issued, "a")).toBe(0);
  });

  it("sends the sections of an update one after the other", async () => {
    const node = await DeliveriesTrial.open();
    const issued = [node.issue(), node.issue()];
    node.spread(issued);
    await node.pass(1_000);
    expect(node.sent).toHaveLength(1);
    node.sent[0]?.end();
    await node.pass(0);
    expect(node.sent.map(({ delivery }) => delivery.from.assignment)).toEqual(
      issued.map(({ assignment }) => assignment.id),
    );
  });

  it("tells control why it does not send, and hands on nevertheless", async () => {
    const node = await DeliveriesTrial.open();
    const place = node.place;
    const issued = node.issue();
    const because = async (change: () => void, transport = "mctp") => {
      change();
      node.said.length = 0;
      node.spread([issued], { transport });
      await node.pass(1_000);
      node.sent.splice(0).forEach(({ fail }) => fail("the network is down"));
      await node.pass(0);
      expect(node.words).toMatchObject([{ complete: 0, left: [{ member: "a" }, { member: "b" }], counters: {} }]);
      return node.words[0]?.left[0]?.reason;
    };
    expect(await because(() => (node.place = undefined))).toBe("this node does not lead");
    expect(await because(() => (node.place = { ...place!, isLeading: false }))).toBe("this node does not lead");
    expect(await because(() => (node.place = place))).toBe("the network is down");
    expect(await because(() => {}, "http")).toBe("'http' reaches one at a time");
    expect(await because(() => {}, "pigeon")).toContain("pigeon");
    expect(await node.fetched(issued, "a")).toBe(sectionBytes);
  });

  it("tells what became of it in a form that control takes", async () => {
    const node = await DeliveriesTrial.open();
    node.spread([node.issue()]);
    await node.pass(0);
    const left = Array.from({ length: 1_200 }, (_, index) => ({ member: `n${index}`, reason: "x".repeat(2_000) }));
    node.sent[0]?.end({ complete: [], left, counters: { share: 0.6, debt: -1, none: NaN } });
    await node.pass(0);
    expect(node.words[0]?.counters).toEqual({ share: 1, debt: 0 });
    expect([node.words[0]?.left.length, node.words[0]?.left[0]?.reason.length]).toEqual([1_000, 1_000]);
  });

  it("does not send twice at a time what it is told twice, but to somebody more", async () => {
    const node = await DeliveriesTrial.open();
    const issued = node.issue();
    node.spread([issued]);
    node.spread([issued]);
    node.spread([issued], { members: ["b", "c"] });
    await node.pass(1_000);
    expect(node.sent.map(({ delivery }) => delivery.members)).toEqual([["a", "b"], ["c"]]);
    expect(node.sent.map(({ delivery }) => delivery.quorum)).toEqual([2, 1]);
    expect([node.controlReads, await node.fetched(issued, "c")]).toEqual([10, sectionBytes]);
    node.sent[0]?.end();
    await node.pass(0);
    node.spread([issued]);
    await node.pass(0);
    expect(node.sent.map(({ delivery }) => delivery.members)).toEqual([["a", "b"], ["c"], ["a", "b"]]);
  });

  it("fetches once what it needs itself as well, whoever asks first, and says how it came", async () => {
    const node = await DeliveriesTrial.open();
    for (const isSpreadFirst of [true, false]) {
      node.controlReads = 0;
      const issued = node.issue();
      if (isSpreadFirst) node.spread([issued]);
      const preparing = node.prepare([issued]);
      if (!isSpreadFirst) node.spread([issued]);
      await node.pass(1_000);
      expect(cameBy(await preparing)).toEqual({ http: sectionBytes });
      expect(node.controlReads).toBe(10);
      node.deliveries.endSpread("job");
    }
  });

  it("keeps it for the others when it has it itself, and for itself when the job is over", async () => {
    const node = await DeliveriesTrial.open();
    const [first, second] = [node.issue(), node.issue()];
    for (const issued of [first, second]) {
      node.spread([issued], { job: issued.assignment.id });
      const preparing = node.prepare([issued]);
      await node.pass(1_000);
      await preparing;
      const parts = [() => node.discard([issued]), () => node.deliveries.endSpread(issued.assignment.id)];
      if (issued === second) parts.reverse();
      parts[0]?.();
      expect(node.spooled).toEqual([issued.assignment.id]);
      if (issued === first) expect(await node.fetched(issued, "a")).toBe(sectionBytes);
      parts[1]?.();
      expect(node.spooled).toEqual([]);
    }
  });

  it("throws away what was for others alone when the job is over, and stops sending", async () => {
    const node = await DeliveriesTrial.open();
    const issued = node.issue();
    node.spread([issued]);
    await node.pass(1_000);
    node.deliveries.endSpread("job");
    await node.pass(0);
    expect([node.sent[0]?.signal.aborted, node.spooled, node.words]).toEqual([true, [], []]);
  });

  it("takes the next job of a site for the end of the one before, whose end it may have missed", async () => {
    const node = await DeliveriesTrial.open();
    const [shop, blog, next] = [node.issue(), node.issue("blog"), node.issue()];
    node.spread([shop]);
    node.spread([blog], { job: "other" });
    await node.pass(1_000);
    node.spread([next], { job: "next" });
    await node.pass(1_000);
    expect(node.sent.map(({ signal }) => signal.aborted)).toEqual([true, false, false]);
    expect([...node.spooled].sort()).toEqual([blog.assignment.id, next.assignment.id].sort());
  });

  it("fetches nothing for others that would leave too little room, and says so", async () => {
    const node = await DeliveriesTrial.open(undefined, (disk) =>
      overlay(disk, { space: () => ({ ...disk.space("/"), freeBytes: 256 * 2 ** 20 + sectionBytes - 1 }) }),
    );
    node.spread([node.issue()]);
    await node.pass(60_000);
    expect(node.words[0]?.left[0]?.reason).toContain("free");
    expect(node.controlReads).toBe(0);
  });

  it("does not let members wait for what it cannot get; tells control, and tries again when told to", async () => {
    const node = await DeliveriesTrial.open();
    const issued = node.issue();
    node.network.down("control");
    node.spread([issued]);
    await node.pass(20_000);
    expect(node.sent[0]?.signal.aborted).toBe(false);
    await node.pass(10_000);
    expect(node.sent[0]?.signal.aborted).toBe(true);
    expect(node.words[0]?.left[0]?.reason).toContain("control");
    node.network.up("control");
    node.spread([issued]);
    await node.pass(1_000);
    expect([node.sent.length, node.sent[1]?.delivery.from.has(9)]).toEqual([2, true]);
  });

  it("goes on after a restart with what it had", async () => {
    const node = await DeliveriesTrial.open();
    const issued = node.issue();
    node.spread([issued]);
    await node.pass(7);
    node.stop();
    await node.pass(1_000);
    const reads = node.controlReads;
    expect([node.sent[0]?.signal.aborted, node.words, reads > 0 && reads < 10]).toEqual([true, [], true]);
    const again = await DeliveriesTrial.open(node.disk);
    again.spread([again.issue()]);
    await again.pass(1_000);
    expect(again.spooled).toEqual([issued.assignment.id]);
    expect(again.controlReads).toBeLessThan(10);
  });

  it("that a member becomes has what it waited for as soon as it has got it for the others", async () => {
    const node = await DeliveriesTrial.open();
    const place = node.place;
    node.place = { ...place!, isLeading: false };
    const issued = node.issue();
    node.network.down("leader");
    const preparing = node.prepare([issued], node.network.peer("leader"));
    await node.pass(15_000);
    node.place = place;
    node.spread([issued]);
    await node.pass(1_000);
    expect(cameBy(await preparing)).toEqual({ http: sectionBytes });
    expect(node.controlReads).toBe(10);
  });
});

describe("what a leader may send at a time of the day", () => {
  const at = (hours: number, minutes = 0) => new Date(2026, 0, 15, hours, minutes).getTime();
  const office: Ceiling = { bytesPerSecond: 1, fromMinute: 8 * 60, toMinute: 18 * 60 + 30 };
  const night: Ceiling = { bytesPerSecond: 2, fromMinute: 22 * 60, toMinute: 6 * 60 };
  const always: Ceiling = { bytesPerSecond: 3, fromMinute: 0, toMinute: 0 };

  it.each<[string, readonly Ceiling[], number, number]>([
    ["nothing is said", [], at(12), Infinity],
    ["it begins", [office], at(8), 1],
    ["it has not begun", [office], at(7, 59), Infinity],
    ["it is about to end", [office], at(18, 29), 1],
    ["it has ended", [office], at(18, 30), Infinity],
    ["it is before midnight", [night], at(23, 59), 2],
    ["it is midnight", [night], at(0), 2],
    ["it is after midnight", [night], at(5, 59), 2],
    ["the night is over", [night], at(6), Infinity],
    ["the night has not begun", [night], at(21, 59), Infinity],
    ["it is for the whole day", [always], at(0), 3],
    ["the first fits", [office, always], at(9), 1],
    ["the first does not fit", [office, night, always], at(20), 3],
  ])("when %s", (_, ceilings, moment, most) => expect(ceilingAt(ceilings, moment)).toBe(most));
});
