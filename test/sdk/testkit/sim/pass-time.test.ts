import { expect, it } from "vitest";
import { SimClock } from "../../../../sdk/testkit/sim/clock.ts";
import { passTime } from "../../../../sdk/testkit/sim/pass-time.ts";

it("time passes from one moment that somebody waits for to the next, until it is disposed", async () => {
  const clock = new SimClock();
  const moments: number[] = [];
  const note = async (moment: number) => {
    await clock.until(moment);
    moments.push(clock.now());
  };
  {
    using _passing = passTime(clock);
    await Promise.all([note(86_400_000), note(0.1), note(7)]);
    await note(clock.now() + 0.3);
  }
  expect(moments).toEqual([0.1, 7, 86_400_000, 86_400_000.3]);
  void note(clock.now() + 1);
  for (let turns = 0; turns < 10; turns += 1) await new Promise(setImmediate);
  expect(moments.length).toBe(4);
});
