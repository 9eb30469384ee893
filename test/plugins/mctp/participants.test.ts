import { describe, expect, it } from "vitest";
import { idHash, isAsked } from "../../../plugins/mctp/wire/messages.ts";
import type { Report } from "../../../plugins/mctp/wire/messages.ts";
import { Participants, reportMsFor } from "../../../plugins/mctp/send/participants.ts";
import type { Participant } from "../../../plugins/mctp/send/participants.ts";

const ids = (count: number) => Array.from({ length: count }, (_, index) => `node-${index}`);

function report(member: string, change: Partial<Report> = {}): Report {
  return {
    member,
    seen: 1,
    heldMs: 0,
    received: 1,
    isComplete: false,
    isBehind: false,
    hasMore: false,
    lacks: [],
    ...change,
  };
}

const find = (participants: Participants, id: string) => participants.find(id) as Participant;

describe("participants", () => {
  it("are silent, lack something, and are complete for good", () => {
    const participants = new Participants(["a", "b", "c", "a"]);
    expect([participants.all.length, participants.count("silent"), participants.openCount]).toEqual([3, 3, 3]);
    const a = find(participants, "a");
    expect(participants.take(a, report("a"))).toBe(true);
    expect([a.standing, participants.count("lacking"), participants.openCount]).toEqual(["lacking", 1, 3]);
    expect(participants.take(a, report("a", { isComplete: true }))).toBe(true);
    expect([a.standing, participants.openCount]).toEqual(["complete", 2]);
    // What was said before arrives after it.
    expect(participants.take(a, report("a", { seen: 2 }))).toBe(false);
    expect(a.standing).toBe("complete");
  });

  it("are left with a reason, whatever they say then", () => {
    const participants = new Participants(["a"]);
    const a = find(participants, "a");
    participants.leave(a, "it is slow");
    expect(participants.take(a, report("a", { isComplete: true }))).toBe(false);
    expect([a.standing, a.reason, participants.count("left"), participants.openCount]).toEqual([
      "left",
      "it is slow",
      1,
      0,
    ]);
  });

  it("are not taken back by an older report", () => {
    const participants = new Participants(["a"]);
    const a = find(participants, "a");
    participants.take(a, report("a", { seen: 10, received: 9 }));
    expect(participants.take(a, report("a", { seen: 9, received: 8 }))).toBe(false);
    expect([a.seen, a.received]).toEqual([10, 9]);
  });

  it("are unknown by other names", () => expect(new Participants(["a"]).find("b")).toBeUndefined());
});

describe("who is to report", () => {
  function asked(count: number, completeCount: number) {
    const participants = new Participants(ids(count));
    for (const id of ids(completeCount)) participants.take(find(participants, id), report(id, { isComplete: true }));
    const asks = participants.asks();
    const isMeant = (id: string) => asks.some((ask) => isAsked(ask, idHash(id)));
    return { asks, meant: ids(count).filter(isMeant) };
  }

  it.for([
    [10, 0, false, 0],
    [10, 3, false, 3],
    [10, 5, true, 5],
    [10, 9, true, 1],
    [1, 0, false, 0],
  ] as const)("is said by the shorter list (CM-26): of %i complete %i", ([count, completeCount, listed, length]) => {
    const { asks, meant } = asked(count, completeCount);
    expect(asks.map((ask) => [ask.listed, ask.hashes.length])).toEqual([[listed, length]]);
    expect(meant).toEqual(ids(count).slice(completeCount));
  });

  it.for([
    [1_000, 400],
    [1_000, 600],
    [4_096, 2_048],
    [4_096, 2_000],
    [502, 251],
  ] as const)("is said in several polls if need be: of %i complete %i", ([count, completeCount]) => {
    const { asks, meant } = asked(count, completeCount);
    expect(asks.length).toBe(Math.ceil(Math.min(completeCount, count - completeCount) / 250));
    expect(asks.every(({ hashes }) => hashes.length <= 250)).toBe(true);
    expect(meant).toEqual(ids(count).slice(completeCount));
    expect([asks[0]?.from, asks.at(-1)?.to]).toEqual([0, 0xffffffff]);
  });
});

it("a member may report less often the more there are, so that at most 100 come in 100 ms", () => {
  expect([1, 10, 11, 1_000, 4_096].map(reportMsFor)).toEqual([10, 10, 11, 1_000, 4_096]);
});

it("names have the hashes of FNV-1a", () => {
  expect(["", "a", "foobar"].map(idHash)).toEqual([0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
});
