import { describe, expect, it } from "vitest";
import { isFailure } from "../../../../sdk/index.ts";
import { CollectTrial, broken, cut, data, isWhole } from "./collect-trial.ts";
import type { TrialOptions } from "./collect-trial.ts";

const trial = (fetch?: TrialOptions["fetch"]) => CollectTrial.open(fetch === undefined ? {} : { fetch });

describe("a node that collects data", () => {
  it("gets all pieces and says so", async () => {
    const node = await trial();
    expect((await node.finished(node.run())).error).toBeUndefined();
    expect(isWhole(node.store)).toBe(true);
    expect(node.reports.at(-1)).toBe(data.length);
  });

  it("asks for nothing when it has everything already", async () => {
    const node = await trial(() => Promise.reject(new Error("it was asked")));
    for (const [index, piece] of cut.entries()) node.store.write(index, piece);
    expect((await node.finished(node.run())).error).toBeUndefined();
  });

  it("goes on at the piece where the connection broke, again and again", async () => {
    const node = await trial();
    const running = node.run();
    const breaking = (async () => {
      for (let times = 0; times < 5; times += 1) {
        node.network.breakAfter("control", 3_500);
        await node.clock.advance(1_000);
      }
    })();
    await breaking;
    const { error } = await node.finished(running);
    expect(error).toBeUndefined();
    expect(isWhole(node.store)).toBe(true);
  });

  it("waits longer between attempts that bring nothing, five seconds at most, and takes heart when something comes", async () => {
    const moments: number[] = [];
    const node = await trial(async (io, _source, _range, into) => {
      moments.push(io.clock.now());
      if (moments.length === 9) into.write(0, cut[0] ?? new Uint8Array());
      throw broken("again");
    });
    const { error } = await node.finished(node.run());
    expect(isFailure(error, "DIST_ERR_TRANSFER_BROKEN")).toBe(true);
    const pauses = moments.slice(1).map((moment, index) => moment - (moments[index] ?? 0));
    expect(pauses.slice(0, 10)).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 200, 400]);
  });

  it("gives up when the assignment expires, not before", async () => {
    const node = await trial(() => Promise.reject(broken("always")));
    const { error, elapsedMs } = await node.finished(node.run());
    expect(isFailure(error, "DIST_ERR_TRANSFER_BROKEN")).toBe(true);
    expect(elapsedMs).toBeGreaterThanOrEqual(60_000);
    expect(elapsedMs).toBeLessThan(66_000);
  });

  it("comes to an end with a transport that says it is done and brought nothing", async () => {
    let times = 0;
    const node = await trial(async () => void (times += 1));
    const { error } = await node.finished(node.run());
    expect(isFailure(error, "DIST_ERR_TRANSFER_BROKEN")).toBe(true);
    expect(times).toBeLessThan(50);
  });

  it("does not ask again after an error that will not go away", async () => {
    let times = 0;
    const node = await trial(async () => {
      times += 1;
      throw new TypeError("a bug");
    });
    expect((await node.finished(node.run())).error).toBeInstanceOf(TypeError);
    expect(times).toBe(1);
  });

  it("stops when it is told to, while it waits and while it receives", async () => {
    for (const stall of [false, true]) {
      const node = await trial(stall ? undefined : () => Promise.reject(broken("again")));
      if (stall) node.network.stall("control");
      const stop = new AbortController();
      const running = node.run({}, stop.signal);
      setImmediate(() => stop.abort(new Error("enough")));
      expect((await node.finished(running)).error).toMatchObject({ message: "enough" });
    }
  });

  it("says that its own disk is full instead of asking again", async () => {
    const node = await trial();
    node.disk.failAt(5, "ENOSPC");
    expect((await node.finished(node.run())).error).toMatchObject({ code: "ENOSPC" });
    expect((await node.finished(node.run())).error).toBeUndefined();
    expect(isWhole(node.store)).toBe(true);
  });

  it("refuses a transport that it has not got", async () => {
    const node = await CollectTrial.open({ transports: ["pigeon"] });
    expect((await node.finished(node.run())).error).toMatchObject({ code: "DIST_ERR_PROVIDER_UNKNOWN" });
  });

  it("passes over a transport that it has not got, if it has another", async () => {
    const node = await CollectTrial.open({ transports: ["pigeon", "http"] });
    expect((await node.finished(node.run())).error).toBeUndefined();
    expect(node.came).toEqual({ http: data.length });
  });

  it("refuses one that only brings what is sent to all, since nobody sends that to it", async () => {
    const node = await CollectTrial.open({ transports: ["mctp"] });
    expect((await node.finished(node.run())).error).toMatchObject({ code: "DIST_ERR_PROVIDER_UNUSABLE" });
  });

  it("does not count what it had already", async () => {
    const node = await trial(async (_io, _source, _range, into) => {
      into.write(0, cut[0] ?? new Uint8Array());
      throw broken("always");
    });
    node.store.write(0, cut[0] ?? new Uint8Array());
    await node.finished(node.run({ mostTries: 1 }));
    expect(node.came).toEqual({});
  });

  it("asks control in vain only so often if it is told how often", async () => {
    let times = 0;
    const node = await trial(async () => {
      times += 1;
      throw broken("always");
    });
    const { error, elapsedMs } = await node.finished(node.run({ mostTries: 3 }));
    expect([isFailure(error, "DIST_ERR_TRANSFER_BROKEN"), times]).toEqual([true, 3]);
    expect(elapsedMs).toBeLessThan(1_000);
  });
});
