import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkAssignment } from "../../core/agent/accept.ts";
import type { SitePermission } from "../../core/agent/accept.ts";
import { resultOf } from "../../core/assignment/commands.ts";
import { emptyTree, treeHash } from "../../core/content/manifest.ts";
import type { Manifest } from "../../core/content/manifest.ts";
import type { AssignmentNotice, FromNode } from "../../core/protocol/messages.ts";
import { SiteTrial, emptyDisk, orderTo, updateTo } from "../core/agent/site-trial.ts";
import { FakeControl, fileCommand } from "../system/fake-control.ts";
import { readTree } from "../system/tree.ts";

it("SEC-19: whatever was sent once, sent again in any order, changes nothing", async () => {
  const root = mkdtempSync(join(tmpdir(), "distributary-replays-"));
  try {
    writeFileSync(join(root, "local.yaml"), "roots: { www: ./www }\nkeepReleases: 5\n");
    await using control = await FakeControl.start(join(root, "local.yaml"));
    const sent: { notice: AssignmentNotice; send: (notice: AssignmentNotice) => Promise<FromNode> }[] = [];
    const send = async (how: "prepare" | "switch", notice: AssignmentNotice) => {
      sent.push({ notice, send: (each) => control[how](each) });
      expect((await control[how](notice)).type).not.toBe("failed");
    };
    const trees: Manifest[] = [[]];
    for (const version of [1, 2, 3]) {
      const content = Buffer.from(`version ${version}\n`);
      const commands = [fileCommand("index.txt", content)];
      const base = trees.at(-1) ?? [];
      trees.push(resultOf(base, commands));
      await send("prepare", control.notice("update", version, { commands, data: content, base }));
      const result = treeHash(trees[version] ?? []);
      await send("switch", control.notice("commit", version, { header: { result } }));
    }
    await send("switch", control.notice("rollback", 1, { header: { result: treeHash(trees[1] ?? []) } }));
    await send("switch", control.notice("commit", 3, { header: { result: treeHash(trees[3] ?? []) } }));
    const live = readTree(join(root, "www/live"));
    for (const order of [sent, [...sent].reverse(), [...sent, ...sent.slice(0, 4)]]) {
      for (const { notice, send: again } of order) {
        const answer = await again(notice);
        const isHarmless = answer.type !== "failed" || answer.code === "DIST_ERR_ASSIGNMENT_SERIAL";
        expect(isHarmless, `${notice.serial}: ${JSON.stringify(answer)}`).toBe(true);
        expect(readTree(join(root, "www/live"))).toEqual(live);
      }
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});

it.each<[string, (trial: SiteTrial) => Promise<void>]>([
  ["a restart", async () => {}],
  ["releases were dropped", async (trial) => void (await trial.publish(3, 9, 2))],
  ["the site was removed", async (trial) => void trial.remove(20)],
  [
    "it was removed and came back",
    async (trial) => {
      trial.remove(20);
      await trial.publish(1, 21, 0);
    },
  ],
])("SEC-19: what was good once is still known as old after %s", async (_, act) => {
  const disk = emptyDisk();
  const before = new SiteTrial(disk);
  await before.publish(1, 1, 0);
  await before.publish(2, 3, 1);
  await act(before);
  const { lastSerial } = before.releases.state;
  const after = new SiteTrial(disk);
  after.releases.recover();
  const { state } = after.releases;
  expect(state.lastSerial).toBe(lastSerial);
  const permission: SitePermission = {
    ...{ directory: "/srv/shop", maxEntries: 100, maxBytes: 1e9, maxFileBytes: 1e9, extensions: [] },
    ...{ names: "any", symlinks: "keep" },
  };
  for (let serial = 1; serial <= lastSerial; serial += 1) {
    const old = [updateTo(1, serial, 0), updateTo(2, serial, 1), orderTo(1, serial), orderTo(0, serial)];
    for (const assignment of old) {
      const { version, result } = assignment.header;
      const isLive = state.live?.version === version && state.live.tree === result;
      const isGone = result === emptyTree && state.live === undefined && serial === lastSerial;
      if (isLive || isGone) continue;
      expect(() => checkAssignment(assignment, "n1", state, permission, 0), String(serial)).toThrow(
        expect.objectContaining({ code: "DIST_ERR_ASSIGNMENT_SERIAL" }),
      );
    }
  }
});
