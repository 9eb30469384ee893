import { beforeEach, describe, expect, it } from "vitest";
import { SegmentBook } from "../../../../core/control/segments/book.ts";
import type { BookChange } from "../../../../core/control/segments/book.ts";
import { mostMembers } from "../../../../core/protocol/segment/messages.ts";
import type { SegmentReport } from "../../../../core/protocol/segment/events.ts";
import { listed, reportOf } from "./members.ts";

const minute = 60_000;
const ids = ["a", "b", "c", "d", "e"];

let now = 0;
let book: SegmentBook;

/** A segment of five nodes, all connected, and a node of another one. */
beforeEach(() => {
  now = 1_000_000;
  book = new SegmentBook(now);
  for (const id of ids) book.enrol(now, { id, name: `node-${id}`, segment: "hall" });
  book.enrol(now, { id: "x", name: "node-x", segment: "lab" });
  for (const id of [...ids, "x"]) book.connected(now, id);
});

const say = (from: string, report: SegmentReport, segment = "hall") =>
  book.take(now, from, { type: "segment", segment, report, reach: "multicast" });
const lead = (epoch: number, leader: string, members: string, more: Partial<SegmentReport> = {}) =>
  say(leader, reportOf(leader, [...members], { epoch, ...more }));
const summary = () => book.summary("hall", now);
/** Whom each node follows: `a:bc` for a leader and its members, the newest tenure first. */
const picture = () => {
  const view = book.view("hall", now);
  const of = (leader: string) => view?.nodes.filter((node) => node.is === "member" && node.leader === leader) ?? [];
  const text = view?.parts
    .map(
      ({ leader }) =>
        `${leader}:${of(leader)
          .map(({ id }) => id)
          .join("")}`,
    )
    .join(" ");
  return text?.replaceAll("node-", "");
};
const kinds = (changes: readonly BookChange[]) =>
  changes.flatMap((change) => ("node" in change ? [`${change.type} ${change.node}`] : []));

describe("a segment", () => {
  it("has no leader until one reports, and says so", () => {
    expect(summary()).toMatchObject({ state: "no leader", reason: "no leader has reported", since: 1_000_000 });
    expect(kinds(lead(1, "a", "bcde"))).toEqual([
      "leader a",
      "joined a",
      "joined b",
      "joined c",
      "joined d",
      "joined e",
    ]);
    expect(summary()).toMatchObject({ state: "led", reason: "", leader: "node-a", members: 5, enrolled: 5 });
  });

  it("is new only if something changed", () => {
    expect(lead(1, "a", "bcd").some(({ type }) => type === "summary")).toBe(true);
    now += minute;
    expect(lead(1, "a", "bcd")).toEqual([{ type: "heard", leader: "a", segment: "hall" }]);
    const change = lead(1, "a", "bcde", { revision: 2 });
    expect(change.map(({ type }) => type)).toEqual(["part", "joined", "summary"]);
  });

  it("keeps since when its leader leads, whatever later reports say", () => {
    lead(1, "a", "b", { leadingMs: 5_000 });
    now += minute;
    lead(1, "a", "bc", { revision: 2, leadingMs: 1 });
    expect(summary()?.leaderSince).toBe(995_000);
  });

  it("loses who left or fell silent at once, and others only if nobody names them for half a minute", () => {
    lead(1, "a", "bcde");
    expect(kinds(lead(1, "a", "bcd", { revision: 2, gone: [{ id: "e", why: "silent" }] }))).toEqual(["left e"]);
    expect(kinds(lead(1, "a", "bc", { revision: 3 }))).toEqual([]);
    now += 29_000;
    expect(kinds(book.tick(now))).toEqual([]);
    now += 2_000;
    expect(kinds(book.tick(now))).toEqual(["left d"]);
    expect(kinds(lead(1, "a", "bcd", { revision: 4 }))).toEqual(["joined d"]);
  });
});

describe("a leader that died", () => {
  it("is replaced without any node leaving but itself", () => {
    lead(1, "a", "bcde");
    book.disconnected(now, "a");
    now += 3_000;
    expect(kinds(lead(2, "b", "c"))).toEqual(["leader b"]);
    expect(picture()).toBe("b:c a:de");
    expect(kinds(lead(2, "b", "cde", { revision: 2 }))).toEqual([]);
    expect(picture()).toBe("b:cde");
    expect(summary()).toMatchObject({ state: "led", members: 4, reason: "1 of its nodes does not follow node-b" });
    now += 31_000;
    expect(kinds(book.tick(now))).toEqual(["left a"]);
    book.connected(now, "a");
    expect(lead(1, "a", "cde", { revision: 9 })).toEqual([]);
  });

  it("and is not replaced is word that nobody has, since when and why", () => {
    lead(1, "a", "bcde");
    now += 10_000;
    book.disconnected(now, "a");
    expect(summary()).toMatchObject({ state: "led" });
    now += minute + 1;
    const [change] = book.tick(now);
    const why = { state: "no word", reason: "its leader node-a is not connected to control", since: 1_000_000 };
    expect(change).toMatchObject({ type: "summary", summary: why });
  });

  it("or only hangs is word that nobody has after three reports that did not come", () => {
    lead(1, "a", "bcde");
    now += 3 * minute;
    expect(summary()).toMatchObject({ state: "led" });
    now += 1;
    expect(summary()).toMatchObject({
      state: "no word",
      reason: "its leader node-a is connected, but does not report",
    });
  });

  it("and renewed its tenure still leads, and was not elected anew", () => {
    lead(1, "a", "bcde");
    now += minute;
    expect(kinds(lead(3, "a", "bcde", { leadingMs: minute }))).toEqual([]);
    expect(summary()).toMatchObject({ epoch: 3, leaderSince: 1_000_000 });
    now += minute;
    expect(kinds(lead(5, "a", "bcde", { leadingMs: 1_000 }))).toEqual(["leader a"]);
  });

  it("is replaced by one that did not hear of its tenure, and began one of the same epoch", () => {
    lead(1, "b", "acde");
    lead(2, "e", "acd");
    book.disconnected(now, "e");
    now += minute;
    lead(2, "b", "acd");
    expect(picture()).toBe("b:acd");
  });

  it("and comes back has the same tenure, or a newer one, and no older one", () => {
    lead(5, "a", "bcde", { revision: 7 });
    book.disconnected(now, "a");
    book.connected(now, "a");
    expect(lead(5, "a", "bcd", { revision: 6 })).toEqual([]);
    expect(lead(4, "a", "b", { revision: 9 })).toEqual([]);
    expect(picture()).toBe("a:bcde");
    expect(lead(5, "a", "bcd", { revision: 8 })).not.toEqual([]);
    now += 1;
    expect(kinds(lead(6, "a", "bc"))).toEqual(["leader a"]);
  });
});

describe("a segment that is cut up", () => {
  /** a leads b and c; d leads e. */
  const cut = () => {
    lead(1, "a", "bcde");
    lead(1, "a", "bc", { revision: 2, gone: [...["d", "e"].map((id) => ({ id, why: "silent" as const }))] });
    lead(2, "d", "e");
  };

  it("has two leaders, and says who they are", () => {
    cut();
    expect(picture()).toBe("d:e a:bc");
    const why = "node-d and node-a lead, and do not hear each other";
    expect(summary()).toMatchObject({ state: "split", leader: "node-d", members: 2, reason: why });
  });

  // Each step of a healing in which d wins, as `leader:members`; a then says nothing more, or an old word of it arrives.
  const healings: Record<string, readonly (() => unknown)[]> = {
    winner: [() => lead(2, "d", "abce", { revision: 2 })],
    "winner bit by bit": [
      () => lead(2, "d", "ae", { revision: 2 }),
      () => lead(2, "d", "abe", { revision: 3 }),
      () => lead(2, "d", "abce", { revision: 4 }),
    ],
    "winner, then old word of the loser": [
      () => lead(2, "d", "abce", { revision: 2 }),
      () => lead(1, "a", "bc", { revision: 2 }),
      () => lead(1, "a", "bc", { revision: 3 }),
    ],
    "members first, the loser last": [
      () => lead(2, "d", "be", { revision: 2 }),
      () => lead(1, "a", "c", { revision: 3, gone: [{ id: "b", why: "silent" }] }),
      () => lead(2, "d", "bce", { revision: 3 }),
      () => lead(1, "a", "", { revision: 4 }),
      () => lead(2, "d", "abce", { revision: 4 }),
    ],
    "an old word of the winner after a newer one": [
      () => lead(2, "d", "abce", { revision: 5 }),
      () => lead(2, "d", "e", { revision: 4 }),
    ],
  };

  it.each(Object.keys(healings))("is one again, heard from the %s", (name) => {
    cut();
    for (const step of healings[name] ?? []) step();
    now += minute;
    book.tick(now);
    expect(picture()).toBe("d:abce");
    expect(summary()).toMatchObject({ state: "led", reason: "", members: 5 });
  });

  it("and heals under a third leader is one again", () => {
    cut();
    lead(3, "c", "abde");
    expect(picture()).toBe("c:abde");
    expect(lead(2, "d", "e", { revision: 9 })).toEqual([]);
    expect(lead(1, "a", "bc", { revision: 9 })).toEqual([]);
    expect(kinds(lead(4, "a", "bcde"))).toEqual(["leader a"]);
  });

  it("takes the word of one that was beaten, once it leads anew", () => {
    cut();
    lead(2, "d", "abce", { revision: 2 });
    expect(lead(2, "a", "bc")).toEqual([]);
    expect(kinds(lead(3, "a", "bc"))).toEqual(["leader a"]);
    expect(picture()).toBe("a:bc d:e");
  });
});

describe("a report that cannot be", () => {
  beforeEach(() => lead(3, "a", "bcde", { revision: 3 }));

  it.each<[string, () => unknown]>([
    ["in the name of another", () => say("b", reportOf("a", ["b"], { epoch: 9 }))],
    ["of another segment's node", () => say("x", reportOf("x", ["b"], { epoch: 9 }), "hall")],
    ["for another segment", () => say("a", reportOf("a", ["b"], { epoch: 9 }), "lab")],
    ["of a node that follows a newer tenure", () => lead(2, "b", "c")],
    ["of an older tenure", () => lead(2, "a", "b", { revision: 9 })],
    ["of an older revision", () => lead(3, "a", "b", { revision: 2 })],
    ["of a tenure that is far too new", () => lead(3 + 2 ** 20 + 1, "b", "c")],
    ["of nobody", () => say("z", reportOf("z", ["b"]))],
  ])("changes nothing if it is %s", (_, tell) => {
    tell();
    expect(picture()).toBe("a:bcde");
    expect(summary()).toMatchObject({ state: "led", leader: "node-a", epoch: 3 });
    expect(book.view("lab", now)?.parts).toEqual([]);
  });

  it("is counted, with the last reason", () => {
    lead(2, "b", "c");
    say("b", reportOf("a", []));
    const last = "of node-b: it reports in the name of another";
    expect(book.view("hall", now)?.refused).toEqual({ reports: 2, members: 0, last });
  });

  it("loses members that are not enrolled there, doubled, or the leader itself", () => {
    const strangers = ["x", "made-up", "constructor", "__proto__"].map((id) => listed(id));
    const members = [...strangers, listed("a"), listed("b"), listed("b"), listed("c")];
    lead(3, "a", "", { revision: 4, members });
    expect(picture()).toBe("a:bc");
    expect(book.view("hall", now)?.refused.members).toBe(5);
    expect(book.segments()).toEqual(["hall", "lab"]);
  });

  it("SEC-11: with as many made-up members as fit, and again and again, leaves nothing behind", () => {
    for (let revision = 4; revision < 20; revision += 1) {
      const members = Array.from({ length: mostMembers }, (_, index) => listed(`made-up-${revision}-${index}`));
      lead(3, "a", "", { revision, members });
    }
    expect(book.view("hall", now)?.nodes).toHaveLength(5);
    expect(JSON.stringify(book.view("hall", now)).length).toBeLessThan(5_000);
  });
});

describe("SEC-12: a member that its leader does not register", () => {
  const complain = (node: string, leader: string) =>
    book.take(now, node, { type: "unregistered", segment: "hall", leader, tries: 3 });
  const noteOf = (id: string) => book.view("hall", now)?.nodes.find((node) => node.id === id)?.reason;

  it("is seen by its own word, even if the leader names it to control", () => {
    lead(1, "a", "bcd");
    complain("e", "a");
    expect(noteOf("e")).toBe("node-a does not register it (3 tries)");
    expect(summary()?.reason).toBe("1 of its nodes does not follow node-a; 1 says it is not registered");
    lead(1, "a", "bcde", { revision: 2 });
    expect(noteOf("e")).toBe("node-a does not register it (3 tries)");
  });

  it("is forgotten when it follows another one, or says so no more", () => {
    lead(1, "a", "bcd");
    complain("e", "a");
    lead(2, "b", "acde");
    expect(noteOf("e")).toBeUndefined();
    complain("e", "b");
    now += 3 * minute + 1;
    book.tick(now);
    expect(noteOf("e")).toBeUndefined();
  });

  it("can only complain of a node of its segment", () => {
    for (const leader of ["x", "made-up", "e"]) complain("e", leader);
    expect(book.view("hall", now)?.refused.reports).toBe(3);
    expect(noteOf("e")).toBe("no leader has reported it");
  });
});

describe("a node", () => {
  it("that is put into another segment leaves the one it was in", () => {
    lead(1, "a", "bcde");
    expect(kinds(book.enrol(now, { id: "e", name: "node-e", segment: "lab" }))).toEqual(["left e"]);
    expect(summary()).toMatchObject({ members: 4, enrolled: 4 });
    lead(1, "a", "bcde", { revision: 2 });
    expect(picture()).toBe("a:bcd");
    expect(book.view("lab", now)?.nodes.map(({ id }) => id)).toEqual(["e", "x"]);
  });

  it("that led and is put elsewhere leaves no tenure behind", () => {
    lead(1, "a", "bcde");
    expect(kinds(book.remove(now, "a"))).toEqual(["left a"]);
    expect(lead(1, "a", "b")).toEqual([]);
    expect(summary()).toMatchObject({ state: "no leader", enrolled: 4 });
    expect(kinds(lead(1, "b", "cde"))).toEqual(["leader b"]);
  });

  it("that went right before control stopped is not found again in what its leader said", () => {
    lead(1, "a", "bcde");
    const part = book.partOf("hall", "a");
    const again = new SegmentBook(now);
    for (const id of ["a", "b", "c", "d"]) again.enrol(now, { id, name: `node-${id}`, segment: "hall" });
    again.restore("hall", "a", 1, part);
    expect(again.summary("hall", now)).toMatchObject({ members: 4, enrolled: 4 });
    expect(again.placeOf("e")).toBeUndefined();
  });

  it("that is enrolled anew counts as not connected until it is", () => {
    book.enrol(now, { id: "f", name: "node-f", segment: "hall" });
    now += 90_000;
    expect(book.view("hall", now)?.nodes.find(({ id }) => id === "f")).toMatchObject({
      ...{ connected: false, is: "missing", reason: "not connected for 1m30s" },
    });
  });
});
