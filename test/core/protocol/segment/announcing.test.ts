import { describe, expect, it } from "vitest";
import { others, Stage, timings } from "./stage.ts";

const { periodMs } = timings;
const bytes = (text: string) => Buffer.from(text);

/** What rides on each `alive` since `forget`. */
const rides = (stage: Stage) =>
  stage.said("alive").map((alive) => (alive.rides === undefined ? undefined : Buffer.from(alive.rides).toString()));

const announce = (stage: Stage, text: string | undefined) =>
  stage.event({ type: "announce", rides: text === undefined ? undefined : bytes(text) });

const leader = () => new Stage().until("leader is me").forget();

describe("a leader that is told to announce something", () => {
  it("says so at once to everybody, and with every sign of life until something else is", () => {
    const stage = leader();
    announce(stage, "one");
    expect(stage.effects).toMatchObject([{ type: "multicast", message: { type: "alive" } }]);
    expect(rides(stage)).toEqual(["one"]);
    stage.wait(3 * periodMs);
    expect(rides(stage)).toEqual(["one", "one", "one", "one"]);
    announce(stage.forget(), "two");
    stage.wait(periodMs);
    expect(rides(stage)).toEqual(["two", "two"]);
  });

  it("stops when it is told to", () => {
    const stage = leader();
    announce(stage, "one");
    announce(stage.forget(), undefined);
    stage.wait(2 * periodMs);
    expect(rides(stage)).toEqual([undefined, undefined, undefined]);
  });

  it("says the same sign of life again, and the next one when it is due", () => {
    const stage = leader();
    while (stage.said("alive").length === 0) stage.wait(1);
    const [before] = stage.said("alive");
    stage.wait(periodMs / 2).forget();
    announce(stage, "one");
    stage.wait(periodMs / 2 - 1);
    expect(stage.said("alive")).toEqual([{ ...before, rides: bytes("one") }]);
    stage.forget().wait(1);
    expect(stage.said("alive")).toMatchObject([{ sequence: (before?.sequence ?? 0) + 1 }]);
  });

  it("says it to those as well whom multicast does not reach", () => {
    const stage = leader();
    const at = { address: "192.0.2.7", port: 7 };
    const register = {
      type: "register",
      at,
      name: "a",
      priority: 1,
      eligible: true,
      epoch: 1,
      byUnicast: true,
    } as const;
    stage.event({ type: "message", from: "a", message: register, way: "unicast" }).forget();
    announce(stage, "one");
    expect(stage.effects).toContainEqual(expect.objectContaining({ type: "send", to: at }));
    expect(rides(stage)).toEqual(["one", "one"]);
  });

  it("says it to who asks whether it is there", () => {
    const stage = leader();
    announce(stage, "one");
    stage.forget().claim("worse");
    expect(rides(stage)).toEqual(["one", "one"]);
  });

  it("goes on under a newer epoch of its own", () => {
    const stage = leader();
    announce(stage, "one");
    const { at } = others.worse;
    const here = { type: "here", at, epoch: 5, sequence: 1, lostPermille: 0, byUnicast: false } as const;
    stage.forget().hear("worse", here, "unicast");
    expect(stage.said("alive")).toMatchObject([{ epoch: 6, rides: bytes("one") }]);
  });

  it("has nothing to announce when it leads again", () => {
    const stage = leader();
    announce(stage, "one");
    stage.hear("better", { ...claimOf("better"), epoch: 9, hears: "me" });
    expect(stage.state).toBe("leader known");
    stage.hear("better", { type: "resign", epoch: 9 }).until("leader is me").forget();
    stage.wait(2 * periodMs);
    expect(rides(stage)).toEqual([undefined, undefined]);
  });
});

it("a member that does not lead announces nothing, neither then nor when it leads", () => {
  const stage = new Stage().alive("better").forget();
  announce(stage, "one");
  expect(stage.effects).toEqual([]);
  stage.until("leader is me").wait(periodMs);
  expect(new Set(rides(stage))).toEqual(new Set([undefined]));
});

function claimOf(from: "better") {
  const { at, priority } = others[from];
  return { type: "claim", at, priority, leading: true } as const;
}
