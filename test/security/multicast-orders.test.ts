import { expect, it } from "vitest";
import { readOrder } from "../../core/agent/order.ts";
import type { FromControl } from "../../core/protocol/messages.ts";
import { mostMembers } from "../../core/protocol/segment/messages.ts";
import { DeliveriesTrial } from "../core/agent/delivery/deliveries-trial.ts";
import type { Issued } from "../core/agent/delivery/deliveries-trial.ts";

/** An assignment of which one byte of what is signed, or of the signature, is another. */
function changed({ notice, ...issued }: Issued, at: number): Issued {
  const sealed = Buffer.from(notice.sealed ?? "", "base64");
  const place = at < 0 ? sealed.length + at : at;
  sealed[place] = (sealed[place] ?? 0) ^ 1;
  return { ...issued, notice: { ...notice, sealed: sealed.toString("base64") } };
}

it.each<[string, (issued: Issued, other: Issued) => Issued]>([
  ["of which what is signed was changed", (issued) => changed(issued, 100)],
  ["of which the signature was changed", (issued) => changed(issued, -1)],
  [
    "that is another than the one named",
    (issued, other) => ({ ...issued, notice: { ...other.notice, id: issued.notice.id } }),
  ],
  ["that is nothing", (issued) => ({ ...issued, notice: { ...issued.notice, sealed: "" } })],
])("a leader neither fetches, sends nor hands on an assignment %s", async (_, change) => {
  const node = await DeliveriesTrial.open();
  const [issued, other] = [node.issue(), node.issue()];
  node.spread([change(issued, other)]);
  await node.pass(2_000);
  expect([node.sent.length, node.controlReads, node.words.length]).toEqual([0, 0, 0]);
  for (const peer of ["a", "b"]) expect(await node.fetched(issued, peer)).toBe(0);
  // It goes on with what is right, for the same job as well.
  node.spread([other]);
  await node.pass(2_000);
  expect(node.sent).toHaveLength(1);
});

const notice = { id: "5".repeat(64), site: "www", serial: 4, sizeBytes: 700, transports: ["http"] };
const ceiling = { bytesPerSecond: 5, fromMinute: 0, toMinute: 60 };
const spread = {
  ...{ type: "spread", job: "j", sections: [notice], members: ["n1"], transport: "mctp", quorum: 1 },
  ...{ data: { group: "239.192.0.9", port: 7403 }, ceilings: [ceiling] },
} as const satisfies FromControl;
const near = { id: "n2", host: "192.0.2.1", port: 7402 };
const prepare = { type: "prepare", job: "j", sections: [notice], near } as const satisfies FromControl;

it.each<[string, object]>([
  ["for more members than a segment can have", { ...spread, members: Array(mostMembers + 1).fill("n1") }],
  ["for members that are no ids", { ...spread, members: [1] }],
  ["for members that are longer than anything", { ...spread, members: ["n".repeat(5_000)] }],
  ["at times without end", { ...spread, ceilings: Array(101).fill(ceiling) }],
  ["at times that are none", { ...spread, ceilings: [{ ...ceiling, fromMinute: -1 }] }],
  ["at half a byte a second", { ...spread, ceilings: [{ ...ceiling, bytesPerSecond: 0.5 }] }],
  ["to a quorum below nobody", { ...spread, quorum: -1 }],
  ["to no group", { ...spread, data: { port: 1 } }],
  ["to a group that is a text of any length", { ...spread, data: { group: "2".repeat(46), port: 1 } }],
  ["to port 0", { ...spread, data: { group: "239.192.0.9", port: 0 } }],
  ["to a port beyond all", { ...spread, data: { group: "239.192.0.9", port: 65_536 } }],
  ["of sections that are no list", { ...spread, sections: notice }],
  ["near a port beyond all", { ...prepare, near: { ...near, port: 65_536 } }],
  ["near nobody", { ...prepare, near: null }],
  ["near one without an id", { ...prepare, near: { host: near.host, port: near.port } }],
])("what control tells of handing on is read as it is meant, or not at all: %s", (_, order) => {
  for (const good of [spread, prepare]) expect(readOrder(JSON.stringify(good))).toEqual(good);
  expect(() => readOrder(JSON.stringify(order))).toThrow(expect.objectContaining({ code: "DIST_ERR_TRANSFER_BROKEN" }));
});
