import { expect, it } from "vitest";
import { cameBy } from "../../../../core/agent/delivery/deliveries.ts";
import type { SegmentPlace } from "../../../../core/agent/segment/transports.ts";
import { DeliveriesTrial, sectionBytes } from "./deliveries-trial.ts";

it.each<[string, (place: SegmentPlace) => SegmentPlace | undefined]>([
  ["is in no segment", () => undefined],
  ["multicast does not reach", (place) => ({ ...place, isLeading: false, isCutOff: true })],
  ["leads itself", (place) => place],
])("a node that %s waits for no leader", async (_, change) => {
  const node = await DeliveriesTrial.open();
  node.place = change(node.place as SegmentPlace);
  const preparing = node.prepare([node.issue()]);
  await node.pass(200);
  expect(cameBy(await preparing)).toEqual({ http: sectionBytes });
});

it("a member takes each section as its leader sends it, and says how far all of them are", async () => {
  const node = await DeliveriesTrial.open();
  node.place = { ...(node.place as SegmentPlace), isLeading: false };
  const issued = [node.issue(), node.issue()];
  const preparing = node.prepare(issued, node.network.peer("leader"));
  const { arrivals } = node.deliveries;
  for (const { assignment, data } of issued) {
    await node.pass(1_000);
    arrivals.began(assignment.id);
    for (let index = 0; index < 10; index += 1) {
      await node.pass(600);
      arrivals.find(assignment.id)?.write(index, data.subarray(index * 4_096, (index + 1) * 4_096));
    }
    arrivals.ended(assignment.id, undefined);
  }
  await node.pass(0);
  expect(cameBy(await preparing)).toEqual({ mctp: 2 * sectionBytes });
  const done = node.said.flatMap((word) => (word.type === "progress" ? [[word.doneBytes, word.totalBytes]] : []));
  expect(done.length).toBeGreaterThan(20);
  expect(done).toEqual([...done].sort(([a = 0], [b = 0]) => a - b));
  expect(done.at(-1)).toEqual([2 * sectionBytes, 2 * sectionBytes]);
  expect(node.controlReads).toBe(0);
  node.discard(issued);
  expect(node.spooled).toEqual([]);
});
