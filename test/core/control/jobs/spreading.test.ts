import { describe, expect, it } from "vitest";
import type { SpreadWord } from "../../../../core/protocol/messages.ts";
import { Hall, issued } from "./hall.ts";

const some = issued("some");
const word = (more: Partial<SpreadWord> = {}): SpreadWord => {
  return { job: "job", assignment: "some", transport: "mctp", complete: 2, left: [], counters: { sent: 1 }, ...more };
};
const oneSegment = () => new Hall().lead("x-1", ["x-2", "x-3"]);

describe("what nodes of a segment need", () => {
  it("is brought to them by their leader, which hears of it before they do", async () => {
    const hall = await oneSegment().prepare(["x-3", "x-1", "x-2"], some);
    expect(hall.sent.map(({ to, order }) => `${order.type} ${to}`)).toEqual([
      ...["spread x-1", "prepare x-3", "prepare x-1", "prepare x-2"],
    ]);
    expect(hall.spreads).toEqual(["x-1 <- x-3 x-2 [some] by mctp"]);
    expect(hall.prepares).toEqual(["x-3 near x-1 by mctp http", "x-1 by http", "x-2 near x-1 by mctp http"]);
    const [{ order } = { order: undefined }] = hall.sent;
    expect(order).toMatchObject({ job: "job", data: { group: "x web", port: 7_403 }, quorum: 2, ceilings: [] });
    expect(hall.carriers).toEqual(new Map([["some", new Set(["x-1"])]]));
  });

  it("is brought by a leader that does not need it itself", async () => {
    const hall = await oneSegment().prepare(["x-2", "x-3"], some);
    expect(hall.spreads).toEqual(["x-1 <- x-2 x-3 [some] by mctp"]);
    expect(hall.prepares).toHaveLength(2);
  });

  it("comes in all sections", async () => {
    const hall = await oneSegment().prepare(["x-2", "x-3"], some, issued("more"));
    expect(hall.spreads).toEqual(["x-1 <- x-2 x-3 [some more] by mctp"]);
    expect([...hall.carriers.keys()]).toEqual(["some", "more"]);
  });

  it("comes one by one where multicast does not arrive", async () => {
    const hall = await new Hall().lead("x-1", ["x-2", "x-3"], "unicast").prepare(["x-2", "x-3"], some);
    expect(hall.spreads).toEqual(["x-1 <- x-2 x-3 [some] by one by one"]);
    expect(hall.prepares).toEqual(["x-2 near x-1 by http", "x-3 near x-1 by http"]);
  });

  it("comes one by one if the policy wants that, and by what it names", async () => {
    const none = await new Hall({ segmentTransport: "none" }).lead("x-1", ["x-2", "x-3"]).prepare(["x-2", "x-3"], some);
    expect([none.spreads, none.prepares[0]]).toEqual([["x-1 <- x-2 x-3 [some] by one by one"], "x-2 near x-1 by http"]);
    const other = new Hall({ segmentTransport: "shout", transport: "post" }).lead("x-1", ["x-2", "x-3"]);
    await other.prepare(["x-2", "x-3"], some);
    expect(other.prepares[0]).toBe("x-2 near x-1 by shout post");
  });

  it("has the ceilings and the quorum of the job", async () => {
    const ceilings = [{ bytesPerSecond: 1, fromMinute: 2, toMinute: 3 }];
    const hall = new Hall({ ceilings, quorumShare: 0.5 }).lead("x-1", ["x-2", "x-3", "x-4"]);
    await hall.prepare(["x-2", "x-3", "x-4"], some);
    expect(hall.sent[0]?.order).toMatchObject({ ceilings, quorum: 2 });
  });

  it.each<[string, readonly string[], number, (hall: Hall) => unknown]>([
    ["there is too little of it", ["x-1", "x-2", "x-3"], 128 * 1024 - 1, () => {}],
    ["there is nothing of it", ["x-1", "x-2", "x-3"], 0, () => {}],
    ["it is for a single member, and the leader does not need it", ["x-2"], 2 ** 30, () => {}],
    ["it is for the leader alone", ["x-1"], 2 ** 30, () => {}],
    ["the leader is not connected", ["x-2", "x-3"], 2 ** 30, (hall) => hall.disconnect("x-1")],
    ["no leader is known", ["y-1", "y-2", "y-3"], 2 ** 30, () => {}],
  ])("comes from control if %s", async (_, nodes, dataBytes, change) => {
    const hall = oneSegment();
    change(hall);
    await hall.prepare(nodes, issued("some", dataBytes));
    expect([hall.spreads, hall.prepares]).toEqual([[], nodes.map((node) => `${node} by http`)]);
  });

  it("is worth a way if there is enough of it for all together, or the leader needs it as well", async () => {
    expect((await oneSegment().prepare(["x-1", "x-2", "x-3"], issued("some", 128 * 1024))).spreads).toHaveLength(1);
    expect((await oneSegment().prepare(["x-1", "x-2"], issued("some", 256 * 1024))).spreads).toHaveLength(1);
  });

  it("is brought by the leader of each segment, and to each what it needs", async () => {
    const hall = new Hall().lead("x-1", ["x-2", "x-3"]).lead("y-1", ["y-2", "y-3"]);
    for (const node of ["y-2", "x-2", "x-3", "y-3"]) hall.spreading.prepare(node, [some]);
    await hall.prepare(["x-1", "z-1"], issued("other"));
    expect(hall.spreads).toEqual(["y-1 <- y-2 y-3 [some] by mctp", "x-1 <- x-2 x-3 [some] by mctp"]);
    expect(hall.prepares).toContain("x-1 by http");
    expect(hall.prepares).toContain("z-1 by http");
  });

  it("is brought in several forms, where nodes have different things already", async () => {
    const hall = new Hall().lead("x-1", ["x-2", "x-3", "x-4", "x-5"]);
    for (const node of ["x-2", "x-3"]) hall.spreading.prepare(node, [issued("delta")]);
    await hall.prepare(["x-4", "x-5", "x-1"], issued("whole"));
    expect(hall.spreads).toEqual(["x-1 <- x-2 x-3 [delta] by mctp", "x-1 <- x-4 x-5 [whole] by mctp"]);
  });
});

describe("while it is brought", () => {
  it("one that comes late is brought it as well, by itself", async () => {
    const hall = await new Hall().lead("x-1", ["x-2", "x-3", "x-4"]).prepare(["x-2", "x-3"], some);
    await hall.prepare(["x-4"], some);
    expect(hall.spreads).toEqual(["x-1 <- x-4 [some] by mctp"]);
    expect(hall.prepares).toEqual(["x-4 near x-1 by mctp http"]);
  });

  it("a leader that was away hears of it again, for those that have not got it yet", async () => {
    const hall = await oneSegment().prepare(["x-2", "x-3"], some);
    hall.spreading.settled("x-2", { mctp: 5 });
    hall.sent = [];
    hall.connect("x-3");
    expect(hall.spreads).toEqual([]);
    hall.connect("x-1");
    expect(hall.spreads).toEqual(["x-1 <- x-3 [some] by mctp"]);
    hall.spreading.settled("x-3");
    hall.sent = [];
    hall.connect("x-1");
    expect(hall.sent).toEqual([]);
  });

  it("a new leader goes on, for those that have not got it yet and are not itself", async () => {
    const hall = await new Hall().lead("x-1", ["x-2", "x-3", "x-4"]).prepare(["x-1", "x-2", "x-3", "x-4"], some);
    hall.spreading.settled("x-4", { mctp: 5 });
    hall.sent = [];
    hall.disconnect("x-1").lead("x-2", ["x-3", "x-4"]);
    await hall.settled();
    expect(hall.spreads).toEqual(["x-2 <- x-3 [some] by mctp"]);
    expect(hall.carriers.get("some")).toEqual(new Set(["x-1", "x-2"]));
    await hall.lead("x-2", ["x-3", "x-4"]).settled();
    expect(hall.spreads).toHaveLength(1);
  });

  it("a new leader goes on though the first of those that lack it is gone with the old one", async () => {
    const hall = await new Hall().lead("x-1", ["x-2", "x-3", "x-4"]).prepare(["x-2", "x-3", "x-4"], some);
    hall.sent = [];
    await hall.disconnect("x-1").disconnect("x-2").lead("x-4", ["x-3"]).settled();
    expect(hall.spreads).toEqual(["x-4 <- x-3 [some] by mctp"]);
  });

  it("a new leader that is not connected is told when it is", async () => {
    const hall = await new Hall().lead("x-1", ["x-2", "x-3", "x-4"]).prepare(["x-3", "x-4"], some);
    hall.sent = [];
    await hall.disconnect("x-1").disconnect("x-2").lead("x-2", ["x-1", "x-3", "x-4"]).settled();
    expect(hall.connect("x-1").sent).toEqual([]);
    hall.connect("x-2");
    expect(hall.spreads).toEqual(["x-2 <- x-3 x-4 [some] by mctp"]);
  });

  it("each leader of a segment that was cut in two goes on with those that follow it", async () => {
    const hall = await new Hall().lead("x-1", ["x-2", "x-3", "x-4", "x-5"]).prepare(["x-2", "x-3", "x-4", "x-5"], some);
    hall.sent = [];
    await hall.lead("x-3", ["x-4", "x-5"]).settled();
    expect(hall.spreads).toEqual(["x-3 <- x-4 x-5 [some] by mctp"]);
    hall.connect("x-1");
    expect(hall.spreads[1]).toBe("x-1 <- x-2 [some] by mctp");
  });
});

describe("when it is over", () => {
  it("leaders hear that nobody needs it any more, and hand nothing on", async () => {
    const hall = new Hall().lead("x-1", ["x-2", "x-3"]).lead("y-1", ["y-2", "y-3"]);
    await hall.prepare(["x-2", "x-3", "y-2", "y-3"], some);
    await hall.disconnect("y-1").lead("y-2", ["y-3"]).settled();
    hall.sent = [];
    hall.spreading.end();
    expect(hall.sent.map(({ to, order }) => `${order.type} ${to}`).sort()).toEqual([
      ...["spread-over x-1", "spread-over y-1", "spread-over y-2"],
    ]);
    expect(hall.carriers.size).toBe(0);
    hall.sent = [];
    await hall.connect("x-1").lead("x-3", ["x-2"]).settled();
    expect(hall.sent).toEqual([]);
    await hall.prepare(["x-2"], some);
    expect(hall.sent).toEqual([]);
  });

  it("what came by what is counted, and who could not be served with the others is said with the reason", async () => {
    const hall = await oneSegment().prepare(["x-1", "x-2", "x-3"], some);
    hall.spreading.spread("x-1", word({ left: [{ member: "x-3", reason: "it is deaf" }] }));
    hall.spreading.settled("x-1", { http: 100 });
    hall.spreading.settled("x-2", { mctp: 100 });
    hall.spreading.settled("x-3", { mctp: 40, http: 60 });
    const { transports, spreads, apart } = hall.spreading.came;
    expect(transports).toEqual({ http: { nodes: 2, bytes: 160 }, mctp: { nodes: 2, bytes: 140 } });
    expect(spreads).toMatchObject([{ complete: 2, counters: { sent: 1 } }]);
    expect(apart).toEqual([{ node: "x-3", bytes: 60, reason: "it is deaf" }]);
    expect(hall.emitted).toEqual(["spread"]);
  });

  it("a node of which no leader said anything did not hear its leader send, however often it was told", async () => {
    const hall = await oneSegment().prepare(["x-2", "x-3"], some);
    await hall.prepare(["x-3"], some);
    hall.spreading.settled("x-3", { http: 100 });
    hall.spreading.settled("x-3", {});
    expect(hall.spreading.came.apart).toEqual([{ node: "x-3", bytes: 100, reason: "it did not hear the leader send" }]);
  });

  it("nobody is apart who was to get it by itself, or failed", async () => {
    const unicast = await new Hall().lead("x-1", ["x-2", "x-3"], "unicast").prepare(["x-2", "x-3"], some);
    unicast.spreading.settled("x-2", { http: 5 });
    unicast.spreading.settled("x-3");
    expect(unicast.spreading.came).toEqual({ transports: { http: { nodes: 1, bytes: 5 } }, spreads: [], apart: [] });
  });

  it("the word of a node that was not asked to send means nothing, and no more than 100 are kept", async () => {
    const hall = await oneSegment().prepare(["x-2", "x-3"], some);
    hall.spreading.spread("x-2", word());
    expect([hall.spreading.came.spreads, hall.emitted]).toEqual([[], []]);
    for (let count = 0; count < 101; count += 1) hall.spreading.spread("x-1", word());
    expect(hall.spreading.came.spreads).toHaveLength(100);
  });

  it("what a node makes up is not counted: transports it was not told to use, and counters without end", async () => {
    const hall = await oneSegment().prepare(["x-2", "x-3"], some);
    hall.spreading.settled("x-2", JSON.parse('{ "pigeon": 100, "__proto__": 1, "mctp": 1 }'));
    const counters = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`n${index}`, index]));
    hall.spreading.spread("x-1", word({ counters }));
    const { transports, spreads, apart } = hall.spreading.came;
    expect([transports, apart]).toEqual([{ mctp: { nodes: 1, bytes: 1 } }, []]);
    expect(Object.keys(spreads[0]?.counters ?? {})).toHaveLength(100);
  });
});
