import { describe, expect, it } from "vitest";
import { isFailure } from "../../../../sdk/index.ts";
import { CollectTrial, broken, data, electionMs, first, id, isWhole, piece } from "./collect-trial.ts";

/** How long the leader may take to begin. */
const beginMs = 4_000;
/** What a peer that brings nothing is given, six tries with their pauses. */
const nearMs = 6_200;

/** A member that waits for its leader, which has so many pieces to hand on. */
async function member(handsOn = 0): Promise<CollectTrial> {
  const node = await CollectTrial.open();
  for (const index of first(handsOn)) node.leaderStore.write(index, piece(index));
  return node;
}

describe("a member of a segment", () => {
  it("takes what its leader sends to all, and asks nobody", async () => {
    const node = await member();
    const running = node.run(node.inSegment());
    await node.clock.advance(beginMs - 100);
    node.arrivals.began(id);
    await node.clock.advance(60_000);
    node.send(...first(20));
    node.arrivals.ended(id, undefined);
    expect(await node.finished(running)).toMatchObject({ error: undefined, elapsedMs: 10 });
    expect([node.came, node.reads]).toEqual([{ mctp: data.length }, { control: 0, leader: 0 }]);
    expect(node.reports.at(-1)).toBe(data.length);
    expect(node.told).toEqual(["the leader sends it to the segment", "it came whole from the leader"]);
  });

  it("wants nothing any more when it has it", async () => {
    const node = await member(20);
    expect((await node.finished(node.run(node.inSegment()))).error).toBeUndefined();
    expect(node.arrivals.find(id)).toBeUndefined();
    expect((await node.finished(node.run(node.inSegment()))).elapsedMs).toBeLessThanOrEqual(10);
  });

  it("fetches it from a leader that does not begin to send, after 4 s", async () => {
    const node = await member(20);
    const { error, elapsedMs } = await node.finished(node.run(node.inSegment()));
    expect(error).toBeUndefined();
    expect(elapsedMs).toBeLessThan(beginMs + 200);
    expect([node.came, node.reads.control]).toEqual([{ http: data.length }, 0]);
  });

  it("fetches from its leader what did not come to all, once each", async () => {
    const node = await member(20);
    const running = node.run(node.inSegment());
    await node.clock.advance(100);
    node.arrivals.began(id);
    node.send(...first(12));
    node.arrivals.ended(id, "it loses more than the others");
    const { elapsedMs } = await node.finished(running);
    expect(elapsedMs).toBeLessThan(200);
    expect([node.came, node.reads]).toEqual([
      { mctp: 12 * 1_024, http: data.length - 12 * 1_024 },
      { control: 0, leader: 8 },
    ]);
  });

  it("goes on with a leader that is still getting it, as long as more comes", async () => {
    const node = await member(3);
    const running = node.run(node.inSegment("http"));
    for (let count = 3; count < 20; count += 1) {
      await node.clock.advance(2_500);
      node.leaderStore.write(count, piece(count));
    }
    expect((await node.finished(running)).error).toBeUndefined();
    expect(node.reads).toEqual({ control: 0, leader: 20 });
  });

  it("goes on with the next leader, with what it has", async () => {
    const node = await member();
    node.network.down("leader");
    const running = node.run(node.inSegment());
    node.arrivals.began(id);
    await node.clock.advance(1_000);
    node.send(...first(5));
    node.arrivals.ended(id, "the leader fell silent");
    await node.clock.advance(nearMs + electionMs + beginMs - 100);
    node.arrivals.began(id);
    await node.clock.advance(60_000);
    expect(node.arrivals.find(id)?.has(4)).toBe(true);
    node.send(...first(20));
    node.arrivals.ended(id, undefined);
    expect((await node.finished(running)).elapsedMs).toBeLessThanOrEqual(10);
    expect([node.came, node.reads]).toEqual([{ mctp: data.length }, { control: 0, leader: 0 }]);
  });

  it("has done with a leader that does not answer as soon as the next one has sent the rest", async () => {
    const node = await member();
    node.network.stall("leader");
    const running = node.run(node.inSegment());
    await node.clock.advance(beginMs + 100);
    node.arrivals.began(id);
    node.send(...first(20));
    node.arrivals.ended(id, undefined);
    expect(await node.finished(running)).toMatchObject({ error: undefined, elapsedMs: 10 });
  });

  it("gets it from control in the end, if nobody else has it; each step has its time", async () => {
    const node = await member();
    node.network.down("leader");
    const { error, elapsedMs } = await node.finished(node.run(node.inSegment()));
    expect(error).toBeUndefined();
    expect([node.came, node.reads.control]).toEqual([{ http: data.length }, 20]);
    const least = beginMs + nearMs + electionMs + beginMs;
    expect(elapsedMs).toBeGreaterThanOrEqual(least);
    expect(elapsedMs).toBeLessThan(least + 500);
  });

  it("does not wait for another leader as long as it hears the one that cannot help", async () => {
    const node = await member(7);
    const running = node.run(node.inSegment());
    await node.clock.advance(beginMs + 1_000);
    node.heardAt = node.clock.now();
    const { elapsedMs } = await node.finished(running);
    expect(elapsedMs).toBeLessThan(nearMs + 500);
    expect([isWhole(node.store), node.reads]).toEqual([true, { control: 13, leader: 7 }]);
  });

  it("asks its leader, then control, where multicast does not reach it, without waiting for anything", async () => {
    const node = await member(20);
    expect((await node.finished(node.run(node.inSegment("http")))).elapsedMs).toBeLessThan(200);
    expect(node.reads).toEqual({ control: 0, leader: 20 });
    const other = await member();
    other.network.down("leader");
    const { elapsedMs } = await other.finished(other.run(other.inSegment("http")));
    expect(elapsedMs).toBeLessThan(nearMs + 500);
    expect(other.reads).toEqual({ control: 20, leader: 0 });
  });

  it("does not ask control for what another wants at the same time, and says how all of it came", async () => {
    const node = await member();
    node.network.down("leader");
    const both = [node.run(), node.run(), node.run(node.inSegment("http"))];
    await node.finished(Promise.all(both));
    expect(node.reads.control).toBe(20);
    expect(node.came).toEqual({ http: data.length });
  });

  it("does not fail for anything that is wrong with its leader", async () => {
    const node = await CollectTrial.open({
      fetch: async (_io, { id: peer }, _range, into) => {
        if (peer === "leader") throw new TypeError("a bug");
        for (const index of first(20)) into.write(index, piece(index));
      },
    });
    expect((await node.finished(node.run(node.inSegment("http")))).error).toBeUndefined();
  });

  it("says that its own disk is full, without waiting for others", async () => {
    const node = await member(20);
    const running = node.run(node.inSegment());
    node.arrivals.began(id);
    await node.clock.advance(100);
    node.disk.failAt(1, "ENOSPC");
    expect(() => node.send(0)).toThrow("ENOSPC");
    node.arrivals.ended(id, "ENOSPC");
    expect(await node.finished(running)).toMatchObject({ error: { code: "ENOSPC" }, elapsedMs: 10 });
  });

  it("stops when it is told to, at every step", async () => {
    const steps: ((node: CollectTrial) => Promise<void>)[] = [
      (node) => node.clock.advance(100),
      async (node) => {
        node.arrivals.began(id);
        await node.clock.advance(beginMs + 60_000);
      },
      (node) => node.clock.advance(beginMs + 500),
      (node) => node.clock.advance(beginMs + nearMs + 500),
      async (node) => {
        node.network.stall("control");
        await node.clock.advance(2 * beginMs + nearMs + electionMs + 500);
      },
    ];
    for (const [index, step] of steps.entries()) {
      const node = await member();
      node.network.down("leader");
      const stop = new AbortController();
      const running = node.run(node.inSegment(), stop.signal);
      const ended = expect(running, `step ${index}`).rejects.toThrow("enough");
      await step(node);
      expect(isWhole(node.store), `step ${index}`).toBe(false);
      stop.abort(new Error("enough"));
      expect((await node.finished(running)).elapsedMs, `step ${index}`).toBeLessThanOrEqual(10);
      await ended;
      expect(node.arrivals.find(id)).toBeUndefined();
    }
  });

  it("lets an assignment that is no good any more go", async () => {
    const node = await CollectTrial.open({ fetch: () => Promise.reject(broken("always")) });
    const { error } = await node.finished(node.run(node.inSegment()));
    expect(isFailure(error, "DIST_ERR_TRANSFER_BROKEN")).toBe(true);
    expect(node.came).toEqual({});
  });
});
