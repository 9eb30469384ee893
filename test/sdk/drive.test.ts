import { describe, expect, it } from "vitest";
import { realClock } from "../../core/runtime/clock.ts";
import { drive } from "../../sdk/drive.ts";
import type { Machine, Wake } from "../../sdk/index.ts";
import { SimClock } from "../../sdk/testkit/sim/clock.ts";

interface Told {
  readonly type: "tell";
  readonly effects: readonly string[];
  readonly wakeAt?: number;
}

/** Does what it is told, and notes what it was handed and when. */
class Obedient implements Machine<Told, string> {
  wakeAt = Infinity;
  readonly log: string[] = [];

  handle(event: Told | Wake, now: number): string[] {
    this.log.push(`${event.type}@${now}`);
    if (event.type === "wake") {
      this.wakeAt = Infinity;
      return ["woken"];
    }
    this.wakeAt = event.wakeAt ?? this.wakeAt;
    return [...event.effects];
  }
}

function setUp(clock = new SimClock()) {
  const machine = new Obedient();
  const performed: string[] = [];
  const controller = new AbortController();
  const driven = drive(machine, (effect) => void performed.push(effect), clock, controller.signal);
  return { clock, machine, performed, controller, driven };
}

const tell = (effects: readonly string[], wakeAt?: number): Told =>
  wakeAt === undefined ? { type: "tell", effects } : { type: "tell", effects, wakeAt };

describe("a driven machine", () => {
  it("has its effects performed in order before `send` returns", () => {
    const { driven, performed } = setUp();
    driven.send(tell(["store", "send"]));
    expect(performed).toEqual(["store", "send"]);
  });

  it("gets an event that an effect caused only after all effects of the one before", () => {
    const performed: string[] = [];
    const driven = drive(
      new Obedient(),
      (effect) => {
        performed.push(effect);
        if (effect === "cause") driven.send(tell(["caused"]));
      },
      new SimClock(),
      new AbortController().signal,
    );
    driven.send(tell(["cause", "then"]));
    expect(performed).toEqual(["cause", "then", "caused"]);
  });

  it("is woken at the moment it asked for, and once", async () => {
    const { clock, driven, machine, performed } = setUp();
    driven.send(tell([], 100));
    await clock.advance(99);
    expect(performed).toEqual([]);
    await clock.advance(1_000);
    expect(machine.log).toEqual(["tell@0", "wake@100"]);
  });

  it("is woken at the earlier of two moments if it changes its mind", async () => {
    const { clock, driven, machine } = setUp();
    driven.send(tell([], 100));
    driven.send(tell([], 50));
    await clock.advance(1_000);
    expect(machine.log).toEqual(["tell@0", "tell@0", "wake@50"]);
  });

  it("is woken at the later of two moments if it changes its mind", async () => {
    const { clock, driven, machine } = setUp();
    driven.send(tell([], 50));
    driven.send(tell([], 100));
    await clock.advance(1_000);
    expect(machine.log).toEqual(["tell@0", "tell@0", "wake@100"]);
  });

  it("is not woken after it no longer asks", async () => {
    const { clock, driven, machine } = setUp();
    driven.send(tell([], 50));
    driven.send(tell([], Infinity));
    await clock.advance(1_000);
    expect(machine.log).toEqual(["tell@0", "tell@0"]);
  });

  it("is woken for a moment that it asked for from the beginning", async () => {
    const machine = new Obedient();
    machine.wakeAt = 10;
    const clock = new SimClock();
    drive(machine, () => undefined, clock, new AbortController().signal);
    await clock.advance(10);
    expect(machine.log).toEqual(["wake@10"]);
  });

  it("waits on one timer, however often it changes its mind", () => {
    const { clock, driven } = setUp();
    let waiting = 0;
    const until = clock.until.bind(clock);
    clock.until = (moment, signal) => {
      waiting += 1;
      signal?.addEventListener("abort", () => (waiting -= 1));
      return until(moment, signal);
    };
    for (const moment of [500, 400, 600, 300, 700, 300]) driven.send(tell([], moment));
    expect(waiting).toBe(1);
  });

  it("gets nothing after the signal: no event and no wake", async () => {
    const { clock, controller, driven, machine } = setUp();
    driven.send(tell([], 50));
    controller.abort();
    driven.send(tell(["late"]));
    await clock.advance(1_000);
    expect(machine.log).toEqual(["tell@0"]);
  });

  it("has nothing performed after an effect that failed, then or later", () => {
    const performed: string[] = [];
    const driven = drive(
      new Obedient(),
      (effect) => {
        if (effect === "store") throw new Error("the disk is full");
        performed.push(effect);
      },
      new SimClock(),
      new AbortController().signal,
    );
    expect(() => driven.send(tell(["store", "send"]))).toThrow("the disk is full");
    driven.send(tell(["send"]));
    expect(performed).toEqual([]);
  });

  it("is woken by the real clock, never too early", async () => {
    const asked = realClock.now() + 20;
    const woken = new Promise<number>((resolve) => {
      const machine: Machine<Told, number> = {
        wakeAt: asked,
        handle: (_, now) => {
          Object.assign(machine, { wakeAt: Infinity });
          return [now];
        },
      };
      drive(machine, resolve, realClock, new AbortController().signal);
    });
    expect(await woken).toBeGreaterThanOrEqual(asked);
  });
});

describe("the real clock", () => {
  it("rejects with the signal's reason, before and while it waits", async () => {
    const reason = new Error("enough");
    await expect(realClock.until(0, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const waiting = realClock.until(Infinity, controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});
