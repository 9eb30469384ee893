import { describe, expect, it } from "vitest";
import { recordingHost, testPlugin, testPriority } from "distributary/testkit";
import { orderLeaders } from "distributary/sdk";
import type { NodeFacts } from "distributary/sdk";
import staticPriority from "../../plugins/static-priority/index.ts";

const create = (order: readonly string[]) => recordingHost(staticPriority, { order }).priorities.get("static");

testPlugin(staticPriority);
testPriority("static", () => create([]));
testPriority("static with a list", () => create(["db-1", "n-77", "db-2"]));

describe("static priority", () => {
  const nodes = ["a", "b", "c", "d"].map((id) => ({ id, name: `web-${id}` }));
  const ordered = (order: readonly string[], among: readonly NodeFacts[] = nodes) =>
    orderLeaders(create(order), among, { id: "source" }).map(({ id }) => id);

  it("ranks by the list, of names and ids, the first best", () => {
    const priority = create(["web-c", "b", "web-d"]);
    const priorities = ["c", "b", "d", "a"].map((id) => priority.of({ id, name: `web-${id}` }));
    expect(priorities).toEqual([...new Set(priorities)].sort((x, y) => y - x));
  });

  it("serves in the order of the list, then all others by their ids", () => {
    expect(ordered(["web-c", "b"])).toEqual(["c", "b", "a", "d"]);
    expect(ordered(["web-d", "elsewhere", "a"])).toEqual(["d", "a", "b", "c"]);
    expect(ordered([])).toEqual(["a", "b", "c", "d"]);
  });

  it("gives one that is listed twice the better place", () => {
    expect(ordered(["web-c", "a", "c", "web-c"])).toEqual(["c", "a", "b", "d"]);
    expect(ordered(["d", "web-a", "a", "web-d"])).toEqual(["d", "a", "b", "c"]);
  });

  it("takes those that are not listed for equal, whatever else is known of them", () => {
    const priority = create(["web-c"]);
    const fast = { id: "b", cpuCount: 128, memoryBytes: 2 ** 40, reliability: 1, ledAgoMs: 0, roundTripMs: 1 };
    expect(priority.of(fast)).toBe(priority.of({ id: "a" }));
  });

  it("has ranks count among those that are not listed, and never above the list", () => {
    const ranked = [{ id: "a" }, { id: "b", rank: 1 }, { id: "c", rank: -(10 ** 9) }, { id: "d", rank: 10 ** 9 }];
    expect(ordered(["c"], ranked)).toEqual(["c", "d", "b", "a"]);
  });

  it("keeps a list of 100,000 apart, and refuses a longer one", () => {
    const names = Array.from({ length: 100_000 }, (_, index) => `node-${index}`);
    const priority = create(names);
    const priorities = [...names, "other"].map((name) => priority.of({ id: "a", name }));
    expect(priorities.every((value, index) => index === 0 || value < (priorities[index - 1] ?? 0))).toBe(true);
    const tooMany = [...names, "one-more"];
    expect(() => create(tooMany)).toThrow(expect.objectContaining({ code: "DIST_ERR_OPTIONS_INVALID" }));
  });
});
