import { expect, it } from "vitest";
import { Turns } from "../../../../core/agent/delivery/turns.ts";

const never = new AbortController().signal;

/** Everything that can go on without waiting has done so. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** What is under way for a key until it is told to end. */
function work(turns: Turns, key: string, log: string[], name: string, signal = never) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const taken = turns.take(key, signal, async () => {
    log.push(`${name} begins`);
    return promise;
  });
  taken.catch(() => undefined);
  return { taken, end: () => resolve(name), fail: () => reject(new Error(`${name} failed`)) };
}

it("one at a time does something with the same key, in the order in which they came; others at once", async () => {
  const [turns, log] = [new Turns(), [] as string[]];
  const [first, second, third] = ["a1", "a2", "a3"].map((name) => work(turns, "a", log, name));
  work(turns, "b", log, "b1");
  await settled();
  expect(log).toEqual(["b1 begins", "a1 begins"].sort());
  first?.end();
  expect(await first?.taken).toBe("a1");
  await settled();
  expect(log.slice(2)).toEqual(["a2 begins"]);
  second?.end();
  third?.end();
  expect(await third?.taken).toBe("a3");
});

it("who fails lets the next one go on", async () => {
  const [turns, log] = [new Turns(), [] as string[]];
  const [first, second] = ["a1", "a2"].map((name) => work(turns, "a", log, name));
  first?.fail();
  await expect(first?.taken).rejects.toThrow("a1 failed");
  second?.end();
  expect(await second?.taken).toBe("a2");
});

it("who gives up does not wait, and does not let those behind go before those ahead", async () => {
  const [turns, log, stop] = [new Turns(), [] as string[], new AbortController()];
  const first = work(turns, "a", log, "a1");
  const second = work(turns, "a", log, "a2", stop.signal);
  const third = work(turns, "a", log, "a3");
  stop.abort(new Error("enough"));
  await expect(second.taken).rejects.toThrow("enough");
  await settled();
  expect(log).toEqual(["a1 begins"]);
  first.end();
  third.end();
  expect(await third.taken).toBe("a3");
  expect(log).toEqual(["a1 begins", "a3 begins"]);
});

it("nothing is begun after the signal, though nobody is ahead", async () => {
  const [turns, log] = [new Turns(), [] as string[]];
  const late = work(turns, "a", log, "a1", AbortSignal.abort(new Error("enough")));
  await expect(late.taken).rejects.toThrow("enough");
  const next = work(turns, "a", log, "a2");
  next.end();
  expect([await next.taken, log]).toEqual(["a2", ["a2 begins"]]);
});
