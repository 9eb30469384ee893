import { afterAll, beforeAll, expect, it } from "vitest";
import { linkPaths } from "../../../../core/protocol/messages.ts";
import { noise, writeTree } from "../../../system/tree.ts";
import { SpokenNode, reportOf } from "../segments/members.ts";
import { Trial } from "../trial.ts";

let trial: Trial;
let nodes: SpokenNode[] = [];

beforeAll(async () => {
  trial = await Trial.start("embedded");
  await trial.declare({
    groups: { web: { nodes: ["web-1", "web-2"] } },
    sites: { www: { staging: "./staging/www", group: "web", policy: { encrypt: "aes-256-gcm" } } },
  });
  writeTree(trial.staging("www"), { "film.mp4": noise(300_000, "film") });
  nodes = await Promise.all(
    ["leader", "web-1", "web-2", "other"].map(async (name, index) => {
      const node = await SpokenNode.enrol(trial, name, { segment: "hall" });
      return node.connect({ serves: { address: "192.0.2.1", port: 1_000 + index } });
    }),
  );
});
afterAll(async () => {
  for (const node of nodes) await node[Symbol.asyncDispose]();
  await trial[Symbol.asyncDispose]();
});

it("a leader may have what it hands on though it is not for itself, but never the key, and only for the job", async () => {
  const [leader, one, two, other] = nodes as [SpokenNode, SpokenNode, SpokenNode, SpokenNode];
  await leader.report(reportOf(leader.id, [one.id, two.id, other.id]), "hall");
  const spreading = leader.order("spread");
  const preparing = [one, two].map((node) => node.order("prepare"));
  const asked = [one, two].map(async (node) => {
    const { job } = await node.order("ask");
    await node.say({ type: "room", job, able: true });
  });
  const { id: job } = await trial.control.ask({ kind: "publish", site: "www" }, "test");
  await Promise.all(asked);
  const order = await spreading;
  expect(order).toMatchObject({ job, transport: "mctp", data: trial.control.segments.dataChannel("hall", "web") });
  expect([...order.members].sort()).toEqual([one.id, two.id].sort());
  const [section] = order.sections;
  for (const prepare of await Promise.all(preparing)) {
    expect(prepare.near).toEqual({ id: leader.id, host: "192.0.2.1", port: 1_000 });
    expect(prepare.sections.map(({ id, transports }) => ({ id, transports }))).toEqual([
      { id: section?.id, transports: ["mctp", "http"] },
    ]);
  }
  const may = async (node: SpokenNode) => {
    const paths = [linkPaths.buffer + section?.id, `/pieces/${section?.id}/0-1`, linkPaths.key + section?.id];
    return Promise.all(paths.map(async (path) => (await node.get(path)) === 200));
  };
  expect(await may(one)).toEqual([true, true, true]);
  expect(await may(leader)).toEqual([true, true, false]);
  expect(await may(other)).toEqual([false, false, false]);
  const over = leader.order("spread-over");
  await trial.control.jobs.abort(job, "test");
  expect(await over).toEqual({ type: "spread-over", job });
  expect(await may(leader)).toEqual([false, false, false]);
});
