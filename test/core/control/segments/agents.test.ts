import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { SegmentView } from "../../../../core/control/segments/view.ts";
import { Trial } from "../trial.ts";

/** What plugins were told, by name; the plugin below runs in this process. */
const told: string[] = [];
const plugin = `
  export default {
    name: "listener", api: 1, roles: ["control"],
    setup({ hooks }) {
      const tell = (text) => globalThis.toldOfSegments.push(text);
      hooks.leaderElected.tap((segment, node) => tell("leader " + segment + " " + node));
      hooks.nodeJoined.tap((node) => tell("joined " + node));
      hooks.nodeLeft.tap((node) => tell("left " + node));
    },
  };
`;

let directory: string;
let trial: Trial;
const names = ["a", "b", "c"];
const ids = new Map<string, string>();

beforeAll(async () => {
  Object.assign(globalThis, { toldOfSegments: told });
  directory = mkdtempSync(join(tmpdir(), "distributary-plugins-"));
  writeFileSync(join(directory, "listener.mjs"), plugin);
  trial = await Trial.start("embedded", [{ use: join(directory, "listener.mjs") }]);
  await trial.declare({ segments: { hall: { timings: "fast", leaders: ["b", "c"], ineligible: ["a"] } } });
});
afterAll(async () => {
  await trial[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

/** Resolves when so many nodes follow this leader. */
async function led(leader: string, members: number): Promise<SegmentView> {
  const fits = () => {
    const { state, ...now } = trial.control.segments.view("hall");
    return state === "led" && now.leader === leader && now.members === members;
  };
  while (!fits()) await trial.event(({ type }) => type === "segment");
  return trial.control.segments.view("hall");
}

it("agents elect whom the administrator chose, and plugins are told of it", async () => {
  for (const name of names) {
    await trial.startAgent(name, { segment: "hall" });
    ids.set(name, await trial.nodeId(name));
  }
  const { nodes, refused } = await led("b", 3);
  expect(nodes.map(({ name, is, eligible }) => [name, is, eligible])).toEqual([
    ["a", "member", false],
    ["b", "leader", undefined],
    ["c", "member", true],
  ]);
  expect(refused).toEqual({ reports: 0, members: 0, last: "" });
  expect(told).toContain(`leader hall ${ids.get("b")}`);
  expect(told.filter((text) => text.startsWith("joined")).sort()).toEqual(
    [...ids.values()].map((id) => `joined ${id}`).sort(),
  );
});

it("when the leader goes the next one is theirs too, and the segment keeps its name", async () => {
  told.length = 0;
  await trial.stopAgent("b");
  const { segment, epoch } = await led("c", 2);
  expect({ segment, epoch }).toEqual({
    segment: "hall",
    epoch: expect.toSatisfy((value: number) => value > 1) as number,
  });
  expect(told).toContain(`leader hall ${ids.get("c")}`);
  expect(told).not.toContain(`left ${ids.get("c")}`);
  expect(told).not.toContain(`left ${ids.get("a")}`);
});

it("a segment whose nodes may not lead says that it has no leader", async () => {
  await trial.stopAgent("c");
  await expect.poll(() => trial.control.segments.view("hall").connected).toBe(1);
  expect(trial.control.segments.view("hall")).toMatchObject({ connected: 1, enrolled: 3 });
});

it("the old leader leads again once it is back", async () => {
  const before = Date.now();
  await trial.startAgent("b", { segment: "hall" });
  expect((await led("b", 2)).leaderSince).toBeGreaterThan(before);
});
